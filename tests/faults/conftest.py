"""Faults meet the same stack as the end-to-end tests."""

from tests.end_to_end.conftest import stack, submitter

__all__ = ["stack", "submitter"]
