"""`njangi why`, `errors` and `timeline`: what holds a run up, what went wrong in it, who ran what when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from njangi_flows.cli import showing
from njangi_flows.cli.connecting import connect
from njangi_flows.cli.options import As, Output, RunId, Token, Url, show_as

app = typer.Typer()
_EXAMPLES = 3


@app.command()
def why(run: RunId, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Show why a run waits, and what would help.

    Example: njangi why r0192f0c1
    """
    with connect(url, token) as service:
        found = service.get("/v1/runs/{run_id}/waiting", run_id=run)["reasons"]
    rows = [[item["task"], item["kind"], item["detail"]] for item in found]
    show_as(output, found, lambda: showing.show_rows(showing.output(), ["task", "because", ""], rows, "nothing waits"))


@app.command()
def errors(run: RunId, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Show the failures of a run by cause, the most frequent first.

    Example: njangi errors r0192f0c1
    """
    with connect(url, token) as service:
        found = service.get("/v1/runs/{run_id}/errors", run_id=run)
    show_as(output, found, lambda: _show_errors(found))


@app.command()
def timeline(
    run: RunId,
    since: Annotated[
        str | None, typer.Option("--since", help="Only from this time on, e.g. 2026-12-01T00:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Only until this time.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=5000, help="Show at most this many.")] = 50,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show which volunteer ran which subtask of a run when; the newest attempts.

    Example: njangi timeline r0192f0c1 -n 20
    """
    asked = {"since": since, "until": until, "limit": limit}
    with connect(url, token) as service:
        found = service.get("/v1/runs/{run_id}/timeline", asked, run_id=run)
    show_as(output, found, lambda: _show_timeline(found))


def _show_errors(found: dict[str, Any]) -> None:
    rows = []
    for group in found["groups"]:
        examples = " ".join(f"{item['task']}/{item['index']}" for item in group["examples"][:_EXAMPLES])
        told = [group[name] for name in ("id", "count", "type", "message", "volunteers")]
        rows.append([*told, examples, group["last_at"]])
    columns = ["group", "times", "error", "message", "volunteers", "e.g.", "last_at"]
    showing.show_rows(showing.output(), columns, rows, "nothing has failed")
    if found["more"]:
        typer.echo("older failures or further causes are not shown")


def _show_timeline(found: dict[str, Any]) -> None:
    rows = [
        [
            found["volunteers"][volunteer]["name"],
            f"{found['tasks'][task]}/{index}",
            _moment(begin),
            f"{(end - begin) / 1000:.3f}" if end is not None else "",
            outcome,
        ]
        for volunteer, task, index, begin, end, outcome in found["spans"]
    ]
    columns = ["volunteer", "subtask", "from", "seconds", "outcome"]
    showing.show_rows(showing.output(), columns, rows, "no attempts yet")
    if found["left_out"]:
        typer.echo(f"{found['left_out']} older ones are not shown")


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
