"""Scores of translations: strings in, numbers out. Must not know models or torch."""
