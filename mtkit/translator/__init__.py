"""Translating: the Python API, and all that a server or a command line needs of it."""
