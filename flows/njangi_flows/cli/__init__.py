"""The `njangi` command: a submitter's hands on the service."""
