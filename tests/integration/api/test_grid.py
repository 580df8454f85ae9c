"""The grid of a run's subtasks: exact at its number, small, and kept up to date by the events that follow."""

from __future__ import annotations

import gzip
import json
import random
from contextlib import aclosing
from typing import Any

import httpx
import pytest
from njangi_flows.runs.history import rebuild

from api.runs.grid import compressed
from storage.stores import Stores
from storage.subtasks import documents
from storage.subtasks.grids import STATUSES, Grid, cell
from storage.subtasks.models import NewBatch, NewSubtask, SubtaskStatus, TaskKey
from tests.conftest import NOON
from tests.integration.api.conftest import Client, put_task, reports


def decode(body: bytes) -> tuple[int, dict[str, bytes]]:
    """Read a grid as docs/events.md tells."""
    line, _, cells = body.partition(b"\n")
    header = json.loads(line)
    return header["seq"], {task["name"]: cells[task["at"] :][: task["count"]] for task in header["tasks"]}


def statuses(cells: bytes) -> list[str | None]:
    return [STATUSES[(item & 7) - 1].value if item else None for item in cells]


async def grid(http: httpx.AsyncClient, run_id: str) -> tuple[int, dict[str, bytes]]:
    answer = await http.get(f"/v1/runs/{run_id}/grid")
    assert answer.status_code == 200 and answer.headers["content-encoding"] == "gzip"
    return decode(answer.content)


@pytest.mark.parametrize(
    ("status", "attempts", "expected"),
    [
        pytest.param(SubtaskStatus.QUEUED, 0, 1, id="untried"),
        pytest.param(SubtaskStatus.LEASED, 1, 2 | 1 << 3, id="first attempt"),
        pytest.param(SubtaskStatus.COMPLETED, 7, 4 | 4 << 3, id="some attempts"),
        pytest.param(SubtaskStatus.DEAD, 500, 7 | 7 << 3, id="many attempts"),
    ],
)
def test_a_cell_tells_status_and_attempts(status: SubtaskStatus, attempts: int, expected: int) -> None:
    assert cell(status, attempts) == expected


async def test_the_grid_agrees_with_the_event_log_at_its_number(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol() as agent, client.http("admin") as http:
        await put_task(flow, run_id, "squares", 30)
        await put_task(flow, run_id, "cubes", 5)
        for wish in (6, 9, 7):
            answer = (await agent.post("/v1/agent/sync", json={"slots": 9, "wish": wish, "wait": 5})).json()
            failed: dict[str, Any] = {"outcome": "FAILED", "error": {"type": "E", "message": "m", "stderr": ""}}
            said = reports(answer) if wish == 6 else reports(answer, **failed)
            if wish != 7:
                await agent.post("/v1/agent/sync", json={"slots": 9, "reports": said})
        seq, tasks = await grid(http, run_id)
        lines = (await http.get(f"/v1/runs/{run_id}/history")).text.splitlines()
        told = rebuild([event for event in map(json.loads, lines) if event["seq"] <= seq])
        for name, cells in tasks.items():
            found: dict[str, int] = {}
            for status in statuses(cells):
                found[str(status)] = found.get(str(status), 0) + 1
            assert found == told.tasks[name].counts()
        shown = (await http.get(f"/v1/runs/{run_id}/subtasks", params={"task": "squares"})).json()["subtasks"]
        assert list(tasks["squares"]) == [cell(SubtaskStatus(item["status"]), item["attempt"]) for item in shown]
        assert (await http.get("/v1/runs/r0/grid")).status_code == 404
        plain = await http.get(f"/v1/runs/{run_id}/grid", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers and decode(plain.content)[1] == tasks


async def test_subtasks_that_are_missing_are_empty_cells(stores: Stores) -> None:
    key = TaskKey("r1", "w1", "t", 50, 1.0, 1, 1)
    rows = [documents.queued(key, NewBatch(0, []), NewSubtask(index), NOON, 0) for index in (0, 2, 9000)]
    batch = documents.opened(
        key, NewBatch(0, [NewSubtask(0), NewSubtask(9000)]), NOON, owner="ada", lending=True, generation=0
    )
    await stores.database["tasks"].insert_many(rows)
    await stores.database["batches"].insert_one(batch)
    cells = (await stores.grids.of_run("r1")).tasks["t"]
    assert len(cells) == 9001 and [at for at, item in enumerate(cells) if item] == [0, 2, 9000]


def test_a_hundred_thousand_random_states_fit_into_120_kilobytes() -> None:
    chance = random.Random(1)
    cells = bytes(cell(chance.choice(STATUSES), chance.randrange(40)) for _ in range(100_000))
    body = compressed(Grid(1, {"t": cells}))
    assert len(body) <= 120_000 and decode(gzip.decompress(body))[1] == {"t": cells}
