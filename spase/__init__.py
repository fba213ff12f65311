"""SPASE: the room of the data model, its records, registry and harvesting."""
