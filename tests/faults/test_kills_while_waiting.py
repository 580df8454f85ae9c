"""kill -9 of the flow worker and of the API while a run waits: nobody helps, and it comes to its end."""

from __future__ import annotations

import os
import signal
from datetime import datetime, timedelta
from typing import Any

from stack.supervisor import Stack
from tests.end_to_end.submitting import Submitter, python


def running(*names: str) -> Any:
    return lambda run: all(task["status"] == "RUNNING" for task in run["tasks"] if task["name"] in names)


def child_in(run: dict[str, Any]) -> Any:
    return next(task["child_run_id"] for task in run["tasks"] if task["name"] == "child")


async def test_sleeps_waits_and_children_outlive_the_processes_that_carry_them(
    submitter: Submitter, stack: Stack
) -> None:
    await submitter.start({"name": "inner", "wait": {"signal": "go"}}, name="patient")
    run_id = await submitter.start(
        {"name": "nap", "sleep": "25s"},
        {"name": "approval", "wait": {"signal": "approved", "timeout": "1h"}},
        {"name": "child", "workflow": "patient"},
        python(
            "after",
            "def f(**given):\n    return given\n",
            parameters={"nap": "{nap.result}", "approval": "{approval.result}", "child": "{child.result}"},
            dependencies=["nap", "approval", "child"],
        ),
    )
    await submitter.until(run_id, running("nap", "approval", "child"))
    child = child_in(await submitter.until(run_id, child_in))
    await submitter.until(child, running("inner"))
    for name in ("flow-worker", "api"):
        pid = stack.pid(name)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await stack.replaced(name, pid)
    for target, name, payload in ((run_id, "approved", {"by": "Ana"}), (child, "go", 1)):
        sent = await submitter.post(f"/v1/runs/{target}/signals", {"name": name, "payload": payload})
        assert sent.status_code == 202, sent.text
    await submitter.completed(run_id, 180)
    wanted = {"nap": None, "approval": {"by": "Ana"}, "child": {"inner": 1}}
    assert await submitter.result(run_id, "after") == wanted
    events = await submitter.events(run_id)
    at = {event["task"]: datetime.fromisoformat(event["at"]) for event in events if event["type"] == "task.completed"}
    held = [datetime.fromisoformat(event["at"]) for event in events if event["type"] == "run.held"]
    assert len(held) >= 2, "the run was taken up again"
    assert at["nap"] - held[0] >= timedelta(seconds=25)
