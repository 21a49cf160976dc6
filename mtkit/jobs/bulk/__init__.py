"""Many lines of many files, by as many processes and machines as there are: chunks, their results, what is missing."""
