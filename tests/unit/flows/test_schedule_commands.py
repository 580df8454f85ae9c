"""`njangi schedules` against a small HTTP server that answers as docs/api.md says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.flows.test_command_line import FakeService, folder, njangi, service

__all__ = ["folder", "service"]  # fixtures

URL = "/v1/schedules"


def a_schedule(**fields: Any) -> dict[str, Any]:
    return {
        "id": "nightly",
        "workflow_id": "w1",
        "cron": "0 2 * * *",
        "interval": None,
        "timezone": "Africa/Douala",
        "start_at": None,
        "end_at": None,
        "overlap": "skip",
        "catch_up": 600.0,
        "parameters": {"bound": 10},
        "paused": False,
        "note": "",
        "next_at": "2026-06-02T01:00:00Z",
        "waiting": None,
        "backfills": [],
        "recent": [],
        **fields,
    }


def test_create_sends_what_was_given_and_leaves_the_rest_to_the_service(service: FakeService) -> None:
    service.answers[f"POST {URL}"] = (201, a_schedule())
    service.answers["GET /v1/workflows/w1"] = (200, {"spec": {"parameters": {"bound": 1}}})
    options = ["--id", "nightly", "--cron", "0 2 * * *", "--timezone", "Africa/Douala", "-p", "bound=10"]
    result = njangi(service, "schedules", "create", "w1", *options, "--catch-up", "1h", "--overlap", "queue")
    assert (result.exit_code, result.stdout) == (0, "schedule nightly is made\n")
    assert service.bodies(f"POST {URL}") == [
        {
            "id": "nightly",
            "workflow_id": "w1",
            "cron": "0 2 * * *",
            "timezone": "Africa/Douala",
            "parameters": {"bound": 10},
            "overlap": "queue",
            "catch_up": "1h",
            "paused": False,
            "note": "",
        }
    ]
    service.answers[f"PUT {URL}/nightly"] = (200, a_schedule())
    assert njangi(service, "schedules", "edit", "nightly", "w1", "--interval", "90m").exit_code == 0
    [edited] = service.bodies(f"PUT {URL}/nightly")
    assert edited == {"workflow_id": "w1", "interval": "90m", "parameters": {}, "overlap": "skip"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["create", "w1"], "either --cron or --interval", id="no-times"),
        pytest.param(["create", "w1", "--cron", "x", "--interval", "1h"], "either --cron or --interval", id="both"),
        pytest.param(["create", "w1", "--interval", "1h", "-p", "bound"], "name=value", id="no-value"),
        pytest.param(["pause", "../x"], "is not the id", id="no-id"),
        pytest.param(["show", "gone"], "no such", id="unknown"),
    ],
)
def test_wrong_usage_is_told_in_words_with_exit_code_2(service: FakeService, arguments: list[str], says: str) -> None:
    result = njangi(service, "schedules", *arguments)
    assert result.exit_code == 2
    assert says in result.stderr


def test_lists_and_one_schedule_are_tables_or_json(service: FakeService, folder: Path) -> None:
    taken = {"at": "2026-06-01T01:00:00Z", "cause": "time", "outcome": "skipped", "detail": "\x1b[31mearlier run"}
    one = a_schedule(recent=[taken], next_times=["2026-06-02T01:00:00Z"], going_on=["r1"])
    service.answers[f"GET {URL}"] = (200, {"schedules": [a_schedule(paused=True, note="exams")]})
    service.answers[f"GET {URL}/nightly"] = (200, one)
    table = njangi(service, "schedules", "list").stdout
    assert "0 2 * * * Africa/Douala" in table and "PAUSED" in table and "exams" in table
    assert json.loads(njangi(service, "schedules", "list", "-o", "json").stdout)[0]["id"] == "nightly"
    shown = njangi(service, "schedules", "show", "nightly", "--next", "1").stdout
    assert "bound=10" in shown and "r1" in shown and "\ufffd[31mearlier run" in shown and "\x1b[31m" not in shown
    service.answers[f"GET {URL}"] = (200, {"schedules": []})
    assert "no schedules yet" in njangi(service, "schedules", "list").stdout


def test_pause_resume_trigger_backfill_and_delete(service: FakeService) -> None:
    for verb in ("pause", "resume", "backfill"):
        service.answers[f"POST {URL}/nightly:{verb}"] = (200, a_schedule())
    service.answers[f"POST {URL}/nightly:trigger"] = (202, {"outcome": "started", "run_id": "r1", "detail": None})
    service.answers[f"DELETE {URL}/nightly"] = (204, b"")
    assert "is paused" in njangi(service, "schedules", "pause", "nightly", "--note", "exams").stdout
    assert "goes on" in njangi(service, "schedules", "resume", "nightly").stdout
    assert njangi(service, "schedules", "trigger", "nightly", "--overlap", "allow").stdout == "started r1\n"
    until = ["--from", "2026-05-01T00:00:00Z", "--until", "2026-05-08T00:00:00Z"]
    assert "backfilled" in njangi(service, "schedules", "backfill", "nightly", *until).stdout
    assert njangi(service, "schedules", "backfill", "nightly", *until, "--at-once").exit_code == 0
    assert "is deleted" in njangi(service, "schedules", "delete", "nightly").stdout
    assert service.bodies(f"POST {URL}/nightly:pause") == [{"note": "exams"}]
    assert service.bodies(f"POST {URL}/nightly:trigger") == [{"overlap": "allow"}]
    overlaps = [body["overlap"] for body in service.bodies(f"POST {URL}/nightly:backfill")]
    assert overlaps == ["queue", "allow"]
