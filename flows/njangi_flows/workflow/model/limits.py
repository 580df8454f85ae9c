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
    """What one subtask needs while it runs. Only a machine that lends this much gets the subtask."""

    cpu: float = Field(
        default=1.0,
        gt=0,
        le=1024,
        allow_inf_nan=False,
        description="How many cores the subtask uses.",
        examples=[2],
    )
    memory: Size = Field(
        default=256 * _MEBIBYTE,
        gt=0,
        lt=2**50,
        description=(
            "How much memory the subtask may use. A subtask that uses more fails with `MemoryExceeded`. "
            "Every subtask gets at least 32 MiB."
        ),
        examples=["1GiB"],
    )
    storage: Size = Field(
        default=64 * _MEBIBYTE,
        ge=0,
        lt=2**50,
        description=(
            "How many bytes of files the subtask may write, its standard output included. "
            "A subtask that writes more fails with `StorageExceeded`. Every subtask gets at least 1 MiB."
        ),
        examples=["500MB"],
    )


def _start_to_close(given: dict[str, Any]) -> float:
    """Return what one attempt may take where nothing is said: ten minutes, but no longer than the whole."""
    return min(600.0, given.get("schedule_to_close") or math.inf)


class Timeouts(Model):
    """How long is too long. Each limit counts by itself; the names have Temporal's meaning."""

    schedule_to_close: Limit | None = Field(
        default=None,
        description=(
            "How long a subtask may take in all: waiting, attempts and retries together. After this time it fails for "
            "good with `ScheduleToCloseTimedOut`. Without it there is no such limit."
        ),
        examples=["6h"],
    )
    schedule_to_start: Limit | None = Field(
        default=None,
        description=(
            "How long a subtask may wait for a machine. After this time it fails for good with "
            "`ScheduleToStartTimedOut`. "
            "Without it there is no such limit."
        ),
        examples=["1h"],
    )
    start_to_close: Duration = Field(
        default_factory=_start_to_close,
        gt=0,
        le=30 * DAY,
        description=(
            "How long one attempt may take. After this time it fails with `TimedOut`, and `retry` decides about the "
            "next one. Without it: 10 minutes, or `schedule_to_close` if that is shorter."
        ),
        examples=["30m"],
    )
    heartbeat: Duration = Field(
        default=30.0,
        ge=1,
        le=DAY,
        description=(
            "How long the agent of a machine may be silent. After this time another machine gets the subtask. "
            "This does not count as a failure of the task."
        ),
        examples=["2m"],
    )

    @field_validator("schedule_to_start", "start_to_close")
    @classmethod
    def _fits_into_the_whole(cls, limit: float | None, info: ValidationInfo) -> float | None:
        whole = info.data.get("schedule_to_close")
        if limit is not None and whole is not None and limit > whole:
            raise wrong("longer-than-whole", limit=whole)
        return limit


class Retry(Model):
    """What follows an error of the task itself. The words and the defaults are Temporal's."""

    maximum_attempts: int = Field(
        default=3,
        ge=1,
        le=100,
        description="How many attempts a subtask gets in all. 1 means no second attempt.",
        examples=[5],
    )
    initial_interval: Duration = Field(
        default=1.0,
        ge=0,
        le=DAY,
        description="How long Njangi waits before the second attempt.",
        examples=["10s"],
    )
    backoff_coefficient: float = Field(
        default=2.0,
        ge=1,
        le=100,
        description="The factor by which the wait grows from one attempt to the next.",
        examples=[1.5],
    )
    maximum_interval: Duration = Field(
        default=60.0,
        ge=0,
        le=DAY,
        description="The longest wait between two attempts.",
        examples=["10m"],
    )
    non_retryable: list[Title] = Field(
        default_factory=list,
        max_length=100,
        description=(
            "Types of errors after which there is no further attempt: the class of a Python exception, or a type that "
            "agents report, such as `NonZeroExit`, `TimedOut` or `MemoryExceeded`."
        ),
        examples=[["ValueError", "MemoryExceeded"]],
    )

    def interval(self, attempt: int) -> float:
        """Return the seconds to wait after attempt number `attempt` (1, 2, ...) failed."""
        try:
            interval = self.initial_interval * self.backoff_coefficient ** (attempt - 1)
        except OverflowError:
            return self.maximum_interval
        return min(interval, self.maximum_interval)
