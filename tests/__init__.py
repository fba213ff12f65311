"""Tests; a package, so that nobody else's of that name stands before it."""
