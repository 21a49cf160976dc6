"""What a translation may be, whatever the model says: a file a rule. Must not know models."""
