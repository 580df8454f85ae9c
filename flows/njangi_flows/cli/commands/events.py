"""`njangi events`: what happens, as lines; followed through restarts of the service."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import typer

from njangi_flows.cli.failures import UnreachableError
from njangi_flows.cli.following import MOST_POLL_SECONDS, PATIENCE_SECONDS, POLL_SECONDS
from njangi_flows.cli.options import As, Output, Token, Url
from njangi_flows.cli.service import Service, connect
from njangi_flows.cli.showing import printable
from njangi_flows.workflow.yaml_writer import as_yaml

_KNOWN = ("seq", "v", "type", "at", "run_id")


def events(
    types: Annotated[
        str | None, typer.Option("--types", help="Only these, e.g. 'run.*,task.completed'. Else all.")
    ] = None,
    run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Only of this run.")] = None,
    workflow: Annotated[str | None, typer.Option("--workflow", metavar="WORKFLOW", help="Only of its runs.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="NAME", help="Only of what belongs to them.")] = None,
    after: Annotated[
        int | None, typer.Option("--after", min=0, help="Begin after this number. Else at the first; --follow: now.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", "--watch", "-w", help="Go on until interrupted.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Without --follow: at most so many.")] = 200,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show what happens in the service: one line an event, or with -o json one object a line.

    -o yaml makes each a document.

    Example: njangi events --follow --types 'run.*,volunteer.*'
    """
    wanted = {"types": types, "run_id": run, "workflow_id": workflow, "owner": owner}
    query = {name: value for name, value in wanted.items() if value is not None}
    with connect(url, token) as service:
        told = following(service, query, after, time.sleep, _aside) if follow else past(service, query, after, limit)
        try:
            for event in told:
                _tell(event, output)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


def _tell(event: dict[str, Any], output: Output) -> None:
    if output is Output.JSON:
        typer.echo(_json(event))
    else:
        typer.echo(f"---\n{as_yaml(event)}" if output is Output.YAML else line(event), nl=output is not Output.YAML)


def past(service: Service, query: Mapping[str, str], after: int | None, limit: int) -> Iterator[dict[str, Any]]:
    """Yield at most `limit` events numbered above `after`."""
    place = after or 0
    while limit > 0:
        page = service.events({**query, "after": place, "limit": min(limit, 1000)})
        yield from page["events"]
        limit -= len(page["events"])
        if page["next"] == place:
            return
        place = page["next"]


def following(
    service: Service,
    query: Mapping[str, str],
    after: int | None,
    pause: Callable[[float], None],
    say: Callable[[str], None],
) -> Iterator[dict[str, Any]]:
    """Yield events as they happen, each once; after an interruption from the last one on.

    While the service is away it is asked less and less often. Raises UnreachableError when it stays away.
    """
    silent, seconds = 0.0, POLL_SECONDS
    while True:
        try:
            for number, type_, event in service.follow_events(query, after):
                if silent:
                    say("the service is back")
                silent, seconds, after = 0.0, POLL_SECONDS, number
                if type_ == "resync":
                    say(f"events {event['after'] + 1} to {event['seq']} came too fast and were left out")
                elif type_ is not None:
                    yield event
            pause(POLL_SECONDS)  # a stream ends now and then; the next one goes on after the last number
        except UnreachableError as error:
            if silent >= PATIENCE_SECONDS:
                raise
            if not silent:
                say(f"{error.message} - still trying")
            silent += seconds
            pause(seconds)
            seconds = min(2 * seconds, MOST_POLL_SECONDS)


def line(event: Mapping[str, Any]) -> str:
    """Return an event as one line: when, what, of which run, and what else it tells."""
    rest = " ".join(f"{name}={_json(value)}" for name, value in event.items() if name not in _KNOWN)
    text = f"{event['seq']} {event['at']} {event['type']} {event['run_id'] or '-'} {rest}"
    return printable(text.rstrip()).replace("\n", " ")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _aside(text: str) -> None:
    typer.echo(printable(text), err=True)
