"""Publish: looks into files and writes what people then edit, `run.toml` and `dataset.toml`."""
