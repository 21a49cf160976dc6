"""Recurrent encoders and decoders, and their fast, hand-differentiated passes."""
