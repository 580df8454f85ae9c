"""What a flow worker takes up, and says of it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from njangi_flows.engine.worker import STARTS_AT_ONCE, NjangiWorker
from prefect.workers.base import BaseWorker


async def test_a_worker_takes_up_a_few_flow_runs_at_a_time_says_which_and_leaves_the_others_when_it_leaves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[UUID] = []
    settle_in = asyncio.Event()

    async def submit(worker: BaseWorker[Any, Any, Any], flow_run: Any) -> None:
        begun.append(flow_run.id)
        await settle_in.wait()

    monkeypatch.setattr(BaseWorker, "_submit_run", submit)
    worker = NjangiWorker(work_pool_name="njangi")
    queued: list[Any] = [SimpleNamespace(id=uuid4()) for _ in range(4 * STARTS_AT_ONCE)]
    first = [flow_run.id for flow_run in queued[:8]]
    taking = asyncio.gather(*(worker._submit_run(flow_run) for flow_run in queued))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (begun, sorted(worker._taken_up())) == (first, sorted(first))
    worker._leaves = True
    settle_in.set()
    await taking
    assert (begun, worker._taken_up()) == (first, [])
