"""Files, settings and arguments that were changed on their way here, and what the commands make of them.

A try is a change of one file of a small trained model, or of what surrounds a command, and a command that meets it.
Its verdict is `right`, `refused` (a line or two, exit code 1 or 2), or else a failure. Tries are numbered, and the same
seed and number make the same try: `python -m tests.fuzz --seed S --try N`.
"""
