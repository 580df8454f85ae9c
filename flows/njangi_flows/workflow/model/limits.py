"""What bounds a task: the resources of a subtask, timeouts, retries."""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from njangi_flows.workflow.model.names import DAY, Limit, Model, Title
from njangi_flows.workflow.problems import wrong
from njangi_flows.workflow.quantities import Duration, Size

_MEBIBYTE = 1024 * 1024
LEAST_MEMORY = 32 * _MEBIBYTE
LEAST_STORAGE = _MEBIBYTE
"""Agents hold no subtask to less: a program needs as much to start."""


class Resources(Model):
    """What one subtask needs while it runs: cores, and bytes of memory and of storage."""

    cpu: float = Field(default=1.0, gt=0, le=1024, allow_inf_nan=False)
    memory: Size = Field(default=256 * _MEBIBYTE, gt=0, lt=2**50)
    storage: Size = Field(default=64 * _MEBIBYTE, ge=0, lt=2**50)


def _start_to_close(given: dict[str, Any]) -> float:
    """Return what one attempt may take where nothing is said: ten minutes, but no longer than the whole."""
    return min(600.0, given.get("schedule_to_close") or math.inf)


class Timeouts(Model):
    """Seconds, with Temporal's meaning.

    `schedule_to_start` limits how long a subtask may wait for an attempt, `start_to_close` one attempt,
    `schedule_to_close` all from first queueing to the end, attempts and retries included, and `heartbeat`
    how long an agent may be silent.
    """

    schedule_to_close: Limit | None = None
    schedule_to_start: Limit | None = None
    start_to_close: Duration = Field(default_factory=_start_to_close, gt=0, le=30 * DAY)
    heartbeat: Duration = Field(default=30.0, ge=1, le=DAY)

    @field_validator("schedule_to_start", "start_to_close")
    @classmethod
    def _fits_into_the_whole(cls, limit: float | None, info: ValidationInfo) -> float | None:
        whole = info.data.get("schedule_to_close")
        if limit is not None and whole is not None and limit > whole:
            raise wrong("longer-than-whole", limit=whole)
        return limit


class Retry(Model):
    """What follows a task's own error; the words and defaults are Temporal's. Intervals in seconds."""

    maximum_attempts: int = Field(default=3, ge=1, le=100)
    initial_interval: Duration = Field(default=1.0, ge=0, le=DAY)
    backoff_coefficient: float = Field(default=2.0, ge=1, le=100)
    maximum_interval: Duration = Field(default=60.0, ge=0, le=DAY)
    non_retryable: list[Title] = Field(default_factory=list, max_length=100)

    def interval(self, attempt: int) -> float:
        """Return the seconds to wait after attempt number `attempt` (1, 2, ...) failed."""
        try:
            interval = self.initial_interval * self.backoff_coefficient ** (attempt - 1)
        except OverflowError:
            return self.maximum_interval
        return min(interval, self.maximum_interval)
