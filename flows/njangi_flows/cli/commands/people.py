"""`njangi users`, `share`, `unshare` and `audit`: who may do what, and who did."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import typer

from njangi_flows.cli import showing
from njangi_flows.cli.commands.account import quota_rows
from njangi_flows.cli.failures import UsageError
from njangi_flows.cli.options import As, Limit, Output, Token, Url, WorkflowId, show_as
from njangi_flows.cli.service import Service, connect
from njangi_flows.cli.showing import printable


class PersonRole(enum.StrEnum):
    ADMIN = "admin"
    SUBMITTER = "submitter"
    VIEWER = "viewer"


Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
Role = Annotated[PersonRole, typer.Option("--role", help="What they may do.")]
Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="Users, or '*' for everybody who is signed in.")]
_QUOTAS = ("workflows", "runs", "queued", "leased", "stored_bytes")

users = typer.Typer(
    help="The people who may come in, for admins.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(users, name="users")
    for command in (share, unshare, audit):
        app.command()(command)


@users.command("list")
def list_(output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """List users by name.

    Example: njangi users list
    """
    with connect(url, token) as service:
        found = service.ask("GET", "/v1/users")["users"]
    columns = ["name", "role", "signs_in", "created_at", "disabled_at"]
    rows = [[item[key] for key in columns] for item in found]
    show_as(output, found, lambda: showing.show_rows(showing.output(), columns, rows, "no users"))


@users.command()
def invite(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Who; left out, the invited choose a name.")
    ] = None,
    role: Role = PersonRole.SUBMITTER,
    expires_in: Annotated[str | None, typer.Option("--expires-in", metavar="DURATION", help="As 1d; else 3d.")] = None,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Make a code that lets one person in, once: with it they set their password.

    Example: njangi users invite ada --role admin
    """
    body = {"role": role} | ({"name": name} if name else {}) | ({"expires_in": expires_in} if expires_in else {})
    with connect(url, token) as service:
        made = service.ask("POST", "/v1/invitations", body)
    show_as(output, made, lambda: _say_invitation(made))


def _say_invitation(made: dict[str, Any]) -> None:
    typer.echo(printable(made["code"]))
    typer.echo(f"good once, until {printable(made['expires_at'])}; it is used by: njangi login --code CODE", err=True)


