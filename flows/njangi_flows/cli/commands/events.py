"""`njangi events`: show events, one a line, also while they happen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from njangi_flows.cli.connecting import WATCHING_SECONDS, connect
from njangi_flows.cli.failures import NoAnswerError
from njangi_flows.cli.options import As, Output, Token, Url, show_item
from njangi_flows.cli.showing import printable

if TYPE_CHECKING:
    from njangi_flows.cli.blocking_client import BlockingClient

app = typer.Typer()
_KNOWN = ("seq", "v", "type", "at", "run_id")


@app.command()
def events(
    types: Annotated[
        str | None, typer.Option("--types", help="Only events of these types, e.g. 'run.*,task.completed'.")
    ] = None,
    run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Only events of this run.")] = None,
    workflow: Annotated[
        str | None, typer.Option("--workflow", metavar="WORKFLOW", help="Only events of the runs of this workflow.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="NAME", help="Only events of this owner's runs and workflows.")
    ] = None,
    after: Annotated[
        int | None,
        typer.Option(
            "--after",
            min=0,
            help="Begin after the event with this number. Default: the first event, with --follow: now.",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", "--watch", "-w", help="Show new events until interrupted.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Without --follow: show at most this many.")] = 200,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show the events of the service, one per line; with -o json one object per line, with -o yaml one document each.

    Example: njangi events --follow --types 'run.*,volunteer.*'
    """
    query = {"types": types, "run_id": run, "workflow_id": workflow, "owner": owner}
    with connect(url, token, patience=WATCHING_SECONDS if follow else None) as service:
        found = following(service, query, after) if follow else past(service, query, after, limit)
        try:
            for event in found:
                show_item(output, event, line)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


def past(
    service: BlockingClient, query: Mapping[str, str | None], after: int | None, limit: int
) -> Iterator[dict[str, Any]]:
    """Yield at most `limit` events numbered above `after`."""
    place = after or 0
    while limit > 0:
        page = service.get("/v1/events", {**query, "after": place, "limit": min(limit, 1000)})
        if not isinstance(page.get("events"), list) or not isinstance(page.get("next"), int):
            raise NoAnswerError("what answers there is not a Njangi service, or one of another version")
        yield from page["events"]
        limit -= len(page["events"])
        if page["next"] == place:
            return
        place = page["next"]


def following(service: BlockingClient, query: Mapping[str, str | None], after: int | None) -> Iterator[dict[str, Any]]:
    """Yield events as they happen, each once, also through interruptions."""
    for sent in service.events(query, after):
        if sent.type is None:
            continue
        event = json.loads(sent.data)
        if sent.type == "resync":
            text = f"events {event['after'] + 1} to {event['seq']} came too fast and were left out"
            typer.echo(text, err=True)
        else:
            yield event


def line(event: Mapping[str, Any]) -> str:
    """Return an event as one line: number, time, type, run and further fields."""
    rest = " ".join(f"{name}={_json(value)}" for name, value in event.items() if name not in _KNOWN)
    text = f"{event['seq']} {event['at']} {event['type']} {event['run_id'] or '-'} {rest}"
    return printable(text.rstrip()).replace("\n", " ")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
