"""Rebuilds the bundled parallel text, `data/DOMAIN.en-LANGUAGE`, from Debian packages: see `data/README.md`.

Knows files and strings; nothing of mtkit.
"""
