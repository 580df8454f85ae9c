"""Signals, timers and child runs over HTTP, as submitters send them and flows wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from storage.runs.models import FlowRunState, RunStatus
from tests.integration.api.conftest import Client

LONG_AGO = "2026-06-01T12:00:00Z"


async def send(client: Client, run_id: str, name: str, payload: Any = None) -> httpx.Response:
    async with client.http("admin") as http:
        return await http.post(f"/v1/runs/{run_id}/signals", json={"name": name, "payload": payload})


async def ended(flow: httpx.AsyncClient, run_id: str, *waiting: dict[str, Any], seconds: float = 20) -> Any:
    answer = await flow.post(f"/v1/flow/runs/{run_id}/waits:ended", json={"waiting": waiting, "seconds": seconds})
    assert answer.status_code == 200, answer.text
    return answer.json()


@asynccontextmanager
async def held(client: Client, run_id: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client that holds the run."""
    async with client.http("flow") as http:
        hold = await http.post(f"/v1/flow/runs/{run_id}:hold", json={"holder": f"holder of {run_id}"})
        assert hold.status_code == 200, hold.text
        http.headers["Njangi-Run-Token"] = hold.json()["token"]
        yield http


async def start(client: Client, *tasks: dict[str, Any], **spec: Any) -> str:
    async with client.http("admin") as http:
        created = await http.post("/v1/workflows", json={"spec": {"tasks": list(tasks), **spec}})
        assert created.status_code == 201, created.text
        return str((await http.post(f"/v1/workflows/{created.json()['id']}/runs", json={})).json()["id"])


async def run(client: Client, run_id: str) -> dict[str, Any]:
    async with client.http("admin") as http:
        return dict((await http.get(f"/v1/runs/{run_id}")).json())


async def until(client: Client, run_id: str, condition: Any) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while not condition(found := await run(client, run_id)):
            await asyncio.sleep(0.02)
    return found


async def test_a_signal_that_comes_early_is_remembered_and_given_again(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow):
        sent = await send(client, run_id, "approved", {"by": "Ana", "n": 1})
        assert (sent.status_code, sent.json()["number"]) == (202, 1)
        for _ in range(2):
            answer = await ended(flow, run_id, {"task": "a", "signal": "approved"})
            assert answer["ended"] == [
                {"task": "a", "ending": "signal", "payload": '{"by":"Ana","n":1}', "until": None}
            ]


async def test_a_late_signal_wakes_who_waits_and_of_two_waits_each_gets_its_own(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow):
        waits = [{"task": task, "signal": "go"} for task in ("a", "b")]
        waiting = asyncio.create_task(ended(flow, run_id, *waits, seconds=40))
        await asyncio.sleep(0)
        assert (await send(client, run_id, "other")).status_code == 202
        await send(client, run_id, "go", 1)
        assert (await asyncio.wait_for(waiting, 20))["ended"] == [
            {"task": "a", "ending": "signal", "payload": "1", "until": None}
        ]
        await send(client, run_id, "go", 2)
        assert (await ended(flow, run_id, *waits[1:]))["ended"][0]["payload"] == "2"


async def test_time_passes_once_it_has_and_a_signal_before_that_counts(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow):
        passed = await ended(flow, run_id, {"task": "a", "signal": "go", "until": LONG_AGO}, {"task": "b"})
        assert passed["ended"] == [{"task": "a", "ending": "passed", "payload": None, "until": LONG_AGO}]
        soon = datetime.now(UTC) + timedelta(seconds=0.5)
        began = asyncio.get_running_loop().time()
        assert (await ended(flow, run_id, {"task": "c", "until": soon.isoformat()}))["ended"][0]["task"] == "c"
        assert asyncio.get_running_loop().time() - began < 10 and datetime.now(UTC) >= soon
        await send(client, run_id, "go", 1)
        later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        assert (await ended(flow, run_id, {"task": "d", "signal": "go", "until": later}))["ended"][0]["payload"] == "1"


async def test_what_a_paused_run_waits_for_does_not_pass_until_it_goes_on(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), client.http("admin") as http:
        begun = await flow.post(f"/v1/flow/runs/{run_id}/tasks/nap:wait", json={"seconds": 0.3})
        wait = {"task": "nap", "until": begun.json()["until"]}
        assert (await http.post(f"/v1/runs/{run_id}:pause")).status_code == 202
        assert (await ended(flow, run_id, wait, seconds=0.6))["ended"] == []
        waiting = asyncio.create_task(ended(flow, run_id, wait, seconds=40))
        assert (await http.post(f"/v1/runs/{run_id}:resume")).status_code == 202
        [passed] = (await asyncio.wait_for(waiting, 20))["ended"]
        assert passed["ending"] == "passed"
        moved = datetime.fromisoformat(passed["until"]) - datetime.fromisoformat(begun.json()["until"])
        assert moved.total_seconds() >= 0.5


