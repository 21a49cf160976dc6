"""The steps of adapting: the text, what is at hand of the parent's, doubts about it, the config, and what came out."""
