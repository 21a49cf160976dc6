"""Wirings: how attention and recurrence of a decoder are connected."""
