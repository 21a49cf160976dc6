"""Loss, optimisers, schedules, the loop and what of a run can be resumed. Must not know search, scores or commands."""
