"""Files of translators: file -> segments -> file, one format a file. Must not know torch, models or who translates."""
