"""HAPI: room for the time-series front and for remote HAPI servers; nothing is built yet."""
