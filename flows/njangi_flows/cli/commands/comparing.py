"""`njangi compare`, `subtask`, `subtasks` and `grid`: look closely at runs."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from njangi_flows.cli import showing
from njangi_flows.cli.connecting import connect
from njangi_flows.cli.options import As, Output, RunId, Token, Url, as_json, show_as

app = typer.Typer()
_LETTERS = " qlr.FcD"
_A_LINE = 50


@app.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="RUN")],
    b: Annotated[str, typer.Argument(metavar="RUN")],
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Compare two runs: their workflows, the times of their tasks, and whether their results are equal.

    Example: njangi compare r0192f0c1 r0192f0d2
    """
    with connect(url, token) as service:
        found = service.get("/v1/runs:compare", {"a": a, "b": b})
    show_as(output, found, lambda: _show(found))


@app.command()
def subtask(
    run: RunId,
    task: Annotated[str, typer.Argument(metavar="TASK")],
    index: Annotated[int, typer.Argument(metavar="INDEX", min=0)],
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show one subtask and every attempt at it.

    Example: njangi subtask r0192f0c1 factor 17
    """
    with connect(url, token) as service:
        path = "/v1/runs/{run_id}/subtasks/{task}/{index}"
        found = service.get(path, run_id=run, task=task, index=index)
    show_as(output, found, lambda: _show_subtask(found))


@app.command()
def subtasks(
    run: RunId,
    task: Annotated[str, typer.Argument(metavar="TASK")],
    status: Annotated[
        str | None, typer.Option("--status", help="Only subtasks with this status: QUEUED, LEASED, FAILED, ...")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Show at most this many.")] = 50,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """List the subtasks of a task in order, with the number of attempts at each.

    Example: njangi subtasks r0192f0c1 factor --status FAILED
    """
    with connect(url, token) as service:
        query = {"task": task, "status": status}
        found = service.first(limit, "/v1/runs/{run_id}/subtasks", "subtasks", query, run_id=run)
    rows = [
        [item["index"], item["status"], item["attempt"], item["assigned_to"], (item["error"] or {}).get("message")]
        for item in found
    ]
    columns = ["index", "status", "attempts", "volunteer", "error"]
    show_as(output, found, lambda: showing.show_rows(showing.output(), columns, rows, "no subtasks"))


@app.command()
def grid(run: RunId, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Draw all subtasks of a run, one letter for each.

    q: queued, l: leased, r: reported, a dot: completed, F: failed, c: cancelled, D: dead.

    Example: njangi grid r0192f0c1
    """
    with connect(url, token) as service:
        head, _, cells = b"".join(service.content("/v1/runs/{run_id}/grid", run_id=run)).partition(b"\n")
    drawn = {
        task["name"]: "".join(_LETTERS[cell & 7] for cell in cells[task["at"] : task["at"] + task["count"]])
        for task in json.loads(head)["tasks"]
    }
    rows = [
        [name if not at else "", at, letters[at : at + _A_LINE]]
        for name, letters in drawn.items()
        for at in range(0, len(letters), _A_LINE)
    ]
    show_as(output, drawn, lambda: showing.show_rows(showing.output(), ["task", "from", ""], rows, "no subtasks yet"))


def _show(found: dict[str, Any]) -> None:
    sides = (found["a"], found["b"])
    columns = ["", "a", "b"]
    rows = [
        [label, *(side[name] for side in sides)]
        for label, name in (("run", "id"), ("workflow", "name"), ("version", "version"))
    ]
    rows.append(["status", *map(showing.state, sides)])
    rows.append(["seconds", *(_seconds(side["seconds"]) for side in sides)])
    showing.show_rows(showing.output(), columns, rows, "")
    for line in found["summary"]:
        typer.echo(showing.printable(f"spec: {line}"))
    for change in found["parameters"]:
        value = f" = {as_json(change['value'])}" if "value" in change else ""
        typer.echo(showing.printable(f"parameters: {change['op']} {change['path'].lstrip('/')}{value}"))
    for name in found["files"]:
        typer.echo(showing.printable(f"file {name} differs"))
    tasks = []
    for task in found["tasks"]:
        a, b = [task[side] or {} for side in ("a", "b")]
        same = {True: "same", False: "differs", None: ""}[task["same_result"]]
        spans = [_seconds(side.get(name)) for name in ("seconds", "mean_seconds") for side in (a, b)]
        tasks.append([task["task"], showing.state(a), showing.state(b), *spans, same])
    columns = ["task", "a", "b", "seconds a", "seconds b", "a subtask a", "a subtask b", "result"]
    showing.show_rows(showing.output(), columns, tasks, "no tasks")


def _show_subtask(found: dict[str, Any]) -> None:
    error = found.get("error") or {}
    showing.show_fields(
        showing.output(),
        (
            ("subtask", found["id"]),
            ("status", found["status"]),
            ("volunteer", found["assigned_to"]),
            ("result", found["result"]),
            ("error", f"{error.get('type')}: {error.get('message')}" if error else None),
        ),
    )
    rows = [
        [
            attempt["volunteer_id"],
            showing.moment(attempt["started_at"]),
            showing.moment(attempt["ended_at"]),
            attempt["outcome"],
            (attempt.get("error") or {}).get("message"),
        ]
        for attempt in found["attempts"]
    ]
    columns = ["volunteer", "from", "to", "outcome", "error"]
    showing.show_rows(showing.output(), columns, rows, "no attempt has ended yet")


def _seconds(value: float | None) -> str:
    return f"{value:.3f}" if value is not None else ""
