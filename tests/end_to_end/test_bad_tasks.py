"""What a submitter is told when a task goes wrong: the run FAILED, naming task, subtask and reason."""

from __future__ import annotations

from typing import Any

import pytest

from tests.end_to_end.submitting import Submitter, python

ONCE = {"maximum_attempts": 1}


def shell(script: str, **fields: Any) -> dict[str, Any]:
    return {"name": "bad", "command": ["sh", "-c", script], "retry": ONCE, **fields}


@pytest.mark.parametrize(
    ("task", "told"),
    [
        pytest.param(shell("echo no such table >&2; exit 3"), ["NonZeroExit", "3", "no such table"], id="exit code"),
        pytest.param(shell("sleep 60", timeouts={"start_to_close": 1}), ["TimedOut"], id="hangs"),
        pytest.param(shell("yes", resources={"storage": "1MiB"}), ["OutputTooLarge"], id="floods its output"),
        pytest.param(
            shell("head -c 50000000 /dev/zero > big; sleep 5; exit 1", resources={"storage": "1MiB"}),
            ["bad/0"],
            id="writes too much",
        ),
        pytest.param(shell("echo '{'", parse="json"), ["BadOutput"], id="no JSON"),
        pytest.param(
            {"name": "bad", "command": ["no-such-program"], "retry": ONCE}, ["no-such-program"], id="no program"
        ),
        pytest.param(
            python("bad", "def f():\n    raise KeyError('missing')\n", retry=ONCE),
            ["KeyError", "missing"],
            id="exception",
        ),
        pytest.param(python("bad", "def f(:\n", retry=ONCE), ["SyntaxError"], id="no Python"),
        pytest.param(python("bad", "def f():\n    return object()\n", retry=ONCE), ["bad/0"], id="no JSON value"),
        pytest.param(python("bad", "import os\ndef f():\n    os._exit(1)\n", retry=ONCE), ["bad/0"], id="exits"),
        pytest.param(
            python("bad", "def f():\n    return len(bytearray(10**9))\n", retry=ONCE, resources={"memory": "128MiB"}),
            ["Memory"],
            id="too much memory",
        ),
    ],
)
async def test_a_failed_run_says_which_subtask_failed_and_why(
    submitter: Submitter, task: dict[str, Any], told: list[str]
) -> None:
    run_id = await submitter.start(task, python("after", "def f():\n    return 1\n", dependencies=["bad"]))
    run = await submitter.ended(run_id, 60)
    assert run["status"] == "FAILED"
    assert f"{run_id}/bad/0" in run["error"] and "bad" in run["error"], run["error"]
    for text in told:
        assert text in run["error"], run["error"]
    assert {item["name"]: item["status"] for item in run["tasks"]} == {"bad": "FAILED", "after": "SKIPPED"}


async def test_results_that_cannot_be_aggregated_fail_the_task_and_say_why(submitter: Submitter) -> None:
    run_id = await submitter.start(
        python("words", "def f(part):\n    return 'x'\n", split={"range": 3}, aggregate="sum")
    )
    run = await submitter.ended(run_id, 60)
    assert run["status"] == "FAILED"
    assert "task 'words': AggregateError: the result of subtask 0 must be" in run["error"], run["error"]


async def test_an_error_that_no_retry_mends_is_not_retried(submitter: Submitter) -> None:
    retry = {"maximum_attempts": 5, "initial_interval": "30s", "non_retryable": ["ValueError"]}
    run_id = await submitter.start(python("bad", "def f():\n    raise ValueError('never')\n", retry=retry))
    run = await submitter.ended(run_id)
    assert run["status"] == "FAILED" and "never" in run["error"]
    [subtask] = await submitter.subtasks(run_id, "bad")
    assert len(subtask["attempts"]) == 1


async def test_tolerated_failures_do_not_fail_the_task(submitter: Submitter) -> None:
    source = "def f(part):\n    return 1 // (part % 10)\n"
    run_id = await submitter.start(
        python("some", source, split={"range": 20}, aggregate="list", retry=ONCE, tolerated_failure="10%")
    )
    run = await submitter.completed(run_id)
    assert run["tasks"][0]["failed"] == 2
    found = await submitter.result(run_id, "some")
    assert (len(found), [place for place, value in enumerate(found) if value is None]) == (20, [0, 10])
