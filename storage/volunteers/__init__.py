"""Volunteers: their machines, when they were heard of, what they computed."""
