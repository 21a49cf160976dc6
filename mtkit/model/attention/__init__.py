"""Alignment models between encoder and decoder: where to look at each step."""
