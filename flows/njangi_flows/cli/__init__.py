"""The `njangi` command, with which people use the service from a terminal."""
