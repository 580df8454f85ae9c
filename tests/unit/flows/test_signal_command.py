"""`njangi signal` against a real small HTTP server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.flows.test_command_line import FakeService, njangi, service

__all__ = ["service"]

SENT = (202, {"run_id": "r1", "name": "approved", "number": 3, "at": "2026-06-01T12:00:00Z"})


@pytest.mark.parametrize(
    ("arguments", "payload"),
    [
        pytest.param([], None, id="nothing"),
        pytest.param(['{"by": "Ana"}'], {"by": "Ana"}, id="object"),
        pytest.param(["3"], 3, id="number"),
        pytest.param([str(2**127 - 1)], 2**127 - 1, id="many digits"),
        pytest.param(["null"], None, id="null"),
        pytest.param(["as it is"], "as it is", id="text"),
    ],
)
def test_a_signal_is_sent_with_its_payload(service: FakeService, arguments: list[str], payload: Any) -> None:
    service.answers["POST /v1/runs/r1/signals"] = SENT
    result = njangi(service, "signal", "r1", "approved", *arguments)
    assert (result.exit_code, result.stdout) == (
        0,
        "signal 'approved' was sent to run r1; it is number 3 of that run\n",
    )
    assert service.bodies("POST /v1/runs/r1/signals") == [{"name": "approved", "payload": payload}]


def test_the_answer_is_shown_as_json_where_asked_for(service: FakeService) -> None:
    service.answers["POST /v1/runs/r1/signals"] = SENT
    assert json.loads(njangi(service, "signal", "r1", "approved", "-o", "json").stdout) == SENT[1]


def test_a_refusal_and_a_wrong_name_are_told(service: FakeService) -> None:
    refusal = {"type": "urn:njangi:run-ended", "title": "Conflict", "status": 409, "detail": "run r1 has ended"}
    service.answers["POST /v1/runs/r1/signals"] = (409, refusal)
    result = njangi(service, "signal", "r1", "approved")
    assert (result.exit_code, "run r1 has ended" in result.stderr) == (2, True)
    wrong = njangi(service, "signal", "r1", "a b")
    assert (wrong.exit_code, "letters, digits" in wrong.stderr) == (2, True)
    broken = njangi(service, "signal", "r1", "approved", '{"by": [1e400]}')
    assert (broken.exit_code, "/by/0: must be a finite number" in broken.stderr) == (2, True)
    assert len(service.sent) == 1


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        pytest.param('{"rows": [1, NaN]}', "/rows/1: must be a finite number", id="NaN"),
        pytest.param("caf\udce9", "payload: the text holds half a surrogate pair", id="a name that is not UTF-8"),
    ],
)
def test_what_would_not_arrive_is_refused_with_the_path_to_it(service: FakeService, payload: str, told: str) -> None:
    result = njangi(service, "signal", "r1", "approved", payload)
    assert (result.exit_code, told in result.stderr, service.sent) == (2, True, [])
