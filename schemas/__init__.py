"""Compact tables of the data models that fronts generate their schemas from."""
