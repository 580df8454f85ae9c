"""Hold what a storm left behind against what was asked for: from the event log over the API, MongoDB and Prefect."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from storage.database import Database
from tests.end_to_end.replaying import command
from tests.end_to_end.submitting import ENDED, Running, Submitter
from tests.faults.monkey import Fault
from tests.faults.shapes import Shape

PREFECT_SECONDS = 60.0
"""How long Prefect may take to show what the service shows: it may just have been started again."""
PAGE = 1000


@dataclass(slots=True)
class Audit:
    """Counts; `problems` says of each thing that is wrong what and where."""

    runs: int = 0
    ended: int = 0
    subtasks: int = 0  # accepted
    executions: int = 0  # leases
    accepted_twice: int = 0
    lost: int = 0
    rerun_after_accept: int = 0
    wrong_aggregates: int = 0
    recoveries: int = 0  # of runs whose flow worker was lost
    problems: list[str] = field(default_factory=list)


async def audit(stack: Running, database: Database, submitter: Submitter, asked: Mapping[str, Shape]) -> Audit:
    """Look at every run there is. `asked` gives, by run name, what was acknowledged when it was submitted."""
    found = Audit()
    runs = [run async for run in database["runs"].find({}, {"name": 1, "status": 1, "prefect_flow_run_id": 1})]
    for name in asked.keys() - {run["name"] for run in runs}:
        found.lost += asked[name].total
        found.problems.append(f"{name}: its submission was acknowledged, and it is gone")
    for run in runs:
        await _run(found, submitter, run["_id"], asked[run["name"]])
        found.problems += await _unlike_its_history(stack, run["_id"])
    found.problems += await _drifted(database)
    found.problems += await _left_open(database)
    found.problems += [f"{run['_id']} has no flow run" for run in runs if not run.get("prefect_flow_run_id")]
    expected = {id_: run["status"] for run in runs if (id_ := run.get("prefect_flow_run_id"))}
    found.problems += await _disagreements(stack, expected)
    return found


async def _run(found: Audit, submitter: Submitter, run_id: str, shape: Shape) -> None:
    run = await submitter.run(run_id)
    where = f"{run_id} ({shape.kind})"
    found.runs += 1
    found.ended += run["status"] in ENDED
    if run["status"] != shape.ending:
        found.problems.append(f"{where} is {run['status']}, not {shape.ending}: {run['error']}")
    happened = await events(submitter, run_id)
    accepted, leased, again = accepted_and_late(happened)
    found.recoveries += sum(event["type"] == "run.recovered" for event in happened)
    found.subtasks += len(accepted)
    found.executions += leased
    twice = [key for key, times in accepted.items() if times > 1]
    found.accepted_twice += len(twice)
    found.rerun_after_accept += len(again)
    found.problems += [f"{where}: {key} was accepted twice" for key in twice]
    found.problems += [f"{where}: {key} was lent again after it was accepted" for key in again]
    by_task = Counter(task for task, _ in accepted)
    for task, count in shape.subtasks.items():
        if by_task[task] != count:
            found.lost += max(0, count - by_task[task])
            found.problems.append(f"{where}: {by_task[task]} subtasks of {task} were accepted, not {count}")
        found.problems += [
            f"{where}: the attempts of {subtask['id']} are {outcomes}"
            for subtask in await subtasks(submitter, run_id, task)
            if not _is_settled_once(outcomes := [attempt["outcome"] for attempt in subtask["attempts"]])
        ]
    for task, result in shape.results.items():
        if task not in {item["name"] for item in run["tasks"] if item["status"] == "COMPLETED"}:
            found.wrong_aggregates += 1
            found.problems.append(f"{where}: {task} has no result")
        elif (got := await submitter.result(run_id, task)) != result:
            found.wrong_aggregates += 1
            found.problems.append(f"{where}: the result of {task} is {str(got)[:100]}, not {str(result)[:100]}")


async def _unlike_its_history(stack: Running, run_id: str) -> list[str]:
    """Return where a run is not what its exported history makes of it."""
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "history.jsonl")
        for arguments in (["history", run_id, "-o", file], ["replay", file]):
            done = await command(stack, *arguments)
            if done.exit_code != 0:
                return [f"{run_id}: njangi {arguments[0]} says {done.output.strip()[:300]}"]
    return []


def accepted_and_late(
    happened: Iterable[Mapping[str, Any]],
) -> tuple[Counter[tuple[str, int]], int, list[tuple[str, int]]]:
    """Return how often each (task, index) was accepted, how many leases there were, and those that came too late."""
    accepted: Counter[tuple[str, int]] = Counter()
    again: list[tuple[str, int]] = []
    leased = 0
    for event in happened:
        if event["type"] == "subtasks.completed":
            accepted.update((event["task"], index) for index in event["indexes"])
        elif event["type"] == "subtasks.leased":
            leased += len(event["indexes"])
            again += [(event["task"], index) for index in event["indexes"] if accepted[event["task"], index]]
    return accepted, leased, again


def _is_settled_once(outcomes: Sequence[str]) -> bool:
    """Whether nothing came after a returned attempt."""
    return "RETURNED" not in outcomes[:-1]


async def events(submitter: Submitter, run_id: str) -> list[dict[str, Any]]:
    """Return all events of a run in their order."""
    found: list[dict[str, Any]] = []
    while True:
        after = found[-1]["seq"] if found else 0
        page = (await submitter.get(f"/v1/runs/{run_id}/events", after=after, limit=PAGE))["events"]
        found += page
        if len(page) < PAGE:
            return found


async def subtasks(submitter: Submitter, run_id: str, task: str) -> list[dict[str, Any]]:
    """Return all subtasks of a task in their order."""
    found: list[dict[str, Any]] = []
    begins: dict[str, str] = {}
    while True:
        page = await submitter.get(f"/v1/runs/{run_id}/subtasks", task=task, page_size=PAGE, **begins)
        found += page["subtasks"]
        if page["next_page_token"] is None:
            return found
        begins = {"page_token": page["next_page_token"]}


async def _drifted(database: Database) -> list[str]:
    """Return the batches whose counters are not the counts of their subtasks."""
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    group = {"_id": {"batch": "$batch", "status": "$status"}, "count": {"$sum": 1}}
    async for row in await database["tasks"].aggregate([{"$match": {"is_subtask": True}}, {"$group": group}]):
        counted[row["_id"]["batch"]][row["_id"]["status"].lower()] = row["count"]
    problems = []
    async for batch in database["batches"].find():
        says = {name: batch[name] for name in ("queued", "leased", "completed", "failed", "dead", "cancelled")}
        holds = {name: counted[batch["_id"]][name] for name in says}
        if says != holds or batch["total"] != counted[batch["_id"]].total():
            problems.append(f"batch {batch['_id']} of {batch['total']} counts {says}, and its subtasks are {holds}")
    return problems


async def _left_open(database: Database) -> list[str]:
    """Return what is still open in runs that have ended."""
    over = [run["_id"] async for run in database["runs"].find({"status": {"$in": list(ENDED)}}, {"_id": 1})]
    unsettled = database["batches"].find({"run_id": {"$in": over}, "settled": False}, {"_id": 1})
    closed = [*ENDED, "SKIPPED"]
    tasks = database["tasks"].find({"run_id": {"$in": over}, "is_subtask": False, "status": {"$nin": closed}})
    return [
        *[f"batch {batch['_id']} of an ended run is not settled" async for batch in unsettled],
        *[f"task {task['_id']} of an ended run is {task['status']}" async for task in tasks],
    ]


async def _disagreements(stack: Running, expected: Mapping[str | None, str]) -> list[str]:
    """Return where Prefect's flow runs are not what our runs are, once Prefect had time to show it."""
    wrong: dict[str | None, str | None] = {}
    try:
        async with asyncio.timeout(PREFECT_SECONDS):
            while wrong := {
                id_: state for id_, state in (await _flow_runs(stack)).items() if expected.get(id_) != state
            }:
                await asyncio.sleep(1.0)
    except TimeoutError:
        pass
    missing = expected.keys() - (await _flow_runs(stack)).keys()
    return [
        *[f"flow run {id_} is {state} in Prefect, its run {expected.get(id_)}" for id_, state in wrong.items()],
        *[f"Prefect has no flow run {id_}" for id_ in missing],
    ]


async def _flow_runs(stack: Running) -> dict[str | None, str | None]:
    """Return the state types of all flow runs that Prefect has, waiting for it while it is away."""
    found: dict[str | None, str | None] = {}
    async with httpx.AsyncClient(base_url=f"{stack.settings.prefect_url}/api", timeout=30) as prefect:
        while True:
            try:
                page = (
                    await prefect.post(
                        "/flow_runs/filter", json={"limit": 200, "offset": len(found), "sort": "ID_DESC"}
                    )
                ).raise_for_status()
            except httpx.HTTPError:
                await asyncio.sleep(1.0)
                continue
            found |= {row["id"]: row["state_type"] for row in page.json()}
            if len(page.json()) < 200:
                return found


async def seconds_to_resume(database: Database, faults: Sequence[Fault]) -> list[float]:
    """Return for each fault the seconds until the next subtask was accepted; none for those after the last one."""
    query = database["events"].find({"type": "subtasks.completed"}, {"at": 1}).sort("at", 1)
    accepted: list[datetime] = [event["at"] async for event in query]
    waits = []
    for fault in faults:
        later = next((at for at in accepted if at > fault.at), None)
        if later is not None:
            waits.append((later - fault.at).total_seconds())
    return waits
