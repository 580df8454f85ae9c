"""Routes of people: sessions, tokens, users and the audit log."""
