"""`njangi users`: the people who may come in, for admins."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import typer

from njangi_flows.cli import showing
from njangi_flows.cli.commands.account import quota_rows
from njangi_flows.cli.connecting import connect
from njangi_flows.cli.failures import WrongUsageError
from njangi_flows.cli.options import As, Limit, Output, Token, Url, show_as
from njangi_flows.cli.showing import printable


class RoleChoice(enum.StrEnum):
    ADMIN = "admin"
    SUBMITTER = "submitter"
    VIEWER = "viewer"


Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
Role = Annotated[RoleChoice, typer.Option("--role", help="What they may do.")]
_USER = "/v1/users/{user}"
_QUOTAS = ("workflows", "runs", "queued", "leased", "stored_bytes")

app = typer.Typer(name="users", help="The people who can sign in, for admins.", no_args_is_help=True)


@app.command("list")
def list_(output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """List users by name.

    Example: njangi users list
    """
    with connect(url, token) as service:
        found = service.get("/v1/users")["users"]
    columns = ["name", "role", "signs_in", "created_at", "disabled_at"]
    rows = [[item[key] for key in columns] for item in found]
    show_as(output, found, lambda: showing.show_rows(showing.output(), columns, rows, "no users"))


@app.command()
def invite(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Their name; without it, they choose one.")
    ] = None,
    role: Role = RoleChoice.SUBMITTER,
    expires_in: Annotated[
        str | None,
        typer.Option("--expires-in", metavar="DURATION", help="How long the code is valid, e.g. 1d; default: 3d."),
    ] = None,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Invite a person: create a code with which they set their password, once.

    Example: njangi users invite ada --role admin
    """
    body = {"role": role} | ({"name": name} if name else {}) | ({"expires_in": expires_in} if expires_in else {})
    with connect(url, token) as service:
        made = service.post("/v1/invitations", body, repeatable=False)
    show_as(output, made, lambda: _say_invitation(made))


def _say_invitation(made: dict[str, Any]) -> None:
    typer.echo(printable(made["code"]))
    typer.echo(f"valid once, until {printable(made['expires_at'])}; use it with: njangi login --code CODE", err=True)


@app.command()
def invitations(limit: Limit = 100, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """List invitations, the newest first.

    Example: njangi users invitations
    """
    with connect(url, token) as service:
        found = service.get("/v1/invitations", {"limit": limit})["invitations"]
    columns = ["id", "name", "role", "by", "expires_at", "accepted_by"]
    rows = [[item[key] for key in columns] for item in found]
    show_as(output, found, lambda: showing.show_rows(showing.output(), columns, rows, "no invitations"))


@app.command()
def withdraw(
    invitation: Annotated[str, typer.Argument(metavar="ID", help="The id that `njangi users invitations` shows.")],
    url: Url = None,
    token: Token = None,
) -> None:
    """Withdraw an invitation: its code no longer works.

    Example: njangi users withdraw i019a2b3c
    """
    with connect(url, token) as service:
        service.delete("/v1/invitations/{invitation_id}", invitation_id=invitation)
    typer.echo(f"invitation {invitation} is withdrawn")


@app.command()
def disable(name: Name, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Disable a user: their sessions and tokens end at once, their runs go on.

    Example: njangi users disable ada
    """
    with connect(url, token) as service:
        found = service.post(_USER + ":disable", user=name)
    show_as(output, found, lambda: typer.echo(f"{name} is disabled"))


@app.command()
def enable(name: Name, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Let a disabled user sign in again.

    Example: njangi users enable ada
    """
    with connect(url, token) as service:
        found = service.post(_USER + ":enable", user=name)
    show_as(output, found, lambda: typer.echo(f"{name} may sign in again"))


@app.command("role")
def change_role(
    name: Name,
    role: Annotated[RoleChoice, typer.Argument(metavar="ROLE", help="admin, submitter or viewer.")],
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Change what a user may do, from now on.

    Example: njangi users role ada viewer
    """
    with connect(url, token) as service:
        found = service.put(_USER + "/role", {"role": role}, user=name)
    show_as(output, found, lambda: typer.echo(f"{name} is {role} now"))


@app.command()
def quota(
    name: Name,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-s",
            metavar="QUOTA=NUMBER",
            help=f"Set one of {', '.join(_QUOTAS)}; `none`: no limit.",
        ),
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Go back to the quotas of the role.")] = False,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show or change the quotas of a user.

    Example: njangi users quota ada --set runs=10 --set leased=none
    """
    given = _numbers(changes or ())
    with connect(url, token) as service:
        found = service.get(_USER, user=name)
        if given or reset:
            own = {} if reset else {key: value for key, value in found["quota"].items() if key in _QUOTAS}
            found = service.put(_USER + "/quota", own | given, user=name)
    rows = quota_rows(found["quotas"])
    show_as(output, found, lambda: showing.show_rows(showing.output(), ["quota", "used", "allowed"], rows, "no quotas"))


def _numbers(changes: tuple[str, ...] | list[str]) -> dict[str, int | None]:
    given: dict[str, int | None] = {}
    for change in changes:
        key, _, value = change.partition("=")
        if key not in _QUOTAS or not (value == "none" or value.isdecimal()):
            raise WrongUsageError(f"--set takes one of {', '.join(_QUOTAS)}, '=' and a number or none; not '{change}'")
        given[key] = None if value == "none" else int(value)
    return given
