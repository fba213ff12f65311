"""Compiled kernels: the same numbers as the NumPy code, to the bit, but faster.

Importing a module of this package compiles it, or loads what was compiled before; only
`interpolation.engine` does so.
"""
