"""`njangi login`, `logout`, `whoami` and `tokens`: one's own account."""

from __future__ import annotations

import os
import socket
import sys
from typing import Annotated, Any

import typer

from njangi_flows.cli import saved_tokens as remembered
from njangi_flows.cli import showing
from njangi_flows.cli.failures import RefusedError, UsageError
from njangi_flows.cli.options import As, Output, Token, Url, show_as
from njangi_flows.cli.service import DEFAULT_URL, Service, connect
from njangi_flows.cli.showing import printable

Lifetime = Annotated[str | None, typer.Option("--expires-in", metavar="DURATION", help="As 30d; else 90d.")]
_SCOPES = {"viewer": ["read", "write"], "submitter": ["read", "write"], "admin": ["read", "write", "admin"]}

tokens = typer.Typer(
    help="Tokens of your own, for scripts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (login, logout, whoami, password):
        app.command()(command)
    app.add_typer(tokens, name="tokens")


def login(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Your name; asked for if left out.")] = None,
    code: Annotated[
        str | None, typer.Option("--code", metavar="CODE", help="You are new: the code of your invitation.")
    ] = None,
    expires_in: Lifetime = None,
    url: Url = None,
) -> None:
    """Sign in by password; further commands of yours act as you, until `njangi logout` or the token's end.

    Example: njangi login ada --url https://njangi.example.org
    """
    address = url or os.environ.get("NJANGI_URL") or DEFAULT_URL
    with connect(address, "") as service:
        if code is not None:
            password = _secret("New password", twice=True)
            body = {"code": code, "password": password} | ({"name": name} if name is not None else {})
            me = service.ask("POST", "/v1/invitations:accept", body)
        else:
            name = name or typer.prompt("Name")
            password = _secret("Password")
            me = service.ask("POST", "/v1/session", {"name": name, "password": password})
        wanted: dict[str, Any] = {"name": f"njangi on {socket.gethostname()}"[:100], "scopes": _SCOPES[me["role"]]}
        service.within_session(str(me["csrf_token"]))
        made = service.ask("POST", "/v1/tokens", wanted | ({"expires_in": expires_in} if expires_in else {}))
        service.remove("/v1/session")
    remembered.remember(address, str(me["name"]), str(made["id"]), str(made["token"]))
    typer.echo(f"signed in to {address} as {printable(me['name'])} ({printable(me['role'])})")


def logout(url: Url = None) -> None:
    """Revoke the token that `njangi login` made, and forget it.

    Example: njangi logout
    """
    address = url or os.environ.get("NJANGI_URL") or DEFAULT_URL
    token, token_id = remembered.token_for(address), remembered.token_id_for(address)
    if token is None or token_id is None:
        raise UsageError(f"you are not signed in to {address}")
    try:
        with connect(address, token) as service:
            service.remove(f"/v1/tokens/{token_id}")
    except RefusedError as error:
        typer.echo(f"the token was no longer good: {error.message}", err=True)
    remembered.forget(address)
    typer.echo(f"signed out of {address}")


def password(url: Url = None) -> None:
    """Set another password. Your other sessions end; tokens stay.

    Example: njangi password
    """
    address = url or os.environ.get("NJANGI_URL") or DEFAULT_URL
    with connect(address, "") as service:
        name = typer.prompt("Name")
        old = _secret("Password")
        me = service.ask("POST", "/v1/session", {"name": name, "password": old})
        service.within_session(str(me["csrf_token"]))
        new = _secret("New password", twice=True)
        service.send("POST", "/v1/me:password", {"old": old, "new": new})
        service.remove("/v1/session")
    typer.echo("the password is changed")


def whoami(output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Show who you are to the service, and what of your quotas is used.

    Example: njangi whoami
    """
    with connect(url, token) as service:
        me = service.ask("GET", "/v1/me")
    me.pop("csrf_token", None)
    show_as(output, me, lambda: _show_me(me))


def _secret(asked: str, *, twice: bool = False) -> str:
    """Ask for a password, unseen on a terminal; a script gives it on standard input."""
    return str(typer.prompt(asked, hide_input=sys.stdin.isatty(), confirmation_prompt=twice, err=True))


def _show_me(me: dict[str, Any]) -> None:
    typer.echo(f"{printable(me['name'])} ({printable(me['role'])}), scopes {', '.join(map(printable, me['scopes']))}")
    showing.show_rows(showing.output(), ["quota", "used", "allowed"], quota_rows(me["quotas"]), "no quotas")


def quota_rows(quotas: dict[str, dict[str, int | None]]) -> list[list[object]]:
    """Return the rows of a table of quotas."""
    return [
        [name, item["used"], "no limit" if item["allowed"] is None else item["allowed"]]
        for name, item in quotas.items()
    ]


@tokens.command("list")
def list_(
    user: Annotated[str | None, typer.Option("--user", metavar="NAME", help="Of somebody else, for admins.")] = None,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """List your tokens, the newest first.

    Example: njangi tokens list
    """
    with connect(url, token) as service:
        found = service.ask("GET", "/v1/tokens", parameters={"user": user} if user else {})["tokens"]
    columns = ["id", "name", "scopes", "expires_at", "last_used_at"]
    rows = [[", ".join(item[key]) if key == "scopes" else item[key] for key in columns] for item in found]
    show_as(output, found, lambda: showing.show_rows(showing.output(), columns, rows, "no tokens"))


@tokens.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for, e.g. nightly.")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="read, write or admin; more than one may be given.")
    ] = None,
    expires_in: Lifetime = None,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Make a token; it is shown this once.

    Example: njangi tokens create nightly --scope read --expires-in 30d
    """
    body = {"name": name} | ({"scopes": scope} if scope else {}) | ({"expires_in": expires_in} if expires_in else {})
    with connect(url, token) as service:
        made = service.ask("POST", "/v1/tokens", body)
    show_as(output, made, lambda: typer.echo(printable(made["token"])))


@tokens.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `njangi tokens list` shows it.")],
    url: Url = None,
    token: Token = None,
) -> None:
    """Revoke a token at once.

    Example: njangi tokens revoke t019a2b3c
    """
    with connect(url, token) as service:
        service.remove(f"/v1/tokens/{Service.segment(token_id)}")
    typer.echo(f"token {token_id} is revoked")
