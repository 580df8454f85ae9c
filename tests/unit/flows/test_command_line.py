"""The `njangi` command against a real small HTTP server that answers as docs/api.md says."""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from njangi_flows.cli.app import app
from njangi_flows.cli.showing import state
from typer.testing import CliRunner, Result

from tests.unit.flows.proving import proven

WORKFLOW = """
name: demo
inputs: {numbers: numbers.txt}
parameters: {bound: 10}
tasks:
  - {name: count, command: "python3 count.py {bound} {numbers}", files: [count.py]}
"""


def a_run(status: str, completed: int = 0, **fields: Any) -> dict[str, Any]:
    task = {"name": "count", "status": status, "total": 2, "queued": 2 - completed, "leased": 0}
    return {
        "id": "r1",
        "name": "demo",
        "version": 1,
        "status": status,
        "owner": "admin",
        "error": None,
        "parameters": {"bound": 10},
        "created_at": "2026-06-01T12:00:00Z",
        "tasks": [{**task, "completed": completed, "failed": 0, "error": None}],
        **fields,
    }


class FakeService(ThreadingHTTPServer):
    """Answers from `answers` (a list is told one item a request, the last for ever) and remembers what was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Any] = {}
        self.sent: list[tuple[str, str, bytes]] = []
        self.tokens: set[str | None] = set()
        self.otherwise: tuple[int, Any] = (404, {"title": "Not Found", "detail": "no such"})
        self.headers: Callable[..., dict[str, str]] = proven

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def bodies(self, request: str) -> list[Any]:
        return [json.loads(body) for method, path, body in self.sent if f"{method} {path}" == request]


class _Handler(BaseHTTPRequestHandler):
    server: FakeService

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        path = self.path.partition("?")[0]
        self.server.sent.append((self.command, path, body))
        self.server.tokens.add(self.headers.get("Authorization"))
        answer = self.server.answers.get(f"{self.command} {path}", self.server.otherwise)
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        status, document = answer
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for header in self.server.headers(self.headers, status).items():
            self.send_header(*header)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer

    def log_message(self, format: str, *args: Any) -> None:
        return None


@pytest.fixture
def service() -> Iterator[FakeService]:
    with FakeService() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NJANGI_URL", raising=False)
    monkeypatch.setenv("NJANGI_TOKEN", "secret")
    (tmp_path / "flow.yaml").write_text(WORKFLOW)
    (tmp_path / "numbers.txt").write_text("1\n2\n")
    (tmp_path / "count.py").write_text("print(1)\n")
    return tmp_path


def wait_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands ask again at once where they would wait."""
    monkeypatch.setattr("njangi_flows.cli.following.POLL_SECONDS", 0.0)
    monkeypatch.setattr("njangi_flows.client.transport.LONGEST_PAUSE", 0.001)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands ask once alone."""
    monkeypatch.setattr("njangi_flows.cli.connecting.PATIENCE_SECONDS", 0.0)


def njangi(service: FakeService | str, *arguments: str) -> Result:
    url = service if isinstance(service, str) else service.url
    result = CliRunner().invoke(app, [*arguments, "--url", url])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


def accept_submissions(service: FakeService, folder: Path) -> dict[str, str]:
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("count.py", "numbers.txt")}
    service.answers |= {
        f"HEAD /v1/blobs/{files['count.py']}": (200, b""),
        f"PUT /v1/blobs/{files['numbers.txt']}": (201, b""),
        "POST /v1/workflows": (201, {"id": "w1"}),
        "POST /v1/workflows/w1/runs": (201, a_run("SUBMITTED")),
    }
    return files


def test_submit_sends_the_files_that_the_service_lacks_then_the_workflow_then_starts_it(
    service: FakeService, folder: Path
) -> None:
    files = accept_submissions(service, folder)
    result = njangi(service, "submit", "flow.yaml", "-p", "bound=20", "-o", "json")
    assert (result.exit_code, json.loads(result.stdout)["id"]) == (0, "r1")
    assert [(path, body) for method, path, body in service.sent if method == "PUT"] == [
        (f"/v1/blobs/{files['numbers.txt']}", b"1\n2\n")
    ]
    [workflow] = service.bodies("POST /v1/workflows")
    assert workflow["files"] == files
    assert workflow["spec"] == WORKFLOW, "as it was written: the service keeps the text"
    assert service.bodies("POST /v1/workflows/w1/runs") == [{"parameters": {"bound": 20}}]
    assert service.tokens == {"Bearer secret"}


@pytest.mark.parametrize(
    ("status", "exit_code"),
    [("COMPLETED", 0), ("FAILED", 1), ("CANCELLED", 3)],
    ids=["completed", "failed", "cancelled"],
)
def test_a_followed_run_tells_its_end_by_the_exit_code(
    service: FakeService, folder: Path, monkeypatch: pytest.MonkeyPatch, status: str, exit_code: int
) -> None:
    wait_for_nothing(monkeypatch)
    accept_submissions(service, folder)
    service.answers["GET /v1/runs/r1"] = [
        (200, a_run("RUNNING")),
        (503, {"detail": "restarting"}),
        (200, a_run("RUNNING", 1)),
        (200, a_run("RUNNING", 1)),
        (200, a_run(status, 2, error=None if status == "COMPLETED" else "because")),
    ]
    result = njangi(service, "submit", "flow.yaml", "--watch")
    assert result.exit_code == exit_code
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines[:4] == ["run r1", "count: RUNNING 0/2", "run: RUNNING", "count: RUNNING 1/2"]
    assert "restarting - still trying" in result.stderr
    assert "the service is back" in result.stderr


def test_following_with_json_leaves_standard_output_to_the_ended_run(service: FakeService, folder: Path) -> None:
    accept_submissions(service, folder)
    service.answers["GET /v1/runs/r1"] = (200, a_run("COMPLETED", 2))
    result = njangi(service, "submit", "flow.yaml", "--watch", "-o", "json")
    assert json.loads(result.stdout)["status"] == "COMPLETED"
    assert "count: COMPLETED 2/2" in result.stderr


def test_a_run_that_completed_without_some_parts_says_so_wherever_its_state_is_shown(
    service: FakeService, folder: Path
) -> None:
    accept_submissions(service, folder)
    run = a_run("COMPLETED", 5, failed_parts=1, parts=6)
    run["tasks"][0] |= {"total": 6, "failed": 1, "failed_parts": 1, "parts": 6}
    run["tasks"].append({**run["tasks"][0], "name": "again", "status": "RUNNING", "failed_parts": 0})
    service.answers["GET /v1/runs/r1"] = (200, run)
    service.answers["GET /v1/runs"] = (200, {"runs": [run]})
    followed = njangi(service, "submit", "flow.yaml", "--watch")
    assert followed.exit_code == 0, "the workflow tolerates it"
    lines = [line.strip() for line in followed.stdout.splitlines()]
    assert "count: COMPLETED, 1 of 6 parts failed 5/6" in lines
    assert "again: RUNNING (1 failed) 5/6" in lines, "it may try that again"
    assert "COMPLETED, 1 of 6 parts failed" in lines
    for command in (["runs"], ["show", "r1"]):
        assert "COMPLETED, 1 of 6 parts failed" in njangi(service, *command).stdout
    assert json.loads(njangi(service, "runs", "-o", "json").stdout)[0]["failed_parts"] == 1


@pytest.mark.parametrize(
    ("status", "failed", "parts", "told"),
    [
        ("FAILED", 1, 1, "FAILED"),
        ("FAILED", 3, 8, "FAILED, 3 of 8 parts failed"),
        ("COMPLETED", 1, 1, "COMPLETED, 1 of 1 parts failed"),
        ("COMPLETED", 0, 6, "COMPLETED"),
    ],
)
def test_how_many_parts_failed_is_told_where_the_state_does_not_say_it(
    status: str, failed: int, parts: int, told: str
) -> None:
    assert state({"status": status, "failed_parts": failed, "parts": parts}) == told


def test_every_problem_of_a_file_is_told_before_anything_is_sent(service: FakeService, folder: Path) -> None:
    (folder / "bad.yaml").write_text("name: x\ntasks:\n - {name: A, command: 'x {y}', files: [gone.py]}\n")
    result = njangi(service, "submit", "bad.yaml")
    assert result.exit_code == 2
    assert [line.split(":")[0].strip() for line in result.stderr.splitlines()[1:]] == [
        "/tasks/0/command/1",
        "/tasks/0/files/0",
        "/tasks/0/name",
    ]
    assert service.sent == []


@pytest.mark.parametrize("command", ["submit", "import"])
def test_a_workflow_in_another_encoding_is_refused_with_what_helps(
    service: FakeService, folder: Path, command: str
) -> None:
    (folder / "latin1.yaml").write_bytes("name: Yaound\u00e9\n".encode("latin-1"))
    result = njangi(service, command, "latin1.yaml")
    assert (result.exit_code, "iconv -f LATIN1 -t UTF-8" in result.stderr) == (2, True)


def test_a_command_that_looks_as_if_for_a_shell_is_warned_of(service: FakeService, folder: Path) -> None:
    (folder / "piped.yaml").write_text("name: x\ntasks: [{name: t, command: sort a.txt | uniq}]\n")
    assert "/tasks/0/command: no shell runs the command" in njangi(service, "submit", "piped.yaml").stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["submit", "nope.yaml"], "cannot be read", id="no-file"),
        pytest.param(["submit", "."], "cannot be read", id="a-folder"),
        pytest.param(["submit", "flow.yaml", "-p", "bound"], "name=value", id="parameter-without-value"),
        pytest.param(["submit", "flow.yaml", "-p", "bond=1"], "did you mean 'bound'?", id="unknown-parameter"),
        pytest.param(["submit", "flow.yaml", "-p", "bound=many"], "must be a number", id="no-number"),
        pytest.param(["submit", "flow.yaml", "-p", "bound=1", "-p", "bound=2"], "twice", id="parameter-twice"),
        pytest.param(["show", "../workflows"], "is not the id of a run", id="no-id"),
        pytest.param(["show", "r9"], "the service refused: no such", id="unknown-run"),
        pytest.param(["nonsense"], "No such command", id="unknown-command"),
        pytest.param(["runs", "-o", "xml"], "xml", id="unknown-output"),
    ],
)
def test_wrong_usage_is_told_in_words_with_exit_code_2(service: FakeService, arguments: list[str], says: str) -> None:
    result = njangi(service, *arguments)
    assert result.exit_code == 2
    assert says in result.stderr


def test_the_services_own_problems_are_told_with_their_pointers(service: FakeService, folder: Path) -> None:
    accept_submissions(service, folder)
    problem = {"detail": "two things are wrong", "errors": [{"pointer": "/tasks/0/name", "detail": "must be short"}]}
    service.answers["POST /v1/workflows"] = (422, problem)
    result = njangi(service, "submit", "flow.yaml")
    assert result.exit_code == 2
    assert "two things are wrong\n  /tasks/0/name: must be short" in result.stderr


@pytest.mark.parametrize(
    ("answer", "exit_code", "says"),
    [
        pytest.param((401, {"detail": "unknown token"}), 2, "give a token by --token", id="unauthorized"),
        pytest.param((503, {"detail": "storage is away"}), 4, "storage is away", id="unavailable"),
        pytest.param((200, b"<html>"), 2, "not a Njangi service", id="another-service"),
        pytest.param((200, {"other": 1}), 2, "not a Njangi service", id="another-json"),
    ],
)
@pytest.mark.usefixtures("impatient")
def test_odd_answers_are_told_in_words(service: FakeService, answer: Any, exit_code: int, says: str) -> None:
    service.answers["GET /v1/runs"] = answer
    result = njangi(service, "runs")
    assert (result.exit_code, says in result.stderr) == (exit_code, True)


@pytest.mark.parametrize("status", [200, 204, 302, 404, 413, 502], ids=str)
@pytest.mark.usefixtures("impatient")
def test_nothing_is_believed_of_what_is_in_between(service: FakeService, status: int) -> None:
    service.headers = lambda request, status: {}
    service.otherwise = (status, b"" if status == 204 else b"<html>sign in</html>")
    for command in ("runs", "upload numbers.txt", "cancel r1", "webhooks delete w1", "download d"):
        result = njangi(service, *command.split())
        assert (result.exit_code, result.stdout) == (4, "")
        assert re.search(f"{service.url}.*{status}.*sign-in page or a proxy", result.stderr)


def test_a_service_that_does_not_know_the_token_may_refuse_without_a_proof(service: FakeService) -> None:
    service.headers = partial(proven, known=False)
    service.answers["GET /v1/runs"] = (401, {"detail": "unknown token"})
    assert "give a token by --token" in njangi(service, "runs").stderr


def test_a_file_that_arrives_as_another_is_not_kept(service: FakeService, folder: Path) -> None:
    sha256 = hashlib.sha256(b"right").hexdigest()
    service.answers[f"GET /v1/blobs/{sha256}"] = (200, b"wrong")
    result = njangi(service, "download", sha256, "-o", "file")
    assert (result.exit_code, "another SHA-256" in result.stderr) == (4, True)
    assert not (folder / "file").exists()
    service.answers[f"GET /v1/blobs/{sha256}"] = (200, b"right")
    assert njangi(service, "download", sha256, "-o", "file").exit_code == 0
    assert (folder / "file").read_bytes() == b"right"


@pytest.mark.usefixtures("impatient")
def test_no_service_is_exit_code_4() -> None:
    result = njangi("http://127.0.0.1:9", "runs")
    assert result.exit_code == 4
    assert "does not answer" in result.stderr
    assert njangi("ftp://x", "runs").exit_code == 2


def test_lists_are_tables_or_json(service: FakeService) -> None:
    service.answers["GET /v1/runs"] = (200, {"runs": [a_run("RUNNING")]})
    service.answers["GET /v1/volunteers"] = (
        200,
        {"volunteers": [{"id": "v1", "name": "\x1b[31m[red]", "status": "ONLINE", "machine": {"sandbox": "none"}}]},
    )
    assert json.loads(njangi(service, "runs", "-o", "json").stdout)[0]["id"] == "r1"
    assert "r1" in njangi(service, "runs").stdout
    table = njangi(service, "volunteers").stdout
    assert "\ufffd[31m[red]" in table and "\x1b[31m" not in table


def test_show_and_cancel(service: FakeService) -> None:
    service.answers["GET /v1/runs/r1"] = (200, a_run("FAILED", 1, error="task [count] failed"))
    service.answers["POST /v1/runs/r1:cancel"] = (202, a_run("RUNNING"))
    shown = njangi(service, "show", "r1").stdout
    assert "task [count] failed" in shown and "bound=10" in shown
    assert "run r1 is being cancelled" in njangi(service, "cancel", "r1").stdout


def test_results_go_to_standard_output_or_a_file(service: FakeService, folder: Path) -> None:
    service.answers["GET /v1/runs/r1/results"] = (200, {"count": {"é": 1}})
    service.answers["GET /v1/runs/r1/results/count"] = (200, b'{"exact":   1.0}')
    assert json.loads(njangi(service, "results", "r1").stdout) == {"count": {"é": 1}}
    assert json.loads(njangi(service, "results", "r1", "-o", "json").stdout) == {"count": {"é": 1}}
    assert njangi(service, "results", "r1", "count").stdout == '{"exact":   1.0}'
    assert njangi(service, "results", "r1", "count", "-o", "out.json").exit_code == 0
    assert (folder / "out.json").read_bytes() == b'{"exact":   1.0}'


def test_a_result_that_does_not_come_leaves_the_old_file_alone(service: FakeService, folder: Path) -> None:
    (folder / "out.json").write_text("old")
    before = {*folder.iterdir()}
    assert njangi(service, "results", "r1", "gone", "-o", "out.json").exit_code == 2
    assert (folder / "out.json").read_text() == "old"
    assert {*folder.iterdir()} == before
    service.answers["GET /v1/runs/r1/results"] = (200, {})
    assert njangi(service, "results", "r1", "-o", "no/such/folder").exit_code == 2


def test_the_token_of_this_folder_is_used_when_none_is_given(
    service: FakeService, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NJANGI_TOKEN")
    (folder / ".njangi" / "tokens").mkdir(parents=True)
    (folder / ".njangi" / "tokens" / "admin").write_text("of-the-folder\n")
    service.answers["GET /v1/runs"] = (200, {"runs": []})
    assert "no runs yet" in njangi(service, "runs").stdout
    assert service.tokens == {"Bearer of-the-folder"}


def test_up_starts_the_stack_of_this_folder(folder: Path) -> None:
    stack = folder / "stack"
    stack.mkdir()
    (stack / "__init__.py").touch()
    (stack / "__main__.py").write_text("import sys\nsys.stdout.write(' '.join(sys.argv[1:]))\n")
    command = [sys.executable, "-m", "njangi_flows", "up", "--agents", "2"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, env={**os.environ})
    assert (done.returncode, done.stdout) == (0, "up --agents 2")


@pytest.mark.parametrize(
    ("command", "route", "body", "told"),
    [
        (["pause", "r1"], "/v1/runs/r1:pause", {}, "run r1 is paused"),
        (["pause", "r1", "--call-back"], "/v1/runs/r1:pause", {"call_back": True}, "run r1 is paused"),
        (["pause", "r1", "-t", "count"], "/v1/runs/r1/tasks/count:pause", {}, "task count of run r1 is paused"),
        (["resume", "r1"], "/v1/runs/r1:resume", {}, "run r1 is resumed"),
        (["resume", "r1", "-t", "count"], "/v1/runs/r1/tasks/count:resume", {}, "task count of run r1 is resumed"),
        (["retry-failed", "r1", "-t", "a", "-t", "b"], "/v1/runs/r1:retry-failed", {"tasks": ["a", "b"]}, "run r1"),
        (
            ["retry-failed", "r1", "--error", "5f3a9c1e20b7"],
            "/v1/runs/r1:retry-failed",
            {"tasks": [], "error_group": "5f3a9c1e20b7"},
            "run r1",
        ),
        (["reset", "r1", "count"], "/v1/runs/r1:reset", {"task": "count"}, "run r1 is restarted"),
        (["rerun", "r1", "-p", "bound=5"], "/v1/runs/r1:rerun", {"parameters": {"bound": 5}}, "run r1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_controls(service: FakeService, command: list[str], route: str, body: dict[str, Any], told: str) -> None:
    service.answers |= {f"POST {route}": (202, a_run("PAUSED")), "GET /v1/runs/r1": (200, a_run("COMPLETED"))}
    result = njangi(service, *command)
    assert result.exit_code == 0 and told in result.stdout, result.output
    assert service.bodies(f"POST {route}") == [body]


@pytest.mark.parametrize("call", ["pause", "resume", "cancel"])
def test_all_runs_of_an_owner_are_controlled(service: FakeService, call: str) -> None:
    service.answers[f"POST /v1/runs:{call}"] = (202, {"runs": ["r1", "r2"]})
    assert "2 runs" in njangi(service, call, "--owner", "ada").stdout
    assert service.bodies(f"POST /v1/runs:{call}") == [{"filter": {"owner": "ada"}, "dry_run": False}]


def test_a_control_is_for_a_run_or_for_an_owner(service: FakeService) -> None:
    for wrong in ([], ["r1", "--owner", "ada"]):
        result = njangi(service, "pause", *wrong)
        assert result.exit_code == 2 and "either a run" in result.output
    assert service.sent == []


def test_a_refused_control_says_why(service: FakeService) -> None:
    problem = {"title": "Conflict", "detail": "run r1 is under way; wait for its end, or cancel it first"}
    service.answers["POST /v1/runs/r1:reset"] = (409, problem)
    result = njangi(service, "reset", "r1", "count")
    assert result.exit_code == 2 and "wait for its end" in result.output
