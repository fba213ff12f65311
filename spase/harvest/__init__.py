"""Harvest: records of OAI-PMH endpoints, IMPEx trees and folders, a harvester each."""
