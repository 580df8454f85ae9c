"""The real loop and the real HTTP client against a small service; only the work itself is stubbed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from njangi_agent.errors import AccessRefusedError
from njangi_agent.loop import Agent
from njangi_agent.protocol import Lease, Outcome, Report, SyncAnswer, TaskDefinition
from njangi_agent.service.client import Remote
from njangi_agent.service.http_client import HttpService
from njangi_agent.service.spool import Spool

from .conftest import a_lease
from .service import FakeService

TASK = TaskDefinition("t", "task", source="-", function="f")


class Work:
    """Answers at once, or when it is let go."""

    def __init__(self, let_go: asyncio.Event | None = None) -> None:
        self.let_go = let_go
        self.began: list[str] = []
        self.killed: list[str] = []

    async def run(self, task: TaskDefinition, leases: Sequence[Lease], tell: Callable[[Report], None]) -> None:
        for lease in leases:
            self.began.append(lease.subtask_id)
            try:
                if self.let_go is not None:
                    await self.let_go.wait()
            except asyncio.CancelledError:
                self.killed.append(lease.subtask_id)
                raise
            tell(Report(lease.subtask_id, lease.token, Outcome.RETURNED, result="1", size=1))

    async def close(self) -> None:
        pass


@contextlib.asynccontextmanager
async def at_work(service: FakeService, home: Path, *slots: Work) -> AsyncIterator[Agent]:
    remote = Remote(HttpService(service.url, service.secret))
    agent = Agent(remote, slots, Spool(home / "spool"))
    running = asyncio.ensure_future(agent.run())
    try:
        yield agent
    finally:
        agent.stop()
        await running
        remote.close()


async def until(service: FakeService, happened: Callable[[], object]) -> None:
    await asyncio.to_thread(service.until, happened)


async def test_every_lease_is_run_once_and_reported_once(service: FakeService, tmp_path: Path) -> None:
    names = [f"s{number}" for number in range(200)]
    service.lend(TASK, *map(a_lease, names))
    work = Work()
    async with at_work(service, tmp_path, work, work):
        await until(service, lambda: len(service.reports) == 200 and service.parked == 1 and not service.held)
    assert sorted(work.began) == sorted(names)
    assert set(service.times_reported.values()) == {1}


async def test_the_results_of_a_bundle_travel_together(service: FakeService, tmp_path: Path) -> None:
    service.lend(TASK, *(a_lease(f"s{number}") for number in range(20)))
    async with at_work(service, tmp_path, Work()):
        await until(service, lambda: len(service.reports) == 20 and service.parked == 1)
    assert service.syncs_with_reports == 1


async def test_a_report_does_not_wait_for_the_parked_wish_of_another_slot(service: FakeService, tmp_path: Path) -> None:
    let_go = asyncio.Event()
    service.lend(TASK, a_lease("s0"))
    async with at_work(service, tmp_path, Work(let_go), Work(let_go)):
        await until(service, lambda: service.parked == 1 and "s0" in service.held)
        let_go.set()
        await until(service, lambda: "s0" in service.reports)
        await until(service, lambda: service.parked == 1 and not service.held and service.syncs[-1].wish == 2)


async def test_leases_under_way_and_in_the_queue_are_named_in_every_beat(service: FakeService, tmp_path: Path) -> None:
    let_go = asyncio.Event()
    service.lend(TASK, a_lease("s0", seconds=0.3), a_lease("s1", seconds=0.3))
    async with at_work(service, tmp_path, Work(let_go)):
        await until(service, lambda: service.held == {"s0", "s1"} and len(service.syncs) >= 4)
        let_go.set()
        await until(service, lambda: len(service.reports) == 2)


async def test_a_cancelled_subtask_is_killed_and_the_rest_of_its_bundle_runs(
    service: FakeService, tmp_path: Path
) -> None:
    let_go = asyncio.Event()
    work = Work(let_go)
    service.lend(TASK, *(a_lease(name, seconds=0.3) for name in ("s0", "s1", "s2")))
    async with at_work(service, tmp_path, work):
        await until(service, lambda: service.held == {"s0", "s1", "s2"})
        service.cancel("s0")
        await until(service, lambda: service.held == {"s1", "s2"})
        let_go.set()
        await until(service, lambda: len(service.reports) == 2)
    assert work.killed[0] == "s0"
    assert set(service.reports) == {"s1", "s2"}


@pytest.mark.parametrize("fault", [503, 429, 500, -1], ids=["503", "429", "500", "connection closed"])
async def test_a_service_that_fails_for_a_while_gets_the_report_in_the_end(
    service: FakeService, tmp_path: Path, fault: int
) -> None:
    let_go = asyncio.Event()
    service.lend(TASK, a_lease("s0"))
    async with at_work(service, tmp_path, Work(let_go)):
        await until(service, lambda: not service.queue)
        service.faults.extend([fault, fault])
        let_go.set()
        await until(service, lambda: "s0" in service.reports)
    assert not list((tmp_path / "spool").iterdir())


async def test_a_report_that_waits_for_the_service_is_on_disk_meanwhile(service: FakeService, tmp_path: Path) -> None:
    let_go = asyncio.Event()
    service.lend(TASK, a_lease("s0"))
    async with at_work(service, tmp_path, Work(let_go)):
        await until(service, lambda: not service.queue)
        service.faults.extend([503] * 100)
        let_go.set()
        await until(service, lambda: [report.subtask_id for report in Spool(tmp_path / "spool").load()] == ["s0"])
        service.faults.clear()
        await until(service, lambda: "s0" in service.reports)


async def test_a_report_that_could_not_be_sent_is_sent_by_the_next_agent(service: FakeService, tmp_path: Path) -> None:
    Spool(tmp_path / "spool").keep([Report("s0", "token-of-s0", Outcome.RETURNED, result='"left over"')])
    async with at_work(service, tmp_path, Work()):
        await until(service, lambda: "s0" in service.reports)
        await until(service, lambda: service.parked == 1)
    assert service.reports["s0"].result == '"left over"'
    assert not list((tmp_path / "spool").iterdir())


async def test_a_stopped_agent_kills_its_work_and_hands_everything_back(service: FakeService, tmp_path: Path) -> None:
    work = Work(asyncio.Event())
    service.lend(TASK, a_lease("s0"), a_lease("s1"))
    async with at_work(service, tmp_path, work):
        await until(service, lambda: not service.queue)
        while not work.began:
            await asyncio.sleep(0)
    assert work.killed == ["s0"]
    assert {report.outcome for report in service.reports.values()} == {Outcome.HANDED_BACK}
    assert set(service.reports) == {"s0", "s1"}


async def test_an_agent_whose_secret_is_no_longer_good_stops(service: FakeService, tmp_path: Path) -> None:
    remote = Remote(HttpService(service.url, service.retired))
    agent = Agent(remote, [Work()], Spool(tmp_path / "spool"))
    with pytest.raises(AccessRefusedError):
        await agent.run()
    remote.close()


async def test_one_report_that_the_service_rejects_does_not_hold_up_the_others(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = service.sync

    def picky(body: Any) -> SyncAnswer:
        if any(report["subtask_id"] == "bad" for report in body["reports"]):
            raise ValueError("not this one")
        return honest(body)

    monkeypatch.setattr(service, "sync", picky)
    Spool(tmp_path / "spool").keep(
        Report(name, f"token-{name}", Outcome.RETURNED, result="1") for name in ("a", "b", "bad", "c")
    )
    async with at_work(service, tmp_path, Work()):
        await until(service, lambda: set(service.reports) == {"a", "b", "c"})
        await until(service, lambda: service.parked == 1)
    assert not list((tmp_path / "spool").iterdir())


async def test_an_attempt_whose_report_the_service_rejects_fails_with_its_reason(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = service.sync

    def picky(body: Any) -> SyncAnswer:
        if any(report["subtask_id"] == "bad" and report["outcome"] == "RETURNED" for report in body["reports"]):
            raise ValueError("its result is no answer")
        return honest(body)

    monkeypatch.setattr(service, "sync", picky)
    Spool(tmp_path / "spool").keep(Report(name, f"k-{name}", Outcome.RETURNED, result="1") for name in ("a", "bad"))
    async with at_work(service, tmp_path, Work()):
        await until(service, lambda: set(service.reports) == {"a", "bad"})
        await until(service, lambda: service.parked == 1)
    error = service.reports["bad"].error
    assert service.reports["bad"].outcome is Outcome.FAILED
    assert error is not None and error.type == "ReportNotTaken" and "its result is no answer" in error.message
    assert service.times_reported["a"] == 1
    assert not list((tmp_path / "spool").iterdir())
