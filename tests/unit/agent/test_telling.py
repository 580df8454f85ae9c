"""What attempts tell on its way to the service: soon, once, and never lost with the attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from njangi_agent.errors import AttemptFailedError
from njangi_agent.executors.details import Tell
from njangi_agent.executors.reports import failed
from njangi_agent.protocol import Held, Lease, Outcome, Report, SyncAnswer, TaskDefinition

from .conftest import a_lease
from .service import FakeService
from .test_loop import TASK, Work, at_work, until


class Talk(Work):
    """Tells what it is handed; when stopped it tells one thing more."""

    def __init__(self) -> None:
        super().__init__()
        self.said: asyncio.Queue[Held | Report] = asyncio.Queue()

    async def run(self, task: TaskDefinition, leases: Sequence[Lease], tell: Tell) -> None:
        self.began += [lease.subtask_id for lease in leases]
        try:
            while True:
                item = await self.said.get()
                tell(item)
                if isinstance(item, Report):
                    return
        except asyncio.CancelledError:
            tell(held("last words"))
            raise


def held(details: str) -> Held:
    return Held("s0", "token-of-s0", 0.5, f'"{details}"')


def told(service: FakeService) -> list[str]:
    return [item.details for sync in service.syncs for item in sync.held if item.details is not None]


async def test_news_of_an_attempt_travels_long_before_its_heartbeat_is_due_and_once(
    service: FakeService, tmp_path: Path
) -> None:
    work = Talk()
    service.lend(TASK, a_lease("s0", seconds=3600))
    async with at_work(service, tmp_path, work, Work()):
        for word in ("one", "two"):
            work.said.put_nowait(held(word))
            await until(service, lambda word=word: f'"{word}"' in told(service))
        work.said.put_nowait(Report("s0", "token-of-s0", Outcome.RETURNED, result="1"))
        await until(service, lambda: "s0" in service.reports and service.parked == 1)
    assert told(service) == ['"one"', '"two"']


async def test_only_the_newest_is_sent_when_an_attempt_tells_much(service: FakeService, tmp_path: Path) -> None:
    work = Talk()
    service.lend(TASK, a_lease("s0"))
    async with at_work(service, tmp_path, work):
        for number in range(500):
            work.said.put_nowait(held(str(number)))
        await until(service, lambda: '"499"' in told(service))
        work.said.put_nowait(Report("s0", "token-of-s0", Outcome.RETURNED, result="1"))
    assert len(told(service)) <= 2


async def test_a_failure_takes_along_what_was_told_before_it(service: FakeService, tmp_path: Path) -> None:
    work = Talk()
    service.lend(TASK, a_lease("s0"))
    async with at_work(service, tmp_path, work):
        work.said.put_nowait(held("almost"))
        work.said.put_nowait(failed(a_lease("s0"), AttemptFailedError("NonZeroExit", "exit code 1"), 1.0))
        await until(service, lambda: "s0" in service.reports)
    first = next(sync for sync in service.syncs if sync.reports)
    before = [sync for sync in service.syncs[: service.syncs.index(first) + 1] if sync.held]
    assert '"almost"' in [item.details for sync in before for item in sync.held]


async def test_an_agent_that_leaves_hands_back_what_its_attempts_told(service: FakeService, tmp_path: Path) -> None:
    service.lend(TASK, a_lease("s0"))
    work = Talk()
    async with at_work(service, tmp_path, work):
        while not work.began:
            await asyncio.sleep(0.01)
    assert service.reports["s0"].outcome is Outcome.HANDED_BACK
    assert [item.details for item in service.syncs[-1].held] == ['"last words"']


async def test_what_could_not_be_sent_is_sent_later(service: FakeService, tmp_path: Path) -> None:
    work = Talk()
    service.lend(TASK, a_lease("s0"))
    async with at_work(service, tmp_path, work):
        await until(service, lambda: not service.queue)
        service.faults.extend([503, 503])
        work.said.put_nowait(held("patient"))
        await until(service, lambda: '"patient"' in told(service))
        work.said.put_nowait(Report("s0", "token-of-s0", Outcome.RETURNED, result="1"))


async def test_what_the_service_does_not_take_is_given_up(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = service.sync
    refused: list[Any] = []

    def picky(body: Any) -> SyncAnswer:
        if any(item["details"] == '"bad"' for item in body["held"]):
            refused.append(body)
            raise ValueError("not this")
        return honest(body)

    monkeypatch.setattr(service, "sync", picky)
    work = Talk()
    service.lend(TASK, a_lease("s0"))
    async with at_work(service, tmp_path, work):
        work.said.put_nowait(held("bad"))
        while not refused:
            await asyncio.sleep(0.01)
        work.said.put_nowait(held("good"))
        await until(service, lambda: '"good"' in told(service))
        work.said.put_nowait(Report("s0", "token-of-s0", Outcome.RETURNED, result="1"))
    assert len(refused) == 1
