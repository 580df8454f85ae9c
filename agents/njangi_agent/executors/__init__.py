"""Run attempts: command tasks one by one, calls of Python tasks in a warm interpreter, and what both have in common."""
