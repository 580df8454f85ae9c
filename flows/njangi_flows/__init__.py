"""Workflows whose tasks run on volunteers' machines."""
