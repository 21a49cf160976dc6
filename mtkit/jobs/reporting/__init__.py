"""The steps of `mtkit.jobs.report`: what a report says of runs, of their text and of systems."""
