"""What operators watch: metrics, readiness, the names of requests and the log."""

from __future__ import annotations

import json
import logging
from contextlib import aclosing
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.http.logs import JsonLines
from api.http.tracing import request_id
from api.settings import Settings
from tests.integration.api.conftest import Client, put_task, reports


async def samples(http: httpx.AsyncClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = await http.get("/metrics")
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_metrics_tell_what_there_is_and_what_was_done(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol() as agent, client.bearer("none") as nobody:
        await put_task(flow, run_id, "t", 30)
        answer = (await agent.post("/v1/agent/sync", json={"slots": 4, "wish": 4, "wait": 5})).json()
        await agent.post("/v1/agent/sync", json={"slots": 4, "reports": reports(answer)[:1]})
        await flow.get("/v1/flow/runs/none/nowhere")
        found = await samples(nobody)
    lent = len(answer["leases"])

    def value(name: str, **labels: str) -> float:
        return found[name, frozenset(labels.items())]

    assert value("njangi_leases_total") == lent and value("njangi_reports_total") == 1
    assert value("njangi_subtasks_queued") == 30 - lent and value("njangi_leases_out") == lent - 1
    assert value("njangi_runs", status="COMPLETED") == 0
    assert sum(count for (name, _), count in found.items() if name == "njangi_runs") == 1
    assert value("njangi_volunteers", status="ONLINE") == 1
    assert value("njangi_sync_seconds_count") == 1
    assert value("njangi_events_total") == await client.services.stores.ledger.last_seq()
    assert value("njangi_request_seconds_count", method="POST", route="/v1/agent/sync", status="2xx") == 2
    batches = "/v1/flow/runs/{run_id}/tasks/{task}/batches"
    assert value("njangi_request_seconds_count", method="POST", route=batches, status="2xx") == 1
    assert value("njangi_request_seconds_count", method="GET", route="none", status="4xx") == 1


async def test_metrics_go_to_this_machine_or_under_their_token(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    passed_on = {"X-Forwarded-For": "192.0.2.1"}
    async with client.bearer("secret") as http:
        for unset in (None, ""):
            settings = client.services.settings.model_copy(update={"metrics_token": unset})
            monkeypatch.setattr(client.services, "settings", settings)
            assert (await http.get("/metrics", headers=passed_on)).status_code == 403
            assert (await http.get("/metrics", headers=passed_on | {"Authorization": ""})).status_code == 403
        monkeypatch.setattr(
            client.services, "settings", client.services.settings.model_copy(update={"metrics_token": "secret"})
        )
        assert (await http.get("/metrics", headers=passed_on)).status_code == 200
        other = {"Authorization": "Bearer other"}
        assert (await http.get("/metrics", headers=passed_on | other)).status_code == 403
        assert (await http.get("/metrics", headers=other)).status_code == 200


async def test_readiness_tells_of_prefect_and_of_who_leads(client: Client) -> None:
    await client.services.reconciler._lead(client.services.reconciler._began)
    async with client.bearer("none") as http:
        ready = (await http.get("/readyz")).json()
    assert (ready["status"], ready["mongodb"], ready["prefect"]) == ("ok", "ok", "away")
    assert ready["leaders"]["reconciler"].endswith(f":{client.services.settings.port}")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param("abc-1.2", True, id="a name"),
        pytest.param("a b", False, id="spaces"),
        pytest.param("x" * 65, False),
    ],
)
async def test_a_request_keeps_its_name_and_its_problem_tells_it(client: Client, given: str, kept: bool) -> None:
    async with client.http("admin") as http:
        answer = await http.get("/v1/runs/r0", headers={"X-Request-ID": given})
        problem = answer.json()
        assert (answer.headers["x-request-id"] == given) == kept
        assert problem["request_id"] == answer.headers["x-request-id"]
        fine = await http.get("/v1/runs")
        assert fine.headers["x-request-id"] not in ("", problem["request_id"])


async def test_what_is_unforeseen_is_answered_under_its_name(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(client.services.stores.sharing, "owned", broken)
    async with client.http("admin") as http:
        answer = await http.get("/v1/runs/r0/grid", headers={"X-Request-ID": "broken-1"})
    assert (answer.status_code, answer.json()["request_id"], answer.headers["x-request-id"]) == (
        500,
        "broken-1",
        "broken-1",
    )


def test_a_line_of_the_log_is_json_with_its_particulars() -> None:
    request_id.set("r-1")
    try:
        raise ValueError("no")
    except ValueError as error:
        record = logging.makeLogRecord(
            {"name": "api", "levelname": "WARNING", "msg": "a %s", "args": ("b",), "run_id": "r1", "odd": {1}}
            | {"exc_info": (type(error), error, error.__traceback__)}
        )
    line = json.loads(JsonLines().format(record))
    assert (line["message"], line["run_id"], line["request_id"], line["odd"]) == ("a b", "r1", "r-1", "{1}")
    assert "ValueError: no" in line["error"] and line["time"].endswith("+00:00")


def test_a_wrong_form_of_the_log_is_refused() -> None:
    with pytest.raises(ValueError, match="text"):
        Settings(log="xml")  # type: ignore[arg-type]
