"""Recurrent cells: each a few lines of element-wise work between two matrix products."""
