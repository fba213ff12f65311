"""SPASE: records of SPASE and IMPEx, read from anybody's documents, judged, and written."""
