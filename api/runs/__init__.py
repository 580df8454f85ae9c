"""Runs as callers start them, wait for them and look at them."""
