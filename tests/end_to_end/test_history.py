"""Runs of every kind are exported and rebuilt from what they told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stack.supervisor import Stack
from tests.end_to_end.replaying import check_history, command
from tests.end_to_end.submitting import Submitter, python

FLAKY = "import random\ndef f(part):\n    assert random.random() > 0.3, 'bad luck'\n    return part\n"
BAD = "def f(part):\n    assert part != 3, 'three is bad'\n    return part\n"


def types(file: Path) -> set[str]:
    return {json.loads(line)["type"] for line in file.read_text().splitlines()}


async def test_a_run_whose_failures_were_retried(submitter: Submitter, stack: Stack, tmp_path: Path) -> None:
    retry = {"maximum_attempts": 12, "initial_interval": "100ms", "backoff_coefficient": 1.0}
    run_id = await submitter.start(
        python("flaky", FLAKY, split={"range": 120}, aggregate="sum", retry=retry),
        python("after", "def f(x):\n    return x\n", parameters={"x": "{flaky.result}"}, dependencies=["flaky"]),
    )
    await submitter.completed(run_id, 180)
    told = types(await check_history(stack, run_id, tmp_path))
    assert told >= {"subtasks.failed", "subtasks.requeued", "run.scheduled", "run.completed", "task.completed"}


async def test_a_run_that_failed(submitter: Submitter, stack: Stack, tmp_path: Path) -> None:
    run_id = await submitter.start(
        python("bad", BAD, split={"range": 10}, aggregate="sum", retry={"maximum_attempts": 1}),
        python("after", "def f(x):\n    return x\n", parameters={"x": "{bad.result}"}, dependencies=["bad"]),
    )
    assert (await submitter.ended(run_id))["status"] == "FAILED"
    told = types(await check_history(stack, run_id, tmp_path))
    assert told >= {"task.failed", "task.skipped", "run.failed"}


async def test_a_run_cancelled_with_subtasks_in_every_state(submitter: Submitter, stack: Stack, tmp_path: Path) -> None:
    source = "import time\ndef f(part):\n    time.sleep(0.2)\n    return part\n"
    run_id = await submitter.start(python("slow", source, split={"range": 300}, aggregate="list"))
    await submitter.until(run_id, lambda run: run["tasks"] and run["tasks"][0]["completed"] >= 5)
    assert (await submitter.post(f"/v1/runs/{run_id}:cancel")).status_code == 202
    assert (await submitter.ended(run_id))["status"] == "CANCELLED"
    file = await check_history(stack, run_id, tmp_path)
    assert types(file) >= {"run.cancel_requested", "subtasks.cancelled", "task.cancelled", "run.cancelled"}
    shown = await command(stack, "replay", str(file), "--offline", "-o", "json")
    rebuilt: dict[str, Any] = json.loads(shown.output)
    [task] = rebuilt["tasks"]
    assert rebuilt["status"] == task["status"] == "CANCELLED"
    assert {item["status"] for item in task["subtasks"]} == {"COMPLETED", "CANCELLED"}


async def test_a_history_that_is_cut_short_is_noticed(submitter: Submitter, stack: Stack, tmp_path: Path) -> None:
    run_id = await submitter.start(python("t", "def f(part):\n    return part\n", split={"range": 5}, aggregate="sum"))
    await submitter.completed(run_id)
    file = await check_history(stack, run_id, tmp_path)
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-1]))
    replayed = await command(stack, "replay", str(file))
    assert replayed.exit_code == 1
    assert "export its history again" in replayed.output
    assert "the run: status is " in replayed.output
