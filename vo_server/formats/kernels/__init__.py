"""Compiled kernels of text: the same bytes and numbers as the Python code, but faster.

Importing a module of this package compiles it, or loads what was compiled before; only
`vo_server.formats.engine` does so.
"""
