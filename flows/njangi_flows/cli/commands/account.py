"""`njangi login`, `logout`, `password` and `whoami`: one's own account."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from njangi_flows.cli import saved_tokens as remembered
from njangi_flows.cli import showing
from njangi_flows.cli.connecting import address_of, connect
from njangi_flows.cli.failures import RefusedError, WrongUsageError
from njangi_flows.cli.options import As, Output, Token, Url, show_as
from njangi_flows.cli.showing import printable

if TYPE_CHECKING:
    from njangi_flows.cli.blocking_client import BlockingClient

app = typer.Typer()
Lifetime = Annotated[
    str | None,
    typer.Option("--expires-in", metavar="DURATION", help="How long the token is valid, e.g. 30d; default: 90d."),
]
_SCOPES = {"viewer": ["read", "write"], "submitter": ["read", "write"], "admin": ["read", "write", "admin"]}


@app.command()
def login(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Your name; without it, you are asked for it.")
    ] = None,
    code: Annotated[
        str | None, typer.Option("--code", metavar="CODE", help="If you are new: the code of your invitation.")
    ] = None,
    expires_in: Lifetime = None,
    url: Url = None,
) -> None:
    """Sign in with your password. Later commands act as you, until `njangi logout` or until the token expires.

    Example: njangi login ada --url https://njangi.example.org
    """
    address = address_of(url)
    with connect(address, "") as service:
        if code is not None:
            password = _secret("New password", twice=True)
            body = {"code": code, "password": password} | ({"name": name} if name is not None else {})
            me = service.post("/v1/invitations:accept", body, repeatable=False)
        else:
            name = name or typer.prompt("Name")
            password = _secret("Password")
            me = service.post("/v1/session", {"name": name, "password": password})
        wanted: dict[str, Any] = {"name": f"njangi on {socket.gethostname()}"[:100], "scopes": _SCOPES[me["role"]]}
        _within_session(service, me)
        wanted |= {"expires_in": expires_in} if expires_in else {}
        made = service.post("/v1/tokens", wanted, repeatable=False)
        service.delete("/v1/session")
    remembered.remember(address, str(me["name"]), str(made["id"]), str(made["token"]))
    typer.echo(f"signed in to {address} as {printable(me['name'])} ({printable(me['role'])})")


@app.command()
def logout(url: Url = None) -> None:
    """Sign out: revoke the token of `njangi login` and delete it from this machine.

    Example: njangi logout
    """
    address = address_of(url)
    token, token_id = remembered.token_for(address), remembered.token_id_for(address)
    if token is None or token_id is None:
        raise WrongUsageError(f"you are not signed in to {address}")
    try:
        with connect(address, token) as service:
            service.delete("/v1/tokens/{token_id}", token_id=token_id)
    except RefusedError as error:
        typer.echo(f"the token was no longer valid: {error.message}", err=True)
    remembered.forget(address)
    typer.echo(f"signed out of {address}")


@app.command()
def password(url: Url = None) -> None:
    """Change your password. Your other sessions end; tokens stay valid.

    Example: njangi password
    """
    address = address_of(url)
    with connect(address, "") as service:
        name = typer.prompt("Name")
        old = _secret("Password")
        me = service.post("/v1/session", {"name": name, "password": old})
        _within_session(service, me)
        new = _secret("New password", twice=True)
        service.send("/v1/me:password", {"old": old, "new": new}, repeatable=False)
        service.delete("/v1/session")
    typer.echo("the password is changed")


@app.command()
def whoami(output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Show who you are to the service, and how much of your quotas you use.

    Example: njangi whoami
    """
    with connect(url, token) as service:
        me = service.get("/v1/me")
    me.pop("csrf_token", None)
    show_as(output, me, lambda: _show_me(me))


def _within_session(service: BlockingClient, me: dict[str, Any]) -> None:
    """Send the token of the session with further calls: its cookie alone does not let them change anything."""
    service.transport.http.headers["Njangi-CSRF"] = str(me["csrf_token"])


def _secret(asked: str, *, twice: bool = False) -> str:
    """Ask for a password. A terminal does not show it; a script gives it on standard input."""
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
