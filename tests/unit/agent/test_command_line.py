"""The agent as its owner meets it: a process with arguments, signals, exit codes and files."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from njangi_agent.protocol import File, Lease, Outcome, TaskDefinition
from njangi_agent.sandbox.isolation import Bubblewrap

from .conftest import a_lease
from .service import FakeService

SECONDS = 30


def command(home: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    return [sys.executable, "-m", "njangi_agent", *arguments], {**os.environ, "NJANGI_AGENT_HOME": str(home)}


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv, environment = command(home, *arguments)
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=SECONDS)


@contextmanager
def started(home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    argv, environment = command(home, *arguments)
    with subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE, text=True) as agent:
        try:
            yield agent
        finally:
            agent.kill()


def test_joining_enrols_once_and_keeps_the_secret_private(service: FakeService, tmp_path: Path) -> None:
    for _ in range(2):
        with started(tmp_path, "join", service.url, "--token", "join", "--name", "attic", "--slots", "1") as agent:
            service.until(lambda: service.parked == 1)
            agent.send_signal(signal.SIGTERM)
            assert agent.wait(SECONDS) == 0
    assert [body["name"] for body in service.enrolled] == ["attic"]
    assert service.enrolled[0]["machine"]["cpu"] >= 1
    assert stat.S_IMODE((tmp_path / "identity.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_agent_told_to_leave_kills_its_work_and_hands_it_back(
    service: FakeService, tmp_path: Path, bubblewrap: Bubblewrap, number: int
) -> None:
    task = TaskDefinition("t", "task", command=["sleep", "600"])
    service.lend(task, a_lease("s0", seconds=1), a_lease("s1", seconds=1))
    with started(tmp_path, "join", service.url, "--token", "join", "--slots", "1") as agent:
        service.until(lambda: service.held == {"s0", "s1"})
        agent.send_signal(number)
        assert agent.wait(SECONDS) == 0
    assert {name: report.outcome for name, report in service.reports.items()} == {
        "s0": Outcome.HANDED_BACK,
        "s1": Outcome.HANDED_BACK,
    }


def test_the_work_of_an_agent_that_is_killed_dies_with_it(
    service: FakeService, tmp_path: Path, bubblewrap: Bubblewrap
) -> None:
    mark = f"7{os.getpid()}"
    service.lend(TaskDefinition("t", "task", command=["sleep", mark]), a_lease("s0", seconds=0.3))
    with started(tmp_path, "join", service.url, "--token", "join", "--slots", "1") as agent:
        service.until(lambda: "s0" in service.held)
        eventually(lambda: sleepers(mark))
        agent.kill()
        agent.wait(SECONDS)
        eventually(lambda: not sleepers(mark))


def eventually(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"


def sleepers(mark: str) -> list[str]:
    return subprocess.run(["pgrep", "-f", f"sleep {mark}$"], capture_output=True, text=True).stdout.split()


def test_commands_and_functions_run_end_to_end(service: FakeService, tmp_path: Path, bubblewrap: Bubblewrap) -> None:
    part = service.store(b"3\n4\n")
    parameters = service.store(b'{"x": 21}')
    double = TaskDefinition("double", "double", source="def f(x): return 2 * x", function="f")
    files, paths = [File("in.txt", part, 4)], {"part": "in.txt"}
    read = TaskDefinition("read", "read", command=["cat", "{part}"], parse="lines", files=files, paths=paths)
    service.lend(double, *(a_lease(f"d{x}", {"x": x}, "double") for x in range(30)))
    service.lend(double, Lease("large", "double", "token-of-large", 1, 30.0, parameters_blob=parameters))
    service.lend(read, a_lease("r", task_id="read"))
    with started(tmp_path, "join", service.url, "--token", "join", "--slots", "2") as agent:
        service.until(lambda: len(service.reports) == 32)
        agent.terminate()
        assert agent.wait(SECONDS) == 0
    assert [service.reports[f"d{x}"].result for x in range(30)] == [str(2 * x) for x in range(30)]
    assert service.reports["large"].result == "42"
    assert service.reports["r"].result == '["3","4"]'


def test_a_home_belongs_to_one_agent_which_clears_what_a_killed_one_left(service: FakeService, tmp_path: Path) -> None:
    left = tmp_path / "work" / "left" / "box"
    left.mkdir(parents=True)
    with started(tmp_path, "join", service.url, "--token", "join", "--slots", "1") as agent:
        service.until(lambda: service.parked == 1)
        assert not left.exists()
        second = run(tmp_path, "run")
        agent.terminate()
        assert agent.wait(SECONDS) == 0
    assert second.returncode == 3
    assert "another agent" in second.stderr


def test_a_second_signal_ends_the_agent_at_once(service: FakeService, tmp_path: Path) -> None:
    with started(tmp_path, "join", service.url, "--token", "join", "--slots", "1") as agent:
        service.until(lambda: service.parked == 1)
        service.deaf.set()
        agent.terminate()
        eventually(lambda: service.deaf_turns)
        agent.terminate()
        assert agent.wait(SECONDS) == 3
        service.deaf.clear()


def test_help_shows_examples(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")
    assert done.returncode == 0
    assert "njangi-agent join https://" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "join|run"),
        (["run"], 2, "njangi-agent join URL"),
        (["join", "http://127.0.0.1:1"], 2, "--token"),
        (["join", "ftp://somewhere", "--token", "x"], 2, "http://"),
        (["join", "http://127.0.0.1:1", "--token", "x", "--slots", "0"], 2, "1 or more"),
        (["join", "http://127.0.0.1:1", "--token-file", "/does/not/exist"], 2, "token file"),
        (["join", "http://127.0.0.1:1", "--token", "x"], 3, "can be joined at http://127.0.0.1:1: "),
        (["join", "SERVICE", "--token", "wrong"], 1, "refused"),
    ],
)
def test_a_mistake_is_answered_in_one_line(
    service: FakeService, tmp_path: Path, arguments: list[str], code: int, says: str
) -> None:
    done = run(tmp_path, *(service.url if argument == "SERVICE" else argument for argument in arguments))
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_an_identity_that_is_no_longer_good_ends_the_agent(service: FakeService, tmp_path: Path) -> None:
    (tmp_path / "identity.json").write_text(
        f'{{"url": "{service.url}", "volunteer_id": "v", "secret": "{service.retired}"}}'
    )
    done = run(tmp_path, "run")
    assert done.returncode == 1
    assert "refused" in done.stderr
    (tmp_path / "identity.json").write_text("{")
    assert run(tmp_path, "run").returncode == 3
