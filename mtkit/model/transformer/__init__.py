"""The Transformer under the same interfaces."""
