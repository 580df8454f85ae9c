"""Schedules over HTTP, with the service's own clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from api.clock import utc_now
from storage.runs.models import FlowRunState, RunStatus
from tests.integration.api.conftest import Client
from tests.integration.api.test_workflows import SPEC


async def nightly(http: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """Create a workflow and a schedule for it."""
    workflow = (await http.post("/v1/workflows", json={"spec": SPEC})).json()
    body = {"id": "nightly", "workflow_id": workflow["id"], "cron": "30 2 * * *", "timezone": "Europe/Berlin"} | fields
    made = await http.post("/v1/schedules", json={name: value for name, value in body.items() if value is not None})
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


async def test_a_schedule_is_created_listed_edited_and_deleted(client: Client) -> None:
    async with client.http("admin") as http:
        made = await nightly(http, parameters={"greeting": "bonsoir"}, catch_up="1h", overlap="queue")
        assert (made["owner"], made["catch_up"], made["overlap"], made["paused"]) == ("admin", 3600, "queue", False)
        shown = (await http.get("/v1/schedules/nightly", params={"next": 3})).json()
        assert len(shown["next_times"]) == 3 and shown["next_times"][0] == shown["next_at"]
        assert [item["id"] for item in (await http.get("/v1/schedules")).json()["schedules"]] == ["nightly"]
        edited = await http.put(
            "/v1/schedules/nightly", json={"workflow_id": made["workflow_id"], "interval": "90m", "overlap": "allow"}
        )
        assert edited.status_code == 200, edited.text
        assert (edited.json()["interval"], edited.json()["cron"], edited.json()["parameters"]) == (5400, None, {})
        assert (await http.delete("/v1/schedules/nightly")).status_code == 204
        assert (await http.get("/v1/schedules/nightly")).status_code == 404
        assert (await http.delete("/v1/schedules/nightly")).status_code == 404


async def test_what_is_no_schedule_is_refused_with_the_place_and_what_would_be_right(client: Client) -> None:
    async with client.http("admin") as http:
        workflow_id = (await nightly(http))["workflow_id"]
        good = {"workflow_id": workflow_id, "cron": "0 6 * * *"}
        for change, status, told in (
            ({"cron": "0 6 * *"}, 422, "five fields"),
            ({"cron": None}, 422, "either 'cron' or 'interval'"),
            ({"interval": 60}, 422, "either 'cron' or 'interval'"),
            ({"cron": None, "interval": "0.5s"}, 422, "whole number of seconds"),
            ({"cron": None, "interval": "soon"}, 422, "must be a duration"),
            ({"cron": None, "interval": 60, "timezone": "Europe/Berlin"}, 422, "knows no time zone"),
            ({"timezone": "Africa/Atlantis"}, 422, "there is no time zone 'Africa/Atlantis'"),
            ({"start_at": "2026-01-01T00:00:00"}, 422, "timezone"),
            ({"start_at": "2026-01-02T00:00:00Z", "end_at": "2026-01-01T00:00:00Z"}, 422, "after 'start_at'"),
            ({"start_at": "9999-12-31T23:59:59Z"}, 422, "between the years"),
            ({"overlap": "explode"}, 422, "skip"),
            ({"catch_up": "32d"}, 422, "31d"),
            ({"colour": "blue"}, 422, "colour"),
            ({"parameters": {"greting": "x"}}, 422, "greting"),
            ({"id": "Nightly"}, 422, "a-z"),
            ({"id": "nightly"}, 409, "already"),
            ({"workflow_id": "w0"}, 404, "w0"),
        ):
            answer = await http.post("/v1/schedules", json=good | change)
            assert answer.status_code == status, (change, answer.text)
            assert told in answer.text, (change, answer.text)


async def test_a_schedule_starts_runs_at_its_times_and_skips_while_one_goes_on(client: Client) -> None:
    async with client.http("admin") as http:
        await nightly(http, cron=None, timezone=None, interval=1, parameters={"greeting": "bonsoir"})
        async with asyncio.timeout(60):
            while True:
                shown = (await http.get("/v1/schedules/nightly")).json()
                if len(shown["recent"]) >= 3:
                    break
                await asyncio.sleep(0.1)
        [run] = (await http.get("/v1/runs")).json()["runs"]
        assert run["parameters"] == {"greeting": "bonsoir"} and run["owner"] == "admin"
        assert run["schedule"]["id"] == "nightly"
        assert shown["going_on"] == [run["id"]]
        started = shown["recent"][-1]
        assert (started["outcome"], started["run_id"], started["at"]) == ("started", run["id"], run["schedule"]["at"])
        assert {taken["outcome"] for taken in shown["recent"][:-1]} == {"skipped"}
        assert all(taken["run_id"] is None for taken in shown["recent"][:-1])


async def test_pause_and_resume_keep_a_note(client: Client) -> None:
    async with client.http("admin") as http:
        await nightly(http)
        paused = (await http.post("/v1/schedules/nightly:pause", json={"note": "exams"})).json()
        assert (paused["paused"], paused["note"], paused["next_at"]) == (True, "exams", None)
        assert (await http.get("/v1/schedules/nightly")).json()["next_times"], "those it would have"
        resumed = (await http.post("/v1/schedules/nightly:resume")).json()
        assert (resumed["paused"], resumed["note"]) == (False, "")
        assert resumed["next_at"] is not None
        for verb in ("pause", "resume", "trigger"):
            assert (await http.post(f"/v1/schedules/none:{verb}")).status_code == 404


async def test_a_trigger_with_a_key_starts_one_run_however_often_it_is_sent(client: Client) -> None:
    async with client.http("admin") as http:
        await nightly(http)
        answers = [
            await http.post("/v1/schedules/nightly:trigger", headers={"Idempotency-Key": "one"}) for _ in range(3)
        ]
        assert {answer.status_code for answer in answers} == {202}
        [run] = (await http.get("/v1/runs")).json()["runs"]
        assert [answer.json()["run_id"] for answer in answers] == [run["id"]] * 3
        skipped = (await http.post("/v1/schedules/nightly:trigger")).json()
        assert (skipped["outcome"], skipped["run_id"]) == ("skipped", None) and "going on" in skipped["detail"]
        waits = (await http.post("/v1/schedules/nightly:trigger", json={"overlap": "queue"})).json()
        assert waits["outcome"] is None and "waits" in waits["detail"]
        beside = (await http.post("/v1/schedules/nightly:trigger", json={"overlap": "allow"})).json()
        assert beside["outcome"] == "started"


async def test_with_cancel_old_the_earlier_run_is_asked_to_end_once_and_the_last_starts_after_it(
    client: Client,
) -> None:
    async with client.http("admin") as http:
        await nightly(http, overlap="cancel_old")
        answers = [(await http.post("/v1/schedules/nightly:trigger")).json() for _ in range(3)]
        assert [answer["outcome"] for answer in answers] == ["started", None, None]
        [first] = (await http.get("/v1/runs")).json()["runs"]
        assert first["cancel_requested"]
        events = (await http.get(f"/v1/runs/{first['id']}/events")).json()["events"]
        asked = [event for event in events if event["type"] == "run.cancel_requested"]
        assert [event["by"] for event in asked] == ["schedule nightly"]
        stores, now = client.services.stores, utc_now()
        await stores.run_recovery.set_flow_run(first["id"], "f", now=now)
        state = FlowRunState("f", "CANCELLED", "Cancelled", None, now)
        await stores.ledger.write(lambda tx: stores.runs.follow(tx, state, RunStatus.CANCELLED, now=now))
        async with asyncio.timeout(20):  # less than it takes to look without news of the end
            while len(runs := (await http.get("/v1/runs")).json()["runs"]) < 2:
                await asyncio.sleep(0.02)
        assert {run["id"]: run["cancel_requested"] for run in runs}[first["id"]]
        assert sorted(run["status"] for run in runs) == ["CANCELLED", "SUBMITTED"]


async def test_a_backfill_starts_the_runs_of_a_range(client: Client) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    async with client.http("admin") as http:
        await nightly(http, cron=None, timezone=None, interval="1h", paused=True)
        body = {"from": (now - timedelta(hours=5)).isoformat(), "until": now.isoformat(), "overlap": "allow"}
        key = {"Idempotency-Key": "b"}
        accepted = [await http.post("/v1/schedules/nightly:backfill", json=body, headers=key) for _ in range(2)]
        assert [answer.status_code for answer in accepted] == [202, 202], accepted[0].text
        assert len(accepted[0].json()["backfills"]) == 1
        async with asyncio.timeout(60):
            while len((await http.get("/v1/runs")).json()["runs"]) < 5:
                await asyncio.sleep(0.1)
        future = await http.post(
            "/v1/schedules/nightly:backfill", json=body | {"until": (now + timedelta(hours=1)).isoformat()}
        )
        assert future.status_code == 422 and "future" in future.json()["detail"]


async def test_a_schedule_whose_workflow_no_longer_takes_its_parameters_says_so(client: Client) -> None:
    async with client.http("admin") as http:
        made = await nightly(http, parameters={"greeting": "bonsoir"})
        other = {"name": "other", "tasks": [{"name": "t", "command": ["true"]}]}
        await http.put(f"/v1/workflows/{made['workflow_id']}", json={"spec": other}, headers={"If-Match": "*"})
        answer = (await http.post("/v1/schedules/nightly:trigger")).json()
        assert answer["outcome"] == "failed" and "greeting" in answer["detail"]


@pytest.mark.parametrize("chosen", [{}, {"id": "hourly"}], ids=["an id of its own", "a chosen id"])
async def test_a_kill_between_the_work_and_the_answer_doubles_no_schedule(
    client: Client, monkeypatch: pytest.MonkeyPatch, chosen: dict[str, str]
) -> None:
    store = client.services.stores.idempotency

    async def dies(*args: object, **more: object) -> None:
        raise OSError("killed")

    async with client.http("admin") as http:
        workflow_id = (await nightly(http))["workflow_id"]
        body = {"workflow_id": workflow_id, "cron": "0 * * * *", "parameters": {"greeting": "hi"}, **chosen}
        key = {"Idempotency-Key": "k"}
        with monkeypatch.context() as patch:
            patch.setattr(store, "answered", dies)
            assert (await http.post("/v1/schedules", json=body, headers=key)).status_code == 500
        other = {"name": "other", "tasks": [{"name": "t", "command": ["true"]}]}
        edit = {"json": {"spec": other}, "headers": {"If-Match": "*"}}  # it takes these parameters no more
        assert (await http.put(f"/v1/workflows/{workflow_id}", **edit)).status_code == 200
        expired = {"$set": {"lease.until": datetime(2026, 1, 1, tzinfo=UTC)}}
        await client.services.stores.database["idempotency"].update_one({}, expired)
        again = await http.post("/v1/schedules", json=body, headers=key)
        assert again.status_code == 201, again.text
        found = (await http.get("/v1/schedules")).json()["schedules"]
        assert sorted(item["id"] for item in found) == sorted(["nightly", again.json()["id"]])
