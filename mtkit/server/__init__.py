"""Translations over HTTP, by interfaces that clients know. Must not know flags."""
