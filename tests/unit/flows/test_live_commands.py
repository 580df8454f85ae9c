"""`njangi events` and `njangi webhooks` against a small HTTP server that answers as docs/api.md says."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

import pytest
from njangi_flows.cli.commands.events import following
from njangi_flows.cli.connecting import connect
from njangi_flows.cli.failures import NoAnswerError

from tests.unit.flows.test_command_line import FakeService, folder, njangi, service

__all__ = ["folder", "service"]  # fixtures

EVENTS = "GET /v1/events"
HOOKS = "/v1/webhooks"


def an_event(seq: int, **fields: Any) -> dict[str, Any]:
    common = {"seq": seq, "v": 1, "type": "run.failed", "at": "2026-06-01T12:00:00Z", "run_id": "r1"}
    return {**common, "error": "no \x1b[31mred", **fields}


def frames(*events: dict[str, Any]) -> bytes:
    told = "".join(f"id: {it['seq']}\nevent: {it.get('type', 'resync')}\ndata: {json.dumps(it)}\n\n" for it in events)
    return f"retry: 1000\n\n{told}id: {events[-1]['seq'] + 5}\n: still here\n\n".encode()


def test_past_events_are_lines_or_objects_page_by_page(service: FakeService) -> None:
    pages = [
        (200, {"events": [an_event(1), an_event(2)], "next": 2}),
        (200, {"events": [], "next": 900}),
        (200, {"events": [an_event(901)], "next": 901}),
        (200, {"events": [], "next": 901}),
    ]
    service.answers[EVENTS] = list(pages)
    shown = njangi(service, "events", "--types", "run.*")
    lines = shown.stdout.splitlines()
    assert (shown.exit_code, len(lines)) == (0, 3)
    assert lines[0] == '1 2026-06-01T12:00:00Z run.failed r1 error="no \\u001b[31mred"'
    service.answers[EVENTS] = list(pages)
    objects = njangi(service, "events", "-n", "2", "-o", "json").stdout.splitlines()
    assert [json.loads(line)["seq"] for line in objects] == [1, 2]


def test_events_are_followed_through_interruptions_each_once(
    service: FakeService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refusal = (503, {"title": "Service Unavailable", "detail": "storage is away"})
    first, second = frames(an_event(7), an_event(8)), frames({"seq": 40, "after": 13}, an_event(41))
    service.answers[EVENTS] = [(200, first), refusal, refusal, (200, second)]
    monkeypatch.setattr("njangi_flows.client.transport.LONGEST_PAUSE", 0.001)
    with connect(service.url, "secret") as connected:
        seen = [event["seq"] for event in islice(following(connected, {"types": "run.*"}, None), 3)]
    assert seen == [7, 8, 41]
    said = capsys.readouterr().err.splitlines()
    assert said[0].endswith("storage is away - still trying") and said[1] == "the service is back"
    assert said[2] == "events 14 to 40 came too fast and were left out"


def test_a_service_that_stays_away_is_given_up(service: FakeService) -> None:
    service.answers[EVENTS] = (503, {"detail": "away"})
    with connect(service.url, "secret", patience=0.5) as connected, pytest.raises(NoAnswerError, match="away"):
        next(following(connected, {}, 5))


def test_webhooks_are_made_shown_tested_and_deleted(service: FakeService) -> None:
    hook = {"id": "h1", "url": "https://example.org/", "types": ["run.*"], "status": "DISABLED", "reason": "410"}
    tried = {"at": "2026-06-01T12:00:00Z", "status": None, "error": "no answer", "seconds": 10.0}
    delivery = {"id": "msg_h1_7", "type": "run.failed", "state": "WAITING", "tried": 1, "tries": [tried]}
    service.answers |= {
        f"POST {HOOKS}": (201, {**hook, "secret": "whsec_abc"}),
        f"GET {HOOKS}": (200, {"webhooks": [hook]}),
        f"POST {HOOKS}/h1:enable": (200, {**hook, "status": "ACTIVE"}),
        f"POST {HOOKS}/h1:disable": (200, hook),
        f"POST {HOOKS}/h1:test": (202, {"delivery": "msg_h1_test_1"}),
        f"POST {HOOKS}/h1:redeliver": (202, delivery),
        f"GET {HOOKS}/h1/deliveries": (200, {"deliveries": [delivery]}),
        f"DELETE {HOOKS}/h1": (204, b""),
    }
    made = njangi(service, "webhooks", "create", "https://example.org/", "--types", "run.*", "--run", "r1")
    assert made.stdout == "webhook h1 is made\nsecret whsec_abc\n"
    [sent] = service.bodies(f"POST {HOOKS}")
    assert (sent["url"], sent["types"], sent["run_id"]) == ("https://example.org/", ["run.*"], "r1")
    assert "DISABLED" in njangi(service, "webhooks", "list").stdout
    assert njangi(service, "webhooks", "enable", "h1").stdout == "h1 is ACTIVE\n"
    assert njangi(service, "webhooks", "disable", "h1").stdout == "h1 is DISABLED\n"
    assert "msg_h1_test_1" in njangi(service, "webhooks", "test", "h1").stdout
    assert njangi(service, "webhooks", "redeliver", "h1", "msg_h1_7").stdout == "msg_h1_7 is WAITING\n"
    assert service.bodies(f"POST {HOOKS}/h1:redeliver") == [{"delivery": "msg_h1_7"}]
    assert "no answer" in njangi(service, "webhooks", "deliveries", "h1").stdout
    assert njangi(service, "webhooks", "delete", "h1").stdout == "webhook h1 is deleted\n"
