"""SPASE: room for the data model, its records and their harvesting; nothing is built yet."""
