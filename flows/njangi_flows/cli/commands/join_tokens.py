"""`njangi join-tokens`: the tokens that let machines join, for admins."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from njangi_flows.cli import showing
from njangi_flows.cli.connecting import connect
from njangi_flows.cli.options import As, Output, Token, Url, show_as
from njangi_flows.cli.showing import printable

app = typer.Typer(name="join-tokens", help="Tokens that let machines join, for admins.", no_args_is_help=True)


@app.command("list")
def list_(output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """List join tokens, the newest first.

    Example: njangi join-tokens list
    """
    with connect(url, token) as service:
        found = service.get("/v1/join-tokens")["join_tokens"]
    columns = ["id", "name", "used", "uses", "expires_at", "revoked_at"]
    rows = [[item[key] for key in columns] for item in found]
    show_as(output, found, lambda: showing.show_rows(showing.output(), columns, rows, "no join tokens"))


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The purpose of the token, e.g. 'room 4'.")],
    uses: Annotated[
        int, typer.Option("--uses", "-n", min=1, max=10_000, help="How many machines may join with it.")
    ] = 1,
    expires_in: Annotated[
        str | None,
        typer.Option("--expires-in", metavar="DURATION", help="How long it is valid, e.g. 30d; default: 7d."),
    ] = None,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Create a join token. It is shown only once.

    Example: njangi join-tokens create 'room 4' --uses 30
    """
    body: dict[str, Any] = {"name": name, "uses": uses} | ({"expires_in": expires_in} if expires_in else {})
    with connect(url, token) as service:
        made = service.post("/v1/join-tokens", body, repeatable=False)
    show_as(output, made, lambda: typer.echo(printable(made["token"])))


@app.command()
def look(
    join_token: Annotated[str, typer.Argument(metavar="TOKEN", help="The token itself.")],
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show what a join token is for and which machines joined with it. This works without signing in.

    Example: njangi join-tokens look njangi-join-TOKEN
    """
    with connect(url, token) as service:
        found = service.post("/v1/join-tokens:look", {"token": join_token})
    columns = ["id", "name", "status", "completed", "last_seen"]
    rows = [[item[key] for key in columns] for item in found["volunteers"]]

    def table() -> None:
        left = f"{found['left']} more machines may join with {printable(found['name'])}"
        typer.echo(f"{left}, until {showing.moment(found['expires_at'])}")
        showing.show_rows(showing.output(), columns, rows, "no machine has joined with it yet")

    show_as(output, found, table)


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="The id that `njangi join-tokens list` shows.")],
    url: Url = None,
    token: Token = None,
) -> None:
    """Revoke a join token: no machine can join with it any more. Machines that have joined stay.

    Example: njangi join-tokens revoke j019a2b3c
    """
    with connect(url, token) as service:
        service.delete("/v1/join-tokens/{token_id}", token_id=token_id)
    typer.echo(f"join token {token_id} is revoked")
