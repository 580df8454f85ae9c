"""Speak with the service: requests, transfers, and the reports that wait for a connection."""
