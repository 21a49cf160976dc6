"""Parallel text in files, a file a format. Must not know filters or tokenizers."""
