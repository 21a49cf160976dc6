"""How attention and recurrence are connected: a file a wiring."""
