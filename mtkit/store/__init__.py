"""What lies on disk and is read again: bundles, runs, checkpoints. Typed, with a version."""
