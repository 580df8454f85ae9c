"""MongoDB as a set of three: its primary is killed, or hands over, while runs go on. Nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from stack.settings import StackSettings
from stack.supervisor import Stack
from tests.end_to_end.replaying import check_history
from tests.end_to_end.submitting import Submitter, python
from tests.faults.audit import accepted_and_late, events
from tests.faults.replica_set import ReplicaSet

pytestmark = pytest.mark.long

COUNT = 80
SLOW_SQUARE = "import time\ndef f(part):\n    time.sleep(0.3)\n    return part * part\n"
PATIENCE = 180.0
HUNG_SECONDS = 60.0
"""No request may take as long, whatever becomes of it."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def members(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ReplicaSet]:
    async with ReplicaSet(tmp_path_factory.mktemp("set")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def spread(members: ReplicaSet, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The stack over the set of three, with two agents."""
    settings = StackSettings(
        home=tmp_path_factory.mktemp("spread"),
        port=0,
        prefect_port=0,
        agents=2,
        mongodb_uri=members.uri,
        without=frozenset({"python-worker"}),
    )
    async with Stack(settings) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def caller(spread: Stack) -> AsyncIterator[Submitter]:
    async with Submitter(spread) as made:
        yield made


class Signaller:
    """Sends signals one after the other, and keeps what was answered to each; a refused one is sent again."""

    def __init__(self, stack: Stack, run_id: str) -> None:
        token = (stack.settings.home / "tokens" / "admin").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.AsyncClient(base_url=stack.settings.url, headers=headers, timeout=HUNG_SECONDS)
        self._path = f"/v1/runs/{run_id}/signals"
        self.acknowledged: list[int] = []
        self.refused: Counter[int] = Counter()

    async def send_until_cancelled(self) -> None:
        async with self._http as http:
            for payload in range(10_000):
                answer = None
                while answer is None or answer.status_code in (409, 503):
                    body, key = {"name": "told", "payload": payload}, {"Idempotency-Key": f"told {payload}"}
                    answer = await http.post(self._path, json=body, headers=key)
                    if answer.status_code in (409, 503):
                        assert answer.headers["retry-after"], answer.text
                        assert answer.json()["type"] in ("urn:njangi:storage-unavailable", "urn:njangi:under-way")
                        self.refused[answer.status_code] += 1
                        await asyncio.sleep(0.1)
                assert answer.status_code == 202, answer.text
                self.acknowledged.append(payload)
                await asyncio.sleep(0.02)


async def test_the_primary_is_killed_and_the_next_one_hands_over_in_mid_run(
    members: ReplicaSet, spread: Stack, caller: Submitter, tmp_path: Path
) -> None:
    run_id = await caller.start(slow(), {"name": "last", "wait": {"signal": "end"}, "dependencies": ["slow"]})
    signaller = Signaller(spread, run_id)
    signalling = asyncio.create_task(signaller.send_until_cancelled())
    pids = {name: spread.pid(name) for name in spread.names}
    following = asyncio.create_task(follow(spread, run_id))
    await caller.until(run_id, lambda run: task(run, "slow")["completed"] >= 5, PATIENCE)

    victim = await members.kill_primary()
    await members.primary(other_than=victim)
    await more_is_accepted(caller, run_id)
    await victim.start()
    before = await members.step_down()
    await members.primary(other_than=before)
    await more_is_accepted(caller, run_id)

    await caller.until(run_id, lambda run: task(run, "last")["status"] == "RUNNING", PATIENCE)
    signalling.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await signalling
    await caller.signal(run_id, "end", "well")
    await caller.completed(run_id, PATIENCE)
    assert await caller.result(run_id, "slow") == [n * n for n in range(COUNT)]
    happened = await events(caller, run_id)
    accepted, _, again = accepted_and_late(happened)
    assert accepted == {("slow", n): 1 for n in range(COUNT)}, "each accepted exactly once"
    assert again == [], "nothing was lent again after it was accepted"
    sent = [event["number"] for event in happened if event["type"] == "signal.sent" and event["name"] == "told"]
    assert len(sent) - len(signaller.acknowledged) in (0, 1), "kept once each, the last one answered or not"
    assert await asyncio.wait_for(following, PATIENCE) == [event["seq"] for event in happened], "followers saw it all"
    assert {name: spread.pid(name) for name in spread.names} == pids, "no process fell over it"
    await check_history(spread, run_id, tmp_path)


async def test_without_a_majority_callers_are_told_to_come_back_and_agents_keep_their_results(
    members: ReplicaSet, spread: Stack, caller: Submitter
) -> None:
    run_id = await caller.start(slow())
    await caller.until(run_id, lambda run: task(run, "slow")["completed"] >= 5, PATIENCE)
    primary = await members.primary()
    lost = [member for member in members.members if member is not primary]
    for member in lost:
        await member.stop(grace=0)
    async with asyncio.timeout(HUNG_SECONDS):
        answer = await caller.post(f"/v1/runs/{run_id}/signals", {"name": "nobody"})
        while answer.status_code == 202:  # the primary has not noticed yet that it is alone
            answer = await caller.post(f"/v1/runs/{run_id}/signals", {"name": "nobody"})
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:njangi:storage-unavailable"), answer.text
    assert int(answer.headers["retry-after"]) > 0
    for member in lost:
        await member.start()
    await caller.completed(run_id, PATIENCE)
    assert await caller.result(run_id, "slow") == [n * n for n in range(COUNT)]
    accepted, _, again = accepted_and_late(await events(caller, run_id))
    assert accepted == {("slow", n): 1 for n in range(COUNT)}
    assert again == []


async def more_is_accepted(caller: Submitter, run_id: str) -> None:
    """Wait until subtasks were accepted that were not yet at the time of the call."""
    wanted = min(task(await caller.run(run_id), "slow")["completed"] + 3, COUNT)
    await caller.until(run_id, lambda run: task(run, "slow")["completed"] >= wanted, PATIENCE)


def task(run: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in run["tasks"] if item["name"] == name)


async def follow(stack: Stack, run_id: str) -> list[int]:
    """Follow the run's events on one connection until its end, and return their numbers."""
    token = (stack.settings.home / "tokens" / "admin").read_text().strip()
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    seen: list[int] = []
    async with (
        httpx.AsyncClient(base_url=stack.settings.url, headers=headers, timeout=HUNG_SECONDS) as http,
        http.stream("GET", f"/v1/runs/{run_id}/events") as stream,
    ):
        async for line in stream.aiter_lines():
            if line.startswith("id: "):
                seen.append(int(line[4:]))
    return seen


def slow() -> dict[str, Any]:
    timeouts = {"heartbeat": 30, "start_to_close": 60}
    return python("slow", SLOW_SQUARE, split={"range": COUNT}, aggregate="list", timeouts=timeouts)
