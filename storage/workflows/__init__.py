"""Workflows, their versions and schedules."""
