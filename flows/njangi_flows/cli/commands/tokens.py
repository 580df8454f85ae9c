"""`njangi tokens`: tokens of one's own, for scripts."""

from __future__ import annotations

from typing import Annotated

import typer

from njangi_flows.cli import showing
from njangi_flows.cli.commands.account import Lifetime
from njangi_flows.cli.connecting import connect
from njangi_flows.cli.options import As, Output, Token, Url, show_as
from njangi_flows.cli.showing import printable

app = typer.Typer(name="tokens", help="Tokens of your own, for scripts.", no_args_is_help=True)


@app.command("list")
def list_(
    user: Annotated[
        str | None, typer.Option("--user", metavar="NAME", help="The tokens of this user; for admins.")
    ] = None,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """List your tokens, the newest first.

    Example: njangi tokens list
    """
    with connect(url, token) as service:
        found = service.get("/v1/tokens", {"user": user})["tokens"]
    columns = ["id", "name", "scopes", "expires_at", "last_used_at"]
    rows = [[", ".join(item[key]) if key == "scopes" else item[key] for key in columns] for item in found]
    show_as(output, found, lambda: showing.show_rows(showing.output(), columns, rows, "no tokens"))


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The purpose of the token, e.g. nightly.")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="read, write or admin; can be given more than once.")
    ] = None,
    expires_in: Lifetime = None,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Create a token. It is shown only once.

    Example: njangi tokens create nightly --scope read --expires-in 30d
    """
    body = {"name": name} | ({"scopes": scope} if scope else {}) | ({"expires_in": expires_in} if expires_in else {})
    with connect(url, token) as service:
        made = service.post("/v1/tokens", body, repeatable=False)
    show_as(output, made, lambda: typer.echo(printable(made["token"])))


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="The id that `njangi tokens list` shows.")],
    url: Url = None,
    token: Token = None,
) -> None:
    """Revoke a token at once.

    Example: njangi tokens revoke t019a2b3c
    """
    with connect(url, token) as service:
        service.delete("/v1/tokens/{token_id}", token_id=token_id)
    typer.echo(f"token {token_id} is revoked")
