"""Sampling and tracing on grids: arrays in, arrays out, no files and no resources."""
