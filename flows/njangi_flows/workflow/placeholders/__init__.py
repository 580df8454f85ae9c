"""Placeholders: read them in texts, check them, and fill them with values."""
