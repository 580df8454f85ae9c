"""Subtasks and their batches, from the queue to their results."""
