"""Search. Knows a step function and a state that can be reordered; must not know what kind of model they are."""
