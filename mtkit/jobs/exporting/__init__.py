"""The steps of exporting to what others made: what they cannot say, and the model in their terms."""
