"""`njangi audit`: who did what, for admins."""

from __future__ import annotations

from typing import Annotated

import typer

from njangi_flows.cli import showing
from njangi_flows.cli.connecting import connect
from njangi_flows.cli.options import As, Output, Token, Url, show_as

app = typer.Typer()


@app.command()
def audit(
    who: Annotated[str | None, typer.Option("--who", metavar="NAME", help="Only actions of this user.")] = None,
    action: Annotated[
        str | None, typer.Option("--action", help="Only actions that contain this, e.g. :cancel.")
    ] = None,
    on: Annotated[str | None, typer.Option("--on", metavar="ID", help="Only actions on this run, user, ...")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only from this time on, e.g. 2026-12-01T00:00:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Only before this time.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="Show at most this many.")] = 50,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show who did what, the newest first; for admins.

    Example: njangi audit --who ada --action :cancel
    """
    query = {"who": who, "action": action, "on": on, "since": since, "until": until}
    with connect(url, token) as service:
        found = service.first(limit, "/v1/audit", "entries", query, size="limit")
    rows = [
        [item["at"], item["who"], item["address"], item["action"], ", ".join(item["on"].values()), item["status"]]
        for item in found
    ]
    columns = ["time", "who", "from", "what", "on", "status"]
    show_as(output, found, lambda: showing.show_rows(showing.output(), columns, rows, "nothing"))
