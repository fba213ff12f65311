"""Table formats: bytes in and out as streams of tables."""
