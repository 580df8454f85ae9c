"""Every page of the console, and something to see on each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tests.ui.site import Site

ENDED = ("COMPLETED", "FAILED", "CANCELLED")
RUN_TABS = ("graph", "grid", "timeline", "logs", "results", "errors", "events", "waiting")
FAILING: dict[str, Any] = {
    "name": "rain-gauges",
    "description": "Daily sums of the rain gauges of the Littoral region",
    "tags": ["weather", "littoral"],
    "tasks": [
        {
            "name": "read",
            "python": {
                "source": (
                    "def read(part):\n"
                    "    import sys\n"
                    "    bad = [n for n in part if n % 7 == 3]\n"
                    "    if bad:\n"
                    "        print('gauge', bad[0], 'sent no value', file=sys.stderr)\n"
                    "        raise ValueError(f'gauge {bad[0]} sent no value')\n"
                    "    return [n * 1.5 for n in part]\n"
                ),
                "function": "read",
            },
            "split": {"range": 40, "items_per_subtask": 2},
            "aggregate": "list",
            "retry": {"maximum_attempts": 1},
        },
        {"name": "sum", "command": "wc -c {read.result}", "dependencies": ["read"]},
    ],
}
WAITING: dict[str, Any] = {
    "name": "map-of-wells",
    "description": "Waits for somebody to agree before the map is drawn",
    "tags": ["water"],
    "tasks": [
        {"name": "survey", "command": "echo 120"},
        {"name": "approval", "wait": {"signal": "approved"}, "dependencies": ["survey"]},
        {"name": "draw", "command": "echo drawn", "dependencies": ["approval"]},
    ],
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is to see, by id; `done`, `failed` and `waits` are runs."""

    workflow: str
    done: str
    failed: str
    waits: str
    volunteer: str
    join_token: str


def seed(site: Site) -> Seen:
    """Make, as ada, workflows, runs that end well and badly and one that waits, a schedule and a join token."""
    ada = site.session("ada")
    workflow = _post(ada, "/v1/templates/mersenne-factors:use", {})["id"]
    done = _post(ada, f"/v1/workflows/{workflow}/runs", {})["id"]
    others = [_post(ada, "/v1/workflows", {"spec": spec})["id"] for spec in (FAILING, WAITING)]
    failed, waits = (_post(ada, f"/v1/workflows/{other}/runs", {})["id"] for other in others)
    _post(ada, f"/v1/workflows/{others[0]}:share", {"with": ["kofi"]})
    _post(ada, "/v1/schedules", {"workflow_id": workflow, "cron": "0 2 * * *", "timezone": "Africa/Douala"})
    join_token = _post(ada, "/v1/join-tokens", {"name": "room 4", "uses": 30})["token"]
    for run_id in (done, failed):
        until(lambda run_id=run_id: _run(ada, run_id)["status"] in ENDED)  # type: ignore[misc]
    until(lambda: any(task["status"] == "RUNNING" for task in _run(ada, waits)["tasks"] if task["name"] == "approval"))
    volunteer = ada.get("/v1/volunteers").raise_for_status().json()["volunteers"][0]["id"]
    return Seen(workflow, done, failed, waits, volunteer, join_token)


def addresses(seen: Seen) -> Mapping[str, str]:
    """Return the pages of somebody who is signed in, by a short name."""
    return {
        "home": "/",
        "workflows": "/workflows",
        "workflow": f"/workflows/{seen.workflow}",
        "editor-new": "/workflows/new",
        "editor": f"/workflows/{seen.workflow}/edit",
        "runs": "/runs",
        "compare": f"/runs/compare?a={seen.done}&b={seen.failed}",
        **{f"run-{tab}": f"/runs/{seen.done}/{tab}" for tab in RUN_TABS},
        "run-failed": f"/runs/{seen.failed}/errors",
        "run-waits": f"/runs/{seen.waits}/waiting",
        "volunteers": "/volunteers",
        "volunteer": f"/volunteers/{seen.volunteer}",
        "admin": "/admin",
        "account": "/account",
        "help": "/help",
        "glossary": "/help/glossary",
        "missing": "/no/such/page",
    }


EMPTY = {
    "home": "/",
    "workflows": "/workflows",
    "runs": "/runs",
    "volunteers": "/volunteers",
    "account": "/account",
    "help": "/help",
    "no-run": "/runs/none",
    "no-workflow": "/workflows/none",
}
"""Pages of a viewer with whom nothing is shared."""


def outside(seen: Seen) -> Mapping[str, str]:
    """Return the pages of who is not signed in."""
    return {"sign-in": "/", "welcome": "/welcome#njangi-invitation-none", "join": f"/join#{seen.join_token}"}


def until(true: Callable[[], bool], seconds: float = 300.0) -> None:
    """Wait for something that other processes bring about. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.2)


def _post(http: httpx.Client, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    answer = http.post(path, json=body)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _run(http: httpx.Client, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = http.get(f"/v1/runs/{run_id}").raise_for_status().json()
    return found
