"""Lend subtasks to agents and take their reports."""
