"""Kernels in Triton, one file a kind of work; each says what a program of it does."""
