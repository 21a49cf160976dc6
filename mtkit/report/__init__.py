"""Makes texts and tables of results. Must not know torch."""
