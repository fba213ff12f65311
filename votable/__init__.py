"""VOTable: bounded reader and streaming writer."""
