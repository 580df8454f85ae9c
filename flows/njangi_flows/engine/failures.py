"""Decide which failures of a batch are final because no retry can mend them.

Plain functions of plain values. A failure is for good when its batch has had its tries or its time, and when its error
is of a type that another try does not mend.
"""

from __future__ import annotations

from njangi_flows.protocol import CLOSE_TIMED_OUT, REFUSED_BY_ALL, START_TIMED_OUT, SettledBatch
from njangi_flows.workflow.model import Retry


def not_mended(retry: Retry) -> list[str]:
    """Return the types of errors that are not tried again: what nobody takes, and what the task names."""
    return [START_TIMED_OUT, REFUSED_BY_ALL, *retry.non_retryable]


def lost_for_good(settled: SettledBatch, retry: Retry) -> int:
    """Return how many of the batch's failures are for good, those that were set aside among them."""
    if settled.tries >= retry.maximum_attempts or CLOSE_TIMED_OUT in settled.error_types:
        return settled.failed
    return settled.aside + sum(settled.error_types.get(type_, 0) for type_ in set(not_mended(retry)))
