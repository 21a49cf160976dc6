"""The steps of preprocessing: what is read, what the first reading learns, what the second one writes, the report."""
