"""A first config for text: what is there, in which languages, how it is divided, what it is worth."""
