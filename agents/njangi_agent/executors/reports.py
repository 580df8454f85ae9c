"""Make the report of an attempt; a large result is stored as a blob first."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from njangi_agent.errors import AttemptFailedError, RequestRejectedError
from njangi_agent.executors.output import TaskOutput
from njangi_agent.output_tails import NOTHING, Written
from njangi_agent.protocol import Lease, Outcome, Report


class Store(Protocol):
    async def store(self, sha256: str, path: Path) -> None:
        """Send the file as a blob. Waits out an unavailable service; raises RequestRejectedError."""


class Results:
    def __init__(self, store: Store) -> None:
        self.store = store

    async def returned(
        self,
        lease: Lease,
        answer: TaskOutput,
        seconds: float,
        cpu_seconds: float,
        memory: int,
        written: Written = NOTHING,
    ) -> Report:
        """Raises AttemptFailedError when the service does not take the result."""
        if answer.path is not None and answer.sha256 is not None:
            try:
                await self.store.store(answer.sha256, answer.path)
            except RequestRejectedError as error:
                raise AttemptFailedError("OutputTooLarge", f"its result was not taken: {error}", written) from error
        return Report(
            lease.subtask_id,
            lease.token,
            Outcome.RETURNED,
            result=answer.text,
            blob=answer.sha256,
            size=answer.size,
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            memory=memory,
            **vars(written),
        )


def failed(lease: Lease, error: AttemptFailedError, seconds: float) -> Report:
    return Report(
        lease.subtask_id,
        lease.token,
        error.outcome,
        error=error.as_error(),
        seconds=seconds,
        **vars(error.written),
    )


def handed_back(lease: Lease) -> Report:
    return Report(lease.subtask_id, lease.token, Outcome.HANDED_BACK)
