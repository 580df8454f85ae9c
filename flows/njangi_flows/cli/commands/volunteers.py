"""`njangi volunteers`: the machines that take part."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from njangi_flows.cli import showing, watching
from njangi_flows.cli.connecting import WATCHING_SECONDS, connect
from njangi_flows.cli.options import As, Limit, Output, Token, Url, Watch, show_as
from njangi_flows.cli.showing import printable

Id = Annotated[str, typer.Argument(metavar="VOLUNTEER", help="The machine's id, as `njangi volunteers` shows it.")]
Note = Annotated[str, typer.Option("--note", help="The reason, for people who look at it later.")]

app = typer.Typer(
    name="volunteers", help="The machines that take part. Without a command: list them.", invoke_without_command=True
)


@app.callback()
def alone(
    context: typer.Context,
    limit: Limit = 200,
    watch: Watch = False,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """List the machines that take part, those last heard of first; or run a command for one of them.

    Example: njangi volunteers
    """
    if context.invoked_subcommand is None:
        list_(limit, watch, output, url, token)


@app.command("list")
def list_(
    limit: Limit = 200, watch: Watch = False, output: As = Output.TABLE, url: Url = None, token: Token = None
) -> None:
    """List the machines that take part, the last seen first.

    Example: njangi volunteers list -o json
    """
    with connect(url, token, patience=WATCHING_SECONDS if watch else None) as service:
        watching.show(
            lambda: service.first(limit, "/v1/volunteers", "volunteers"),
            lambda found: show_as(output, found, lambda: showing.show_volunteers(showing.output(), found)),
            watch=watch,
        )


@app.command()
def show(volunteer: Id, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Show a machine and how many subtasks it has now.

    Example: njangi volunteers show v019a2b3c
    """
    with connect(url, token) as service:
        found = service.get("/v1/volunteers/{volunteer_id}", volunteer_id=volunteer)
    rows = [
        [key, ", ".join(map(str, value)) if isinstance(value, list) else value]
        for key, value in {**found, **(found.get("machine") or {})}.items()
        if key not in ("machine", "leases") and value not in (None, "", [])
    ]
    show_as(output, found, lambda: showing.show_rows(showing.output(), ["", ""], rows, "nothing"))


@app.command()
def throughput(
    hours: Annotated[int, typer.Option("--hours", min=1, max=2160, help="How many hours to look back.")] = 24,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show how many subtasks all machines completed, hour by hour.

    Example: njangi volunteers throughput --hours 48
    """
    with connect(url, token) as service:
        found = service.get("/v1/volunteers:throughput", {"hours": hours})
    columns = ["at", "completed", "failed", "online"]
    rows = [[point[key] for key in columns] for point in found["points"]]
    show_as(output, found, lambda: showing.show_rows(showing.output(), columns, rows, "nothing was done"))


@app.command()
def suspend(volunteer: Id, note: Note = "", output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Suspend a machine: its subtasks are called back, and it gets no more until it is resumed.

    Example: njangi volunteers suspend v019a2b3c --note 'too hot'
    """
    _control(volunteer, "suspend", {"note": note}, "suspended", output, url, token)


@app.command()
def resume(volunteer: Id, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Resume a suspended machine: it gets subtasks again.

    Example: njangi volunteers resume v019a2b3c
    """
    _control(volunteer, "resume", None, "lent to again", output, url, token)


@app.command()
def retire(volunteer: Id, note: Note = "", output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Retire a machine for good: its secret no longer works.

    Example: njangi volunteers retire v019a2b3c --note sold
    """
    _control(volunteer, "retire", {"note": note}, "retired", output, url, token)


def _control(
    volunteer: str, verb: str, body: Any, done: str, output: Output, url: str | None, token: str | None
) -> None:
    with connect(url, token) as service:
        found = service.post(f"/v1/volunteers/{{volunteer_id}}:{verb}", body, volunteer_id=volunteer)
    show_as(output, found, lambda: typer.echo(f"volunteer {printable(found['id'])} is {done}"))
