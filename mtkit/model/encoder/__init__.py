"""A sentence in, one vector a position out."""