async def test_who_waits_hears_at_once_of_a_cancellation_and_of_a_lost_lease(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), client.http("admin") as http:
        waiting = asyncio.create_task(ended(flow, run_id, {"task": "a", "signal": "never"}, seconds=40))
        assert (await http.post(f"/v1/runs/{run_id}:cancel")).status_code == 202
        assert (await asyncio.wait_for(waiting, 20))["cancel"] is True
        flow.headers["Njangi-Run-Token"] = "stale"
        stale = await flow.post(f"/v1/flow/runs/{run_id}/waits:ended", json={"waiting": []})
        assert (stale.status_code, stale.json()["type"]) == (409, "urn:njangi:run-lease-lost")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        pytest.param('{"payload": 1}', "Field required", id="no-name"),
        pytest.param('{"name": "a b"}', "letters, digits", id="name"),
        pytest.param('{"name": "a", "payload": NaN}', "finite", id="not-a-number"),
        pytest.param('{"name": "a", "payload": {"x": "\\ud800"}}', "/payload/x", id="lone-surrogate"),
    ],
)
async def test_a_signal_that_could_not_be_kept_is_refused(client: Client, body: str, detail: str) -> None:
    flow, run_id = await client.flow()
    await flow.aclose()
    async with client.http("admin") as http:
        answer = await http.post(
            f"/v1/runs/{run_id}/signals", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 422
        assert detail in answer.text
        large = await http.post(f"/v1/runs/{run_id}/signals", json={"name": "a", "payload": "x" * 70_000})
        assert (large.status_code, large.json()["type"]) == (413, "urn:njangi:too-large")


async def test_a_run_that_has_ended_takes_no_signals(client: Client) -> None:
    flow, run_id = await client.flow()
    await flow.aclose()
    await client.services.stores.database["runs"].update_one({"_id": run_id}, {"$set": {"status": "COMPLETED"}})
    answer = await send(client, run_id, "approved")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:njangi:run-ended")
    assert (await send(client, "r0", "approved")).status_code == 404


async def test_a_task_starts_its_owners_newest_workflow_once_and_both_runs_show_it(client: Client) -> None:
    async with client.http("admin") as http:
        for greeting in ("old", "new"):
            spec = {"name": "child", "parameters": {"x": greeting}, "tasks": [{"name": "say", "command": "echo {x}"}]}
            assert (await http.post("/v1/workflows", json={"spec": spec})).status_code == 201
    parent = await start(client, {"name": "t", "workflow": "child"}, name="parent", priority=77)
    path = f"/v1/flow/runs/{parent}/tasks/t/child"
    async with held(client, parent) as flow:
        assert (await flow.get(path)).status_code == 404
        started = [await flow.post(path, json={"workflow": "child", "parameters": {}}) for _ in range(2)]
        assert [answer.status_code for answer in started] == [200, 200], started[0].text
        [child_id] = {answer.json()["id"] for answer in started}
        child = await run(client, child_id)
        assert (child["owner"], child["priority"], child["parent_run_id"]) == ("admin", 77, parent)
        assert child["parameters"] == {"x": "new"}
        assert (await run(client, parent))["tasks"][0]["child_run_id"] == child_id
        waiting = asyncio.create_task(ended(flow, parent, {"task": "t", "child": True}, seconds=40))
        await finish(client, child_id, "COMPLETED", say='"hello"')
        told = (await asyncio.wait_for(waiting, 20))["ended"]
        assert told == [{"task": "t", "ending": "child", "payload": None, "until": None}]
        got = (await flow.get(path)).json()
        assert (got["status"], got["error"], got["results"]) == ("COMPLETED", None, {"say": "hello"})


async def finish(client: Client, run_id: str, status: str, **results: str) -> None:
    """Give the run's tasks results, and have Prefect say that its flow run has ended."""
    flow_run = f"flow run of {run_id}"
    stores = client.services.stores
    await stores.run_recovery.set_flow_run(run_id, flow_run, now=datetime.now(UTC))
    async with held(client, run_id) as flow:
        for task, result in results.items():
            body = {"status": "COMPLETED", "result": result}
            assert (await flow.put(f"/v1/flow/runs/{run_id}/tasks/{task}", json=body)).is_success
    state = FlowRunState(flow_run, status, status.title(), "as the test wants", datetime.now(UTC))
    await stores.ledger.write(lambda tx: stores.runs.follow(tx, state, RunStatus(status), now=datetime.now(UTC)))


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        pytest.param({"workflow": "nobody's"}, 404, 'there is no workflow of admin "nobody\'s"', id="unknown"),
        pytest.param({"workflow": "loop", "parameters": {"x": 1}}, 422, "/parameters/x", id="unknown-parameter"),
    ],
)
async def test_what_cannot_be_started_is_refused_with_the_reason(
    client: Client, body: dict[str, Any], status: int, detail: str
) -> None:
    parent = await start(client, {"name": "t", "workflow": "loop"}, name="loop")
    async with held(client, parent) as flow:
        answer = await flow.post(f"/v1/flow/runs/{parent}/tasks/t/child", json=body)
    assert answer.status_code == status
    assert detail in answer.text.replace('\\"', '"')


