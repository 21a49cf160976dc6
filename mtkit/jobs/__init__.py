"""The jobs as plain functions, and the Python API. Must not print: messages go to the caller's view."""
