"""A whole service restarted process by process, as an upgrade does it, and an API that sleeps through all leases."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack.supervisor import Stack
from storage.database import open_database
from tests.end_to_end.replaying import check_history
from tests.end_to_end.submitting import ENDED, Submitter, python
from tests.faults.audit import accepted_and_late, events

pytestmark = pytest.mark.long

SQUARE = "import time\ndef f(part):\n    time.sleep(0.3)\n    return part * part\n"
PATIENCE = 300.0
UPGRADED = ["mongod", "api", "prefect", "flow-worker", "agent-1", "agent-2", "agent-3"]


def slow(count: int) -> dict[str, Any]:
    timeouts = {"heartbeat": 5, "start_to_close": 60}
    return python("slow", SQUARE, split={"range": count}, aggregate="list", timeouts=timeouts)


async def check(submitter: Submitter, stack: Stack, run_id: str, count: int, folder: Path) -> list[dict[str, Any]]:
    """Assert that the run completes with the right answer, each subtask accepted once; return its events."""
    await submitter.completed(run_id, PATIENCE)
    assert await submitter.result(run_id, "slow") == [n * n for n in range(count)]
    happened = await events(submitter, run_id)
    accepted, _, again = accepted_and_late(happened)
    assert accepted == {("slow", n): 1 for n in range(count)}, "each accepted exactly once"
    assert again == [], "nothing was lent again after it was accepted"
    await check_history(stack, run_id, folder)
    return happened


async def test_every_process_is_restarted_in_its_turn_with_calls_in_flight(
    submitter: Submitter, stack: Stack, tmp_path: Path
) -> None:
    count = 200
    run_id = await submitter.start(slow(count))
    await submitter.until(run_id, lambda run: run["tasks"][0]["completed"] >= 5, PATIENCE)
    answers: Counter[int] = Counter()
    calling = asyncio.create_task(call_all_the_time(stack, run_id, answers))
    restarted = [name for name in UPGRADED if await restart(stack, name)]
    assert restarted == UPGRADED
    happened = await check(submitter, stack, run_id, count, tmp_path)
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    assert answers.keys() <= {200, 202, 503}, "no call was answered with an error of the service's own making"
    assert answers[202] > 0
    signals = [event["number"] for event in happened if event["type"] == "signal.sent"]
    assert answers[202] <= len(signals) <= answers[202] + 1, "each signal was kept once"


async def restart(stack: Stack, name: str) -> bool:
    """SIGTERM a service, start it again, and return whether it is another process then."""
    before = stack.pid(name)
    await stack.restart(name)
    return stack.pid(name) not in (None, before)


async def call_all_the_time(stack: Stack, run_id: str, answers: Counter[int]) -> None:
    """Read and signal the run in turn, each signal under a key until it is taken; count what is answered."""
    token = (stack.settings.home / "tokens" / "admin").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=stack.settings.url, headers=headers, timeout=60) as http:
        number = 0
        while True:
            try:
                run = await http.get(f"/v1/runs/{run_id}")
                answers[run.status_code] += 1
                if run.status_code == 200 and run.json()["status"] in ENDED:
                    return
                key = {"Idempotency-Key": f"upgrade {run_id} {number}"}
                sent = await http.post(f"/v1/runs/{run_id}/signals", json={"name": "seen"}, headers=key)
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                continue
            if sent.status_code == 409:  # the first try is under way or was cut off, or the run has just ended
                await asyncio.sleep(0.1)
                continue
            answers[sent.status_code] += 1
            number += sent.status_code == 202


async def test_an_api_that_sleeps_through_every_lease_goes_on_where_it_was(
    submitter: Submitter, stack: Stack, tmp_path: Path
) -> None:
    count = 40
    run_id = await submitter.start(slow(count))
    await submitter.until(run_id, lambda run: run["tasks"][0]["completed"] >= 5, PATIENCE)
    pid = stack.pid("api")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        async with open_database(stack.mongodb_uri) as database, asyncio.timeout(PATIENCE):
            overdue = {"_id": run_id, "$expr": {"$lt": ["$hold.until", "$$NOW"]}}
            while await database["runs"].find_one(overdue) is None:
                await asyncio.sleep(0.2)
            open_leases = {"run_id": run_id, "status": "LEASED", "$expr": {"$gt": ["$lease.until", "$$NOW"]}}
            while await database["tasks"].find_one(open_leases) is not None:
                await asyncio.sleep(0.2)
    finally:
        os.kill(pid, signal.SIGCONT)
    happened = await check(submitter, stack, run_id, count, tmp_path)
    assert stack.pid("api") == pid, "it is the same process"
    assert [event["type"] for event in happened].count("run.completed") == 1
