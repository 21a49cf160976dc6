"""Studies: claims that are tried by runs, measured, and judged by a rule that was fixed before."""
