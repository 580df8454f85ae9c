"""One real agent's protocol through each network fault: what it reported is accepted once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio
from njangi_agent.errors import ServiceUnavailableError
from njangi_agent.protocol import Lease, Machine, Outcome, Report, SyncAnswer, SyncRequest, Verdict
from njangi_agent.service.client import Remote
from njangi_agent.service.http_client import HttpService

from benchmarks.service import Flow, running_service
from benchmarks.service import Service as RunningService
from tests.faults.proxy import NetworkFault, Proxy, at_random

MACHINE = Machine("Linux", "x86_64", "3.11", 1, 2**30, 2**30, "none")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running() -> AsyncIterator[RunningService]:
    async with running_service() as service:
        yield service


class Line:
    """The agent's connection through a proxy that does as it is told to the next request."""

    def __init__(self, remote: Remote, plan: list[NetworkFault], faults: Counter[NetworkFault]) -> None:
        self._remote = remote
        self._plan = plan
        self.faults = faults

    async def sync(self, *reports: Report, wish: int = 0, fault: NetworkFault = NetworkFault.NONE) -> SyncAnswer:
        self._plan.append(fault)
        try:
            async with asyncio.timeout(60):
                return await self._remote.sync(SyncRequest(slots=1, wish=wish, reports=list(reports)))
        finally:
            self._plan.clear()


@pytest_asyncio.fixture(loop_scope="session")
async def line(running: RunningService) -> AsyncIterator[Line]:
    plan: list[NetworkFault] = []
    choose = lambda: plan.pop(0) if plan else NetworkFault.NONE  # noqa: E731
    async with Proxy([running.port], choose, delay=lambda: 0.3) as proxy:
        joining = HttpService(proxy.url, running.token("join"))
        _, secret = await asyncio.to_thread(joining.enrol, "behind a bad line", MACHINE)
        joining.close()
        remote = Remote(HttpService(proxy.url, secret))
        yield Line(remote, plan, proxy.faults)
        remote.close()


async def a_lease(running: RunningService, line: Line) -> tuple[Flow, str, Lease]:
    """Return a flow that waits for one subtask, its batch, and the agent's lease of it."""
    flow = Flow(running)
    await flow.start("bad-line")
    await flow.define("t")
    await flow.queue("t", 1, 1)
    answer = await line.sync(wish=1)
    [lease] = answer.leases
    return flow, f"{flow.run_id}/t/b0", lease


def returned(lease: Lease) -> Report:
    return Report(lease.subtask_id, lease.token, Outcome.RETURNED, result="1", size=1)


GETS_THROUGH = [NetworkFault.NONE, NetworkFault.DELAY, NetworkFault.DUPLICATE]
BREAKS = [NetworkFault.CUT, NetworkFault.HALF_REQUEST, NetworkFault.TRUNCATE, NetworkFault.LOST_REPLY]


@pytest.mark.parametrize("fault", GETS_THROUGH, ids=lambda fault: fault.value)
async def test_a_report_that_gets_through_is_accepted(running: RunningService, line: Line, fault: NetworkFault) -> None:
    flow, batch, lease = await a_lease(running, line)
    assert (await line.sync(returned(lease), fault=fault)).verdicts == (Verdict.ACCEPTED,)
    await flow.settled(batch)
    await flow.close()


@pytest.mark.parametrize("fault", BREAKS, ids=lambda fault: fault.value)
async def test_a_report_whose_connection_broke_is_sent_again_and_accepted_once(
    running: RunningService, line: Line, fault: NetworkFault
) -> None:
    flow, batch, lease = await a_lease(running, line)
    with suppress(ServiceUnavailableError):  # a kept connection that breaks before any answer is tried again at once
        await line.sync(returned(lease), fault=fault)
    assert line.faults[fault] == 1
    assert (await line.sync(returned(lease))).verdicts == (Verdict.ACCEPTED,)
    await flow.settled(batch)
    await flow.close()


def test_faults_come_in_the_share_and_order_that_seed_and_share_say() -> None:
    first, second = at_random(3, 0.25), at_random(3, 0.25)
    drawn = [first() for _ in range(4000)]
    assert drawn == [second() for _ in range(4000)]
    assert 800 < sum(fault is not NetworkFault.NONE for fault in drawn) < 1200
    assert set(drawn) == set(NetworkFault)
