"""What is wrong with a pair of parallel text, a file a family of rules.

A rule is a function here, a line of the table in `rules.py` and a key of `[filter]`.
"""
