"""The agent: lends a machine to a Njangi service. Standard library only."""

__version__ = "0.1.0"
