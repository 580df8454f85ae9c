"""Routes of workflows: editing, versions, schedules, sharing."""
