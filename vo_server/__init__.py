"""The node: model, kernel, providers and command line of vo-server."""
