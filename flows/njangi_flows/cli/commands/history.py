"""`njangi history` and `replay`: fetch the events of a run, and rebuild the run from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from njangi_flows.cli import showing
from njangi_flows.cli.connecting import connect
from njangi_flows.cli.failures import WrongUsageError
from njangi_flows.cli.options import As, Output, RunId, Token, Url
from njangi_flows.cli.writing import write
from njangi_flows.runs import comparison

if TYPE_CHECKING:
    from njangi_flows.cli.blocking_client import BlockingClient
    from njangi_flows.runs.history import ReplayedRun, ReplayedTask

app = typer.Typer()


@app.command()
def history(
    run: RunId,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Write there; `-`: standard output.")
    ] = "-",
    after: Annotated[int, typer.Option("--after", min=0, metavar="SEQ", help="Only events after this number.")] = 0,
    url: Url = None,
    token: Token = None,
) -> None:
    """Fetch every event of a run in order, one JSON object per line.

    Example: njangi history 0192f0c1 -o run.jsonl
    """
    with connect(url, token) as service:
        write(output, service.history(run, after))


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A history, as `njangi history` writes it.")],
    offline: Annotated[bool, typer.Option("--offline", help="Only show the rebuilt run; do not compare it.")] = False,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Rebuild a run from its history and compare it with the run that the service has stored.

    Prints every difference, and exits with 1 if there is one.

    Example: njangi replay run.jsonl
    """
    run = read(file)
    if offline:
        if output is Output.JSON:
            typer.echo(json.dumps(_document(run), indent=2, ensure_ascii=False))
        else:
            _show(run)
        return
    with connect(url, token) as service:
        found = list(differences(run, service))
    if output is Output.JSON:
        typer.echo(json.dumps({"run": run.id, "differences": found}, indent=2, ensure_ascii=False))
    else:
        for line in found:
            typer.echo(showing.printable(line))
        count = sum(len(task.subtasks) for task in run.tasks.values())
        told = f"{len(found)} differences" if found else "as stored"
        typer.echo(f"run {run.id}, {len(run.tasks)} tasks, {count} subtasks: {told}")
    if found:
        raise typer.Exit(1)


def read(file: Path) -> ReplayedRun:
    """Return the run whose history is in the file. Raises WrongUsageError."""
    from njangi_flows.runs.history import HistoryError, rebuild  # imported when needed, for a quick start

    try:
        with file.open("rb") as content:
            return rebuild(map(_event, content))
    except OSError as error:
        raise WrongUsageError(f"{file} cannot be read: {error.strerror or error}") from error
    except HistoryError as error:
        raise WrongUsageError(f"{file} is not the history of a run: {error}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise WrongUsageError(f"{file} is not a history: each line must be one event of `njangi history`") from error


def _event(line: bytes) -> dict[str, Any]:
    event = json.loads(line)
    if not isinstance(event, dict):
        raise TypeError("an event is a JSON object")
    return event


def differences(run: ReplayedRun, service: BlockingClient) -> Iterator[str]:
    """Yield the differences between the rebuilt run and the stored run. Subtasks are read page by page."""
    with closing(service.history(run.id, run.seq)) as later:
        if next(later, None) is not None:
            yield f"the run has events after number {run.seq}, the last in the file; export its history again"
    stored = service.get("/v1/runs/{run_id}", run_id=run.id)
    yield from comparison.run_differences(run, stored)
    for name in sorted({*run.tasks, *(str(task["name"]) for task in stored["tasks"])}):
        path, query = "/v1/runs/{run_id}/subtasks", {"task": name}
        subtasks = service.items(path, "subtasks", query, page=1000, run_id=run.id)
        yield from comparison.subtask_differences(run, name, subtasks)


def _document(run: ReplayedRun) -> dict[str, Any]:
    tasks = []
    for name, task in run.tasks.items():
        items = task.subtasks.items()
        subtasks = [comparison.subtask_fields(f"{run.id}/{name}", index, subtask) for index, subtask in items]
        tasks.append({**comparison.task_fields(name, task), "subtasks": subtasks})
    return {**comparison.run_fields(run), "tasks": tasks, "unknown_events": dict(run.unknown)}


def _show(run: ReplayedRun) -> None:
    tasks = [comparison.task_fields(name, task) for name, task in run.tasks.items()]
    console = showing.output()
    showing.show_run(console, {**comparison.run_fields(run), "tasks": tasks})
    for name, task in run.tasks.items():
        for line in _alike(name, task):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    for type_, count in run.unknown.items():
        typer.echo(f"{count} events of type {showing.printable(type_)} are not known here and left out", err=True)


def _alike(name: str, task: ReplayedTask) -> Iterable[str]:
    """Yield a line for each run of neighbouring subtasks that are in the same state."""

    def state(item: tuple[int, Any]) -> tuple[str, int]:
        return item[1].status, item[1].attempt

    for (status, attempt), group in groupby(sorted(task.subtasks.items(), key=lambda item: item[0]), state):
        indexes = [index for index, _ in group]
        which = f"{indexes[0]}" if len(indexes) == 1 else f"{indexes[0]}..{indexes[-1]}"
        yield f"{showing.printable(name)}/{which}: {status}, attempts: {attempt}"
