"""`njangi` on a bad network: what it asks again, what it says while it waits, and that Ctrl-C ends it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.unit.flows.test_command_line import FakeService, a_run, njangi, service

__all__ = ["service"]  # a fixture


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NJANGI_TOKEN", "secret")
    monkeypatch.setattr("njangi_flows.client.transport.LONGEST_PAUSE", 0.001)


class LosesAnswers:
    """Closes the connection instead of the first `count` answers, after the request has arrived."""

    def __init__(self, service: FakeService, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.keys: list[str | None] = []
        answer = service.RequestHandlerClass.do_POST  # type: ignore[attr-defined]

        def lose(handler: BaseHTTPRequestHandler) -> None:
            self.keys.append(handler.headers.get("Idempotency-Key"))
            if len(self.keys) > count:
                answer(handler)
            handler.close_connection = True

        monkeypatch.setattr(service.RequestHandlerClass, "do_POST", lose)


def test_a_lost_answer_is_asked_for_again_under_the_same_key(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answers["POST /v1/runs/r1:cancel"] = (202, a_run("RUNNING"))
    line = LosesAnswers(service, 2, monkeypatch)
    result = njangi(service, "cancel", "r1")
    assert (result.exit_code, result.stdout) == (0, "run r1 is being cancelled\n")
    assert len(line.keys) == 3 and len({*line.keys}) == 1 and line.keys[0]
    waiting, back = result.stderr.splitlines()
    assert re.fullmatch(f"the service at {service.url} does not answer .* - still trying", waiting)
    assert back == "the service is back"


def test_a_secret_whose_answer_is_lost_is_not_made_twice(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    line = LosesAnswers(service, 1, monkeypatch)
    assert njangi(service, "tokens", "create", "nightly").exit_code == 4
    assert len(line.keys) == 1


def test_a_busy_service_is_waited_for(service: FakeService) -> None:
    busy: tuple[int, Any] = (503, {"type": "urn:njangi:storage-unavailable", "detail": "storage is away"})
    service.answers["GET /v1/runs"] = [busy, busy, (200, {"runs": []})]
    result = njangi(service, "runs")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "the service cannot do this now: storage is away - still trying",
        "the service is back",
    ]


def test_whether_the_service_is_ready_is_told_at_once(service: FakeService) -> None:
    service.answers["GET /readyz"] = (503, {"detail": "mongodb is away"})
    assert njangi(service, "status").exit_code == 4
    assert len(service.sent) == 1


def test_ctrl_c_ends_a_command_that_waits(service: FakeService) -> None:
    service.answers["GET /v1/runs"] = (503, {"detail": "storage is away"})
    command = [sys.executable, "-m", "njangi_flows", "runs", "--url", service.url]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env={**os.environ}) as running:
        assert running.stderr is not None
        assert b"still trying" in running.stderr.readline()
        began = time.monotonic()
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=10) == 130
    assert time.monotonic() - began < 3
