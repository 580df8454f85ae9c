"""One router a noun; each says what, not how."""
