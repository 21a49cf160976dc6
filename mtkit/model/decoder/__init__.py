"""From a memory and the words so far to a vector from which the next word is predicted."""
