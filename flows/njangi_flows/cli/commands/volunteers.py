"""`njangi volunteers` and `join-tokens`: the machines that take part, and what lets them in."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from njangi_flows.cli import showing, watching
from njangi_flows.cli.options import As, Limit, Output, Token, Url, Watch, show_as
from njangi_flows.cli.service import Service, connect
from njangi_flows.cli.showing import printable

Id = Annotated[str, typer.Argument(metavar="VOLUNTEER", help="The machine's id, as `njangi volunteers` shows it.")]
Note = Annotated[str, typer.Option("--note", help="Why, for those who look at it later.")]

volunteers = typer.Typer(
    help="The machines that take part; alone it lists them.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
join_tokens = typer.Typer(
    help="What lets machines join, for admins.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(volunteers, name="volunteers")
    app.add_typer(join_tokens, name="join-tokens")


@volunteers.callback()
def alone(
    context: typer.Context,
    limit: Limit = 200,
    watch: Watch = False,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """List the machines that take part, those last heard of first; or do something with one.

    Example: njangi volunteers
    """
    if context.invoked_subcommand is None:
        list_(limit, watch, output, url, token)


@volunteers.command("list")
def list_(
    limit: Limit = 200, watch: Watch = False, output: As = Output.TABLE, url: Url = None, token: Token = None
) -> None:
    """List the machines that take part, those last heard of first.

    Example: njangi volunteers list -o json
    """
    with connect(url, token) as service:
        watching.show(
            lambda: service.volunteers(limit),
            lambda found: show_as(output, found, lambda: showing.show_volunteers(showing.output(), found)),
            watch=watch,
        )


@volunteers.command()
def show(volunteer: Id, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Show a machine, and how many subtasks it holds now.

    Example: njangi volunteers show v019a2b3c
    """
    with connect(url, token) as service:
        found = service.ask("GET", f"/v1/volunteers/{Service.segment(volunteer)}")
    rows = [
        [key, ", ".join(map(str, value)) if isinstance(value, list) else value]
        for key, value in {**found, **(found.get("machine") or {})}.items()
        if key not in ("machine", "leases") and value not in (None, "", [])
    ]
    show_as(output, found, lambda: showing.show_rows(showing.output(), ["", ""], rows, "nothing"))


@volunteers.command()
def throughput(
    hours: Annotated[int, typer.Option("--hours", min=1, max=2160, help="How far to look back.")] = 24,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show what all machines did, hour by hour.

    Example: njangi volunteers throughput --hours 48
    """
    with connect(url, token) as service:
        found = service.ask("GET", "/v1/volunteers:throughput", parameters={"hours": hours})
    columns = ["at", "completed", "failed", "online"]
    rows = [[point[key] for key in columns] for point in found["points"]]
    show_as(output, found, lambda: showing.show_rows(showing.output(), columns, rows, "nothing was done"))


@volunteers.command()
def suspend(volunteer: Id, note: Note = "", output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Lend a machine nothing more and call back what it holds, until it is resumed.

    Example: njangi volunteers suspend v019a2b3c --note 'too hot'
    """
    _control(volunteer, "suspend", {"note": note}, "suspended", output, url, token)


@volunteers.command()
def resume(volunteer: Id, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Lend to a suspended machine again.

    Example: njangi volunteers resume v019a2b3c
    """
    _control(volunteer, "resume", None, "lent to again", output, url, token)


@volunteers.command()
def retire(volunteer: Id, note: Note = "", output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Part with a machine for good: its secret opens nothing any more.

    Example: njangi volunteers retire v019a2b3c --note sold
    """
    _control(volunteer, "retire", {"note": note}, "retired", output, url, token)


@join_tokens.command("list")
def list_tokens(output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """List join tokens, the newest first.

    Example: njangi join-tokens list
    """
    with connect(url, token) as service:
        found = service.ask("GET", "/v1/join-tokens")["join_tokens"]
    columns = ["id", "name", "used", "uses", "expires_at", "revoked_at"]
    rows = [[item[key] for key in columns] for item in found]
    show_as(output, found, lambda: showing.show_rows(showing.output(), columns, rows, "no join tokens"))


@join_tokens.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for, e.g. 'room 4'.")],
    uses: Annotated[int, typer.Option("--uses", "-n", min=1, max=10_000, help="How many machines it enrols.")] = 1,
    expires_in: Annotated[str | None, typer.Option("--expires-in", metavar="DURATION", help="As 30d; else 7d.")] = None,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Make a join token; it is shown this once.

    Example: njangi join-tokens create 'room 4' --uses 30
    """
    body: dict[str, Any] = {"name": name, "uses": uses} | ({"expires_in": expires_in} if expires_in else {})
    with connect(url, token) as service:
        made = service.ask("POST", "/v1/join-tokens", body)
    show_as(output, made, lambda: typer.echo(printable(made["token"])))


@join_tokens.command()
def look(
    join_token: Annotated[str, typer.Argument(metavar="TOKEN", help="The token itself.")],
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show what a join token is for, and which machines came by it; nobody needs to be signed in.

    Example: njangi join-tokens look njangi-join-TOKEN
    """
    with connect(url, token) as service:
        found = service.ask("POST", "/v1/join-tokens:look", {"token": join_token})
    columns = ["id", "name", "status", "completed", "last_seen"]
    rows = [[item[key] for key in columns] for item in found["volunteers"]]

    def table() -> None:
        left = f"{found['left']} more machines may join by {printable(found['name'])}"
        typer.echo(f"{left}, until {showing.moment(found['expires_at'])}")
        showing.show_rows(showing.output(), columns, rows, "no machine has come by it yet")

    show_as(output, found, table)


@join_tokens.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `njangi join-tokens list` shows it.")],
    url: Url = None,
    token: Token = None,
) -> None:
    """Let a join token enrol nothing more; machines that it has enrolled stay.

    Example: njangi join-tokens revoke j019a2b3c
    """
    with connect(url, token) as service:
        service.remove(f"/v1/join-tokens/{Service.segment(token_id)}")
    typer.echo(f"join token {token_id} is revoked")


def _control(
    volunteer: str, verb: str, body: Any, done: str, output: Output, url: str | None, token: str | None
) -> None:
    with connect(url, token) as service:
        found = service.ask("POST", f"/v1/volunteers/{Service.segment(volunteer)}:{verb}", body)
    show_as(output, found, lambda: typer.echo(f"volunteer {printable(found['id'])} is {done}"))
