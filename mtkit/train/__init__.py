"""Loss, schedule, the training loop and what of it can be resumed. Must not know search, scores or commands."""
