"""HAPI: the room of the time-series front and of the provider for remote HAPI servers."""
