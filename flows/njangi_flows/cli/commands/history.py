"""Take a run's whole history, and rebuild the run from it to see that nothing is missing there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from njangi_flows.cli import showing
from njangi_flows.cli.failures import UnreachableError, UsageError
from njangi_flows.cli.options import As, Output, RunId, Token, Url
from njangi_flows.cli.service import Service, connect
from njangi_flows.cli.writing import write
from njangi_flows.runs import comparison
from njangi_flows.runs.history import HistoryError, ReplayedRun, ReplayedTask, rebuild

MOST_INTERRUPTIONS = 10
"""How often in a row a connection may break without an event in between."""
PAUSE_SECONDS = 1.0


def history(
    run: RunId,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Write there; `-`: standard output.")
    ] = "-",
    after: Annotated[int, typer.Option("--after", min=0, metavar="SEQ", help="Only events after this number.")] = 0,
    url: Url = None,
    token: Token = None,
) -> None:
    """Fetch every event of a run in order, one JSON object a line.

    Example: njangi history 0192f0c1 -o run.jsonl
    """
    with connect(url, token) as service:
        write(output, lines(service, run, after, time.sleep))


def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A history, as `njangi history` writes it.")],
    offline: Annotated[bool, typer.Option("--offline", help="Show what is rebuilt; compare with nothing.")] = False,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Rebuild a run from its history and compare it with what the service has stored.

    Prints every difference and exits with 1 if there is any.

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


def lines(service: Service, run_id: str, after: int, pause: Callable[[float], None]) -> Iterator[bytes]:
    """Yield the events' lines. A connection that breaks is taken up where it broke."""
    broken = 0
    while True:
        try:
            for line in service.history(run_id, after):
                after, broken = json.loads(line)["seq"], 0
                yield line
            return
        except UnreachableError:
            broken += 1
            if broken > MOST_INTERRUPTIONS:
                raise
            pause(PAUSE_SECONDS)


def read(file: Path) -> ReplayedRun:
    """Return the run whose history is in the file. Raises UsageError."""
    try:
        with file.open("rb") as content:
            return rebuild(map(_event, content))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}") from error
    except HistoryError as error:
        raise UsageError(f"{file} is not the history of a run: {error}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{file} is not a history: each line must be one event of `njangi history`") from error


def _event(line: bytes) -> dict[str, Any]:
    event = json.loads(line)
    if not isinstance(event, dict):
        raise TypeError("an event is a JSON object")
    return event


def differences(run: ReplayedRun, service: Service) -> Iterator[str]:
    """Yield what differs between the rebuilt run and the service's records, subtasks read a page at a time."""
    with closing(service.history(run.id, run.seq)) as later:
        if next(later, None) is not None:
            yield f"the run has events after number {run.seq}, the last in the file; export its history again"
    stored = service.run(run.id)
    yield from comparison.run_differences(run, stored)
    for name in sorted({*run.tasks, *(str(task["name"]) for task in stored["tasks"])}):
        yield from comparison.subtask_differences(run, name, service.subtasks(run.id, name))


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
