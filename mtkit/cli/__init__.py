"""The commands: parse, call the pipeline, render. torch is imported inside function bodies only."""