async def test_a_workflow_that_runs_itself_is_stopped_at_the_tenth_depth_with_the_chain(client: Client) -> None:
    above = await start(client, {"name": "t", "workflow": "loop"}, name="loop")
    for _ in range(10):
        async with held(client, above) as flow:
            started = await flow.post(f"/v1/flow/runs/{above}/tasks/t/child", json={"workflow": "loop"})
            assert started.status_code == 200, started.text
            above = started.json()["id"]
    async with held(client, above) as flow:
        refused = await flow.post(f"/v1/flow/runs/{above}/tasks/t/child", json={"workflow": "loop"})
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:njangi:too-deep")
    assert " -> ".join(["loop"] * 12) in refused.json()["detail"]


async def test_a_cancelled_run_takes_its_children_and_theirs_along_but_not_the_abandoned(client: Client) -> None:
    top = await start(client, *({"name": name, "workflow": "loop"} for name in "ab"), name="loop")
    async with held(client, top) as flow:
        child, left = [
            (await flow.post(f"/v1/flow/runs/{top}/tasks/{task}/child", json={"workflow": "loop", **how})).json()["id"]
            for task, how in (("a", {}), ("b", {"on_parent_cancel": "abandon"}))
        ]
    async with held(client, child) as flow:
        path = f"/v1/flow/runs/{child}/tasks/a/child"
        grandchild = (await flow.post(path, json={"workflow": "loop"})).json()["id"]
    async with client.http("admin") as http:
        await http.post(f"/v1/runs/{top}:cancel")
    for run_id in (child, grandchild):
        await until(client, run_id, lambda found: found["cancel_requested"])
    assert (await run(client, left))["cancel_requested"] is False


async def test_a_child_is_cancelled_when_its_parent_fails(client: Client) -> None:
    parent = await start(client, {"name": "t", "workflow": "loop"}, name="loop")
    async with held(client, parent) as flow:
        path = f"/v1/flow/runs/{parent}/tasks/t/child"
        child = (await flow.post(path, json={"workflow": "loop"})).json()["id"]
        await flow.post(f"/v1/flow/runs/{parent}:release", json={"error": "why"})
    await finish(client, parent, "FAILED")
    await until(client, child, lambda found: found["cancel_requested"])


async def test_the_end_of_a_wait_is_by_the_services_clock_and_fixed_once(client: Client) -> None:
    run_id = await start(client, {"name": "nap", "sleep": "1h"}, name="sleeping")
    async with held(client, run_id) as flow:
        path = f"/v1/flow/runs/{run_id}/tasks/nap:wait"
        before = datetime.now(UTC)
        first = (await flow.post(path, json={"seconds": 3600})).json()
        after = datetime.now(UTC)
        at = datetime.fromisoformat(first["until"]) - timedelta(hours=1)
        assert before <= at <= after, "a flow says only how long, so its own clock is of no account"
        assert (await flow.post(path, json={"seconds": 7200})).json() == first
        assert (await run(client, run_id))["tasks"][0]["status"] == "RUNNING"
        assert (await flow.post(path, json={"seconds": 0})).status_code == 422
        endless = await flow.post(f"/v1/flow/runs/{run_id}/tasks/other:wait", json={"seconds": None})
        assert endless.json() == {"until": None}
