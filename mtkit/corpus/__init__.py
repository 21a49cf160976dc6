"""Ids on disk and the batches made of them. Must not know models or training."""
