"""Fetch what a run put out: an archive of its results, the logs of its attempts."""

from __future__ import annotations

import enum
import json
from typing import Annotated, Any

import typer

from njangi_flows.cli import showing
from njangi_flows.cli.options import As, Output, RunId, Token, Url, as_yaml
from njangi_flows.cli.service import connect
from njangi_flows.cli.writing import write


class Kind(enum.StrEnum):
    ZIP = "zip"
    TAR = "tar"


def archive(
    run: RunId,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Write there; default RUN.zip, `-`: standard output.")
    ] = "",
    kind: Annotated[Kind, typer.Option("--format", help="How to pack them.")] = Kind.ZIP,
    url: Url = None,
    token: Token = None,
) -> None:
    """Fetch the results of all completed tasks of a run as one archive.

    Example: njangi archive 0192f0c1 -o results.zip
    """
    place = output or f"{run}.{kind}"
    with connect(url, token) as service:
        write(place, service.archive(run, kind))
    if place != "-":
        typer.echo(f"wrote {place}", err=True)


def logs(
    run: RunId,
    task: Annotated[str, typer.Argument(metavar="TASK", help="Whose subtasks.")],
    text: Annotated[
        str, typer.Option("--grep", "-g", metavar="TEXT", help="Only logs that hold it, in any case of letters.")
    ] = "",
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show the end of what the attempts at a task wrote to standard error.

    Example: njangi logs 0192f0c1 factor --grep "no such file"
    """
    with connect(url, token) as service:
        found = False
        for log in service.logs(run, task, text):
            found = True
            if output is Output.YAML:
                typer.echo(f"---\n{as_yaml(log)}", nl=False)
            else:
                typer.echo(json.dumps(log) if output is Output.JSON else _lines(log))
        if not found:
            typer.echo("nothing was written to standard error" + (f" that holds '{text}'" if text else ""), err=True)


def _lines(log: dict[str, Any]) -> str:
    head = f"--- {log['subtask_id']}, attempt {log['attempt']} by {log['volunteer_id']}: {log['outcome']}"
    return "\n".join(map(showing.printable, [head, *str(log["stderr"]).splitlines()]))