@users.command()
def invitations(limit: Limit = 100, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """List invitations, the newest first.

    Example: njangi users invitations
    """
    with connect(url, token) as service:
        found = service.ask("GET", "/v1/invitations", parameters={"limit": limit})["invitations"]
    columns = ["id", "name", "role", "by", "expires_at", "accepted_by"]
    rows = [[item[key] for key in columns] for item in found]
    show_as(output, found, lambda: showing.show_rows(showing.output(), columns, rows, "no invitations"))


@users.command()
def withdraw(
    invitation: Annotated[str, typer.Argument(metavar="ID", help="As `njangi users invitations` shows it.")],
    url: Url = None,
    token: Token = None,
) -> None:
    """Let the code of an invitation open nothing any more.

    Example: njangi users withdraw i019a2b3c
    """
    with connect(url, token) as service:
        service.remove(f"/v1/invitations/{Service.segment(invitation)}")
    typer.echo(f"invitation {invitation} is withdrawn")


@users.command()
def disable(name: Name, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Let nobody in as this user; sessions and tokens end at once, runs go on.

    Example: njangi users disable ada
    """
    _change("POST", f"{_user(name)}:disable", None, f"{name} is disabled", output, url, token)


@users.command()
def enable(name: Name, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Let a disabled user sign in again.

    Example: njangi users enable ada
    """
    _change("POST", f"{_user(name)}:enable", None, f"{name} may sign in again", output, url, token)


@users.command("role")
def change_role(
    name: Name,
    role: Annotated[PersonRole, typer.Argument(metavar="ROLE", help="admin, submitter or viewer.")],
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Change what a user may do, from now on.

    Example: njangi users role ada viewer
    """
    _change("PUT", f"{_user(name)}/role", {"role": role}, f"{name} is {role} now", output, url, token)


@users.command()
def quota(
    name: Name,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-s",
            metavar="QUOTA=NUMBER",
            help=f"One of {', '.join(_QUOTAS)}; `none` lifts it.",
        ),
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Go back to the role's.")] = False,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show what a user has and may have; with --set or --reset change it.

    Example: njangi users quota ada --set runs=10 --set leased=none
    """
    given = _numbers(changes or ())
    with connect(url, token) as service:
        found = service.ask("GET", _user(name))
        if given or reset:
            own = {} if reset else {key: value for key, value in found["quota"].items() if key in _QUOTAS}
            found = service.ask("PUT", f"{_user(name)}/quota", own | given)
    rows = quota_rows(found["quotas"])
    show_as(output, found, lambda: showing.show_rows(showing.output(), ["quota", "used", "allowed"], rows, "no quotas"))


def share(workflow: WorkflowId, names: Names, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Let users read a workflow and all its runs, those to come too.

    Example: njangi share w019a2b3c kofi esi
    """
    _share("share", workflow, names, output, url, token)


def unshare(
    workflow: WorkflowId, names: Names, output: As = Output.TABLE, url: Url = None, token: Token = None
) -> None:
    """Let users no longer read a workflow and its runs.

    Example: njangi unshare w019a2b3c '*'
    """
    _share("unshare", workflow, names, output, url, token)


def audit(
    who: Annotated[str | None, typer.Option("--who", metavar="NAME", help="What this user did.")] = None,
    action: Annotated[str | None, typer.Option("--action", help="A part of what was done, e.g. :cancel.")] = None,
    on: Annotated[str | None, typer.Option("--on", metavar="ID", help="What was done to this run, user, ...")] = None,
    since: Annotated[str | None, typer.Option("--since", help="From then on, e.g. 2026-12-01T00:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Before then.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="Show at most so many.")] = 50,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show who did what, the newest first. For admins.

    Example: njangi audit --who ada --action :cancel
    """
    query = {"who": who, "action": action, "on": on, "since": since, "until": until}
    parameters: dict[str, Any] = {key: value for key, value in query.items() if value is not None}
    found: list[dict[str, Any]] = []
    with connect(url, token) as service:
        while len(found) < limit:
            page = service.ask("GET", "/v1/audit", parameters=parameters | {"limit": min(500, limit - len(found))})
            found += page["entries"]
            if page["next_page_token"] is None:
                break
            parameters["page_token"] = page["next_page_token"]
    rows = [
        [item["at"], item["who"], item["address"], item["action"], ", ".join(item["on"].values()), item["status"]]
        for item in found
    ]
    columns = ["time", "who", "from", "what", "on", "status"]
    show_as(output, found, lambda: showing.show_rows(showing.output(), columns, rows, "nothing"))


def _share(verb: str, workflow: str, names: list[str], output: Output, url: str | None, token: str | None) -> None:
    with connect(url, token) as service:
        found = service.ask("POST", f"/v1/workflows/{Service.segment(workflow)}:{verb}", {"with": names})
    show_as(output, found, lambda: typer.echo(f"may be read by {', '.join(map(printable, found['readers']))}"))


def _change(method: str, path: str, body: Any, said: str, output: Output, url: str | None, token: str | None) -> None:
    with connect(url, token) as service:
        found = service.ask(method, path, body)
    show_as(output, found, lambda: typer.echo(said))


def _user(name: str) -> str:
    if not name or not all(character.isalnum() or character in "._-" for character in name) or set(name) <= {"."}:
        raise UsageError(f"'{name}' is not the name of a user")
    return f"/v1/users/{name}"


def _numbers(changes: tuple[str, ...] | list[str]) -> dict[str, int | None]:
    given: dict[str, int | None] = {}
    for change in changes:
        key, _, value = change.partition("=")
        if key not in _QUOTAS or not (value == "none" or value.isdecimal()):
            raise UsageError(f"--set takes one of {', '.join(_QUOTAS)}, '=' and a number or none; not '{change}'")
        given[key] = None if value == "none" else int(value)
    return given
