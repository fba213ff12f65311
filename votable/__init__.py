"""VOTable: bounded reader, streaming writer and column roles."""
