"""`njangi results`, `archive` and `logs`: fetch the results of a run, and the logs of its attempts."""

from __future__ import annotations

import enum
import sys
from functools import partial
from typing import Annotated, Any

import typer

from njangi_flows.cli import showing
from njangi_flows.cli.connecting import connect
from njangi_flows.cli.failures import WrongUsageError
from njangi_flows.cli.options import As, Output, RunId, Token, Url, as_json, show_item
from njangi_flows.cli.writing import write

app = typer.Typer()
KEPT_BYTES = 64 * 1024


class ArchiveFormat(enum.StrEnum):
    ZIP = "zip"
    TAR = "tar"


@app.command()
def results(
    run: RunId,
    task: Annotated[
        str | None, typer.Argument(metavar="[TASK]", help="Only the result of this task, however large.")
    ] = None,
    index: Annotated[
        int | None, typer.Argument(metavar="[INDEX]", min=0, help="Only the result of this subtask; the first is 0.")
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Write there; `json` or `-`: standard output.")
    ] = "-",
    url: Url = None,
    token: Token = None,
) -> None:
    """Fetch the results of a run, or of one of its tasks, as JSON. A task with `parse: bytes` gives its bytes.

    Example: njangi results 0192f0c1 report -o report.json
    """
    with connect(url, token) as service:
        if task is None:
            write(output, [as_json(service.get("/v1/runs/{run_id}/results", run_id=run)).encode() + b"\n"])
        else:
            ids: dict[str, Any] = {"run_id": run, "task": task} | ({"index": index} if index is not None else {})
            path = "/v1/runs/{run_id}/results/{task}" + ("/{index}" if index is not None else "")
            write(output, service.content(path, on_type=partial(_not_on_terminal, output), **ids))


@app.command()
def archive(
    run: RunId,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Write there; default RUN.zip, `-`: standard output.")
    ] = "",
    kind: Annotated[ArchiveFormat, typer.Option("--format", help="The format of the archive.")] = ArchiveFormat.ZIP,
    url: Url = None,
    token: Token = None,
) -> None:
    """Fetch the results of all completed tasks of a run as one archive.

    Example: njangi archive 0192f0c1 -o results.zip
    """
    place = output or f"{run}.{kind}"
    with connect(url, token) as service:
        write(place, service.content("/v1/runs/{run_id}/archive", {"format": kind}, run_id=run))
    if place != "-":
        typer.echo(f"wrote {place}", err=True)


@app.command()
def logs(
    run: RunId,
    task: Annotated[str, typer.Argument(metavar="TASK", help="The name of the task.")],
    text: Annotated[
        str,
        typer.Option("--grep", "-g", metavar="TEXT", help="Only logs that contain this text, in upper or lower case."),
    ] = "",
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show the last 64 KiB that each attempt at a task wrote to standard output and to standard error.

    Standard output that is the result of the task is not shown here: see `njangi results`.

    Example: njangi logs 0192f0c1 factor --grep "no such file"
    """
    with connect(url, token) as service:
        found = False
        query = {"task": task, "text": text, "after": -1}
        path, mark = "/v1/runs/{run_id}/logs", ("after", "next")
        for log in service.items(path, "logs", query, size="limit", mark=mark, run_id=run):
            found = True
            show_item(output, log, lines)
        if not found:
            typer.echo("there are no logs" + (f" that contain '{text}'" if text else ""), err=True)


def lines(log: dict[str, Any]) -> str:
    head = f"--- {log['subtask_id']}, attempt {log['attempt']} by {log['volunteer_id']}: {log['outcome']}"
    lines = [head]
    for name, title in (("stdout", "standard output"), ("stderr", "standard error")):
        text, size = log[name], log[f"{name}_bytes"] or 0
        if text:
            lines += [f"{title}{_how_much(size)}:", *text.splitlines()]
    if log["stdout_is_result"]:
        lines.append("standard output is the result")
    return "\n".join(map(showing.printable, lines))


def _how_much(size: int) -> str:
    return f", the last 64 KiB of {size:,} bytes" if size > KEPT_BYTES else ""


def _not_on_terminal(output: str, media_type: str) -> None:
    if media_type.startswith("application/octet-stream") and output in ("-", "json") and sys.stdout.isatty():
        raise WrongUsageError("this result is bytes, which a terminal cannot show; write it to a file with -o FILE")
