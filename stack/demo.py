"""The demonstration: start the whole stack, run two library workflows on real input, check the answers."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from njangi_flows.cli import folder, following
from njangi_flows.cli.blocking_client import BlockingClient
from njangi_flows.cli.connecting import connect
from rich.console import Console
from rich.table import Table

from api.shipped_files import LIBRARY
from flows.library.mersenne_factors import check as mersenne
from flows.library.stdlib_census import census
from stack.settings import StackSettings
from stack.supervisor import Stack
from stack.welcome import invitation_link

AGENTS = 3
MERSENNE = LIBRARY / "mersenne_factors" / "workflow.yaml"
CENSUS = "stdlib-census/stdlib-census"
FLOW_START_SECONDS = 120.0
"""How long Prefect's process worker may take to start the census' flow."""


class DemoFailedError(Exception):
    """A run did not complete, or its answer is wrong; the text says which and how."""


async def demo(settings: StackSettings, say: Callable[[str], None]) -> None:
    """Start the stack, run both workflows, check and show their answers, stop the stack.

    Prints one last line of figures. Raises DemoFailedError or what `Stack` raises.
    """
    start = time.monotonic()
    console = Console()
    # What the census must come to is counted meanwhile, by a process that gives way to all others.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), os.nice, (10,)) as alone:
        expected = alone.submit(census.single_process)
        async with Stack(settings, say) as stack:
            say(f"console: {await invitation_link(settings) or f'{settings.url}/'} while the demonstration runs")
            token = (settings.home / "tokens" / "admin").read_text().strip()
            subtasks, volunteers = await asyncio.to_thread(_both, settings, token, console, expected)
            say("stopping")
            await stack.stop()
    seconds = time.monotonic() - start
    say(f"demo: COMPLETED {subtasks} subtasks by {volunteers} volunteers in {seconds:.0f} s")


def _both(settings: StackSettings, token: str, console: Console, expected: Future[dict[str, Any]]) -> tuple[int, int]:
    """Run and check both workflows; return how many subtasks were completed, and by how many volunteers."""
    with connect(settings.url, token) as service:
        flow_run_id = _start_flow(settings, CENSUS)  # Prefect takes its time to start a process for it
        first = _follow(service, _submit(service, MERSENNE), console)
        results = "/v1/runs/{run_id}/results"
        table = json.loads(b"".join(service.content(results + "/factor", run_id=first["id"])))
        _show_factors(console, table, service.get(results, run_id=first["id"])["report"])
        _check("mersenne-factors", mersenne.problems(table))

        failure = f"the flow run of {CENSUS} did not start"
        second = _follow(service, _until(lambda: _run_of(service, flow_run_id), failure), console)
        counted = _census_of(settings, second["prefect_flow_run_id"])
        _show_census(console, counted)
        _check("stdlib-census", census.problems(counted, expected.result()))

        console.print(f"API: {settings.url}/openapi.json", highlight=False, soft_wrap=True)
        for run in (first, second):
            console.print(f"{run['name']} in the Prefect UI: {run['prefect_url']}", highlight=False, soft_wrap=True)
        done = [
            subtask
            for run in (first, second)
            for task in run["tasks"]
            for subtask in service.items(
                "/v1/runs/{run_id}/subtasks", "subtasks", {"task": task["name"]}, run_id=run["id"]
            )
            if subtask["status"] == "COMPLETED"
        ]
    return len(done), len({subtask["assigned_to"] for subtask in done})


def _submit(service: BlockingClient, file: Path) -> str:
    submission = folder.read(file)
    files = {name: service.upload(path) for name, path in submission.files.items()}
    workflow = service.post("/v1/workflows", {"spec": submission.text, "files": files})
    return str(service.post("/v1/workflows/{workflow_id}/runs", {}, workflow_id=workflow["id"])["id"])


def _start_flow(settings: StackSettings, deployment: str) -> str:
    """Start an engineer's flow through its Prefect deployment and return the id of its flow run."""
    with httpx.Client(base_url=f"{settings.prefect_url}/api", timeout=30) as prefect:
        found = prefect.get(f"/deployments/name/{deployment}").raise_for_status().json()
        made = prefect.post(f"/deployments/{found['id']}/create_flow_run", json={}).raise_for_status().json()
    return str(made["id"])


def _census_of(settings: StackSettings, flow_run_id: str) -> dict[str, Any]:
    """Return the tables that the census' flow run left in Prefect."""
    wanted = {"artifacts": {"flow_run_id": {"any_": [flow_run_id]}}}
    with httpx.Client(base_url=f"{settings.prefect_url}/api", timeout=30) as prefect:
        found = prefect.post("/artifacts/filter", json=wanted).raise_for_status().json()
    return census.from_artifacts({item["key"]: json.loads(item["data"]) for item in found if item["type"] == "table"})


def _run_of(service: BlockingClient, flow_run_id: str) -> str | None:
    runs = service.first(50, "/v1/runs", "runs")
    return next((run["id"] for run in runs if run["prefect_flow_run_id"] == flow_run_id), None)


def _until(look: Callable[[], str | None], failure: str) -> str:
    end = time.monotonic() + FLOW_START_SECONDS
    while time.monotonic() < end:
        found = look()
        if found is not None:
            return found
        time.sleep(0.5)
    raise DemoFailedError(f"{failure} in {FLOW_START_SECONDS:.0f} s; see .njangi/logs")


def _follow(service: BlockingClient, run_id: str, console: Console) -> dict[str, Any]:
    """Show a run until it has ended and return it. Raises DemoFailedError unless it COMPLETED."""
    run: dict[str, Any] = {}
    with following.display(console) as display:
        for run in following.states(service, run_id):
            display.show(run)
    if run["status"] != "COMPLETED":
        raise DemoFailedError(f"{run['name']} ended {run['status']}: {run['error']}")
    return run


def _check(name: str, problems: list[str]) -> None:
    if problems:
        raise DemoFailedError(f"the answer of {name} is wrong:\n  " + "\n  ".join(problems[:10]))


def _show_factors(console: Console, table: dict[str, Any], report: dict[str, Any]) -> None:
    shown = Table("p", "smallest factor of 2^p - 1", title="Mersenne numbers, the first of them")
    for p, factor in table["rows"][:12]:
        shown.add_row(str(p), str(factor) if factor else "none found")
    console.print(shown)
    console.print(f"{report['factored']} of {report['exponents']} factored", highlight=False)


def _show_census(console: Console, counted: dict[str, Any]) -> None:
    shown = Table("identifier", "times", title="The standard library's most frequent identifiers")
    for name, count in counted["identifiers"][:10]:
        shown.add_row(name, f"{count:,}")
    console.print(shown)
