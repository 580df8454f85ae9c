"""`njangi history` and `njangi replay` against a real small HTTP server, whose connections break where a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from njangi_flows.cli.app import app
from njangi_flows.cli.connecting import connect
from njangi_flows.cli.failures import NoAnswerError
from typer.testing import CliRunner, Result

from tests.unit.flows.proving import proven

NOON = "2026-06-01T12:00:00+00:00"
EVENTS: list[dict[str, Any]] = [
    {"type": "run.submitted", "prefect_flow_run_id": "p1", "tasks": ["t"]},
    {"type": "subtasks.queued", "task": "t", "batches": [{"batch": 0, "ranges": [[0, 2]]}]},
    {"type": "subtasks.leased", "task": "t", "volunteer": "ada", "indexes": [0, 1]},
    {"type": "subtasks.completed", "task": "t", "volunteer": "ada", "status": "COMPLETED", "indexes": [0]},
    {"type": "run.running", "error": "line\u2028break", "started_at": NOON, "ended_at": None},
]
LINES = [
    json.dumps({"v": 1, "seq": seq, "at": NOON, "run_id": "r1", **event}, ensure_ascii=False).encode() + b"\n"
    for seq, event in enumerate(EVENTS, 1)
]


class RunServer(ThreadingHTTPServer):
    """Serves the run r1. Each of `cuts` breaks one answer of its history off after so many bytes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.cuts: list[int] = []
        self.asked_after: list[int] = []
        self.subtasks = [
            {"index": index, "batch": "r1/t/b0", "status": status, "attempt": attempt, "assigned_to": volunteer}
            | {"attempts": [{"volunteer_id": "ada", "outcome": "RETURNED"}] if status == "COMPLETED" else []}
            for index, (status, attempt, volunteer) in enumerate(
                [("COMPLETED", 1, "ada"), ("LEASED", 1, "ada"), ("QUEUED", 0, None)]
            )
        ]
        self.run: dict[str, Any] = {
            "id": "r1",
            "status": "RUNNING",
            "attempt": 0,
            "error": "line\u2028break",
            "cancel_requested": False,
            "prefect_flow_run_id": "p1",
            "started_at": "2026-06-01T12:00:00Z",
            "ended_at": None,
            "tasks": [
                {"name": "t", "status": "PENDING", "error": None}
                | {"total": 3, "queued": 1, "leased": 1, "completed": 1, "failed": 0, "cancelled": 0}
                | {"parts": 3, "failed_parts": 0}
            ],
            "parts": 3,
            "failed_parts": 0,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: RunServer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        if parts.path == "/v1/runs/r1/history":
            after = int(query["after"][0])
            self.server.asked_after.append(after)
            cut = self.server.cuts.pop(0) if self.server.cuts else None
            self._send(b"".join(LINES[after:]), cut)
        elif parts.path == "/v1/runs/r1/subtasks":
            after = int(query.get("page_token", ["-1"])[0])
            found = [item for item in self.server.subtasks if item["index"] > after][:2]
            page = {"subtasks": found, "next_page_token": str(found[-1]["index"]) if len(found) == 2 else None}
            self._send(json.dumps(page).encode())
        else:
            self._send(json.dumps(self.server.run).encode())

    def _send(self, content: bytes, cut: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        for header in proven(self.headers, 200).items():
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(content[:cut])

    def log_message(self, format: str, *args: Any) -> None:
        return None


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunServer]:
    monkeypatch.setenv("NJANGI_TOKEN", "secret")
    with RunServer() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def njangi(server: RunServer, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--url", server.url], catch_exceptions=False)


def exported(folder: Path, content: list[bytes]) -> str:
    file = folder / "run.jsonl"
    file.write_bytes(b"".join(content))
    return str(file)


def test_a_history_is_written_line_by_line(server: RunServer, tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    assert njangi(server, "history", "r1", "-o", str(file)).exit_code == 0
    assert file.read_bytes() == b"".join(LINES)
    assert njangi(server, "history", "r1", "--after", "3").stdout_bytes == b"".join(LINES[3:])


def test_a_connection_that_breaks_is_taken_up_after_the_last_whole_line(
    server: RunServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.cuts = [len(LINES[0]) + 10, 5, len(LINES[1])]
    monkeypatch.setattr("njangi_flows.client.transport.LONGEST_PAUSE", 0.001)
    with connect(server.url, None) as service:
        assert list(service.history("r1", 0)) == LINES
    assert server.asked_after == [0, 1, 1, 2]


def test_a_service_that_stays_away_is_given_up(server: RunServer) -> None:
    server.cuts = [5] * 100
    with connect(server.url, None, patience=1.0) as service, pytest.raises(NoAnswerError, match="does not answer"):
        list(service.history("r1", 0))
    assert 1 < len(server.asked_after) < 5


def test_a_replay_that_agrees_exits_with_0(server: RunServer, tmp_path: Path) -> None:
    result = njangi(server, "replay", exported(tmp_path, LINES))
    assert (result.exit_code, result.stdout) == (0, "run r1, 1 tasks, 3 subtasks: as stored\n")


def test_a_replay_says_every_difference_and_exits_with_1(server: RunServer, tmp_path: Path) -> None:
    server.run["status"] = "FAILED"
    server.subtasks[2]["status"] = "LEASED"
    del server.subtasks[1]
    result = njangi(server, "replay", exported(tmp_path, LINES))
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "the run: status is RUNNING by the history, FAILED as stored",
        "subtask t/2: status is QUEUED by the history, LEASED as stored",
        "subtask t/1 is in the history and not stored",
        "run r1, 1 tasks, 3 subtasks: 3 differences",
    ]
    told = json.loads(njangi(server, "replay", exported(tmp_path, LINES), "-o", "json").stdout)
    assert len(told["differences"]) == 3


def test_a_replay_of_a_run_that_went_on_says_so(server: RunServer, tmp_path: Path) -> None:
    result = njangi(server, "replay", exported(tmp_path, LINES[:-1]))
    assert result.exit_code == 1 and "events after number 4" in result.stdout


def test_offline_only_what_is_rebuilt_is_shown(server: RunServer, tmp_path: Path) -> None:
    unknown = LINES[-1].replace(b"run.running", b"run.blessed")
    result = njangi(server, "replay", exported(tmp_path, [*LINES[:-1], unknown]), "--offline")
    assert result.exit_code == 0 and server.asked_after == []
    assert "t/0: COMPLETED, attempts: 1" in result.stdout and "t/2: QUEUED, attempts: 0" in result.stdout
    assert "1 events of type run.blessed" in result.stderr


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(LINES[1:], "not a run's beginning", id="cut off at the front"),
        pytest.param([LINES[0], LINES[1][:20]], "each line must be one event", id="cut off within a line"),
        pytest.param([b"[1]\n"], "each line must be one event", id="no event"),
    ],
)
def test_what_is_no_history_is_wrong_usage(server: RunServer, tmp_path: Path, content: list[bytes], why: str) -> None:
    result = njangi(server, "replay", exported(tmp_path, content))
    assert result.exit_code == 2 and why in result.stderr
    assert njangi(server, "replay", str(tmp_path / "absent")).exit_code == 2


def test_without_a_service_a_replay_says_that_it_does_not_answer(
    server: RunServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("njangi_flows.cli.connecting.FIRST_CONTACT_SECONDS", 0.0)
    file = exported(tmp_path, LINES)
    result = CliRunner().invoke(app, ["replay", file, "--url", "http://127.0.0.1:9"])
    assert result.exit_code == 4 and "does not answer" in result.stderr
