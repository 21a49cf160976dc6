"""Strings only: reading parallel text, filters, the tokenizer. Must not know torch, ids on disk or models."""
