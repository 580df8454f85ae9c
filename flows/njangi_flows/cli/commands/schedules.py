"""`njangi schedules`: start runs of a workflow at given times."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from njangi_flows.cli import parameters, showing
from njangi_flows.cli.connecting import connect
from njangi_flows.cli.failures import WrongUsageError
from njangi_flows.cli.options import As, Limit, Output, Token, Url

app = typer.Typer(name="schedules", help="Start runs of a workflow at given times.", no_args_is_help=True)


class OverlapChoice(enum.StrEnum):
    SKIP = "skip"
    QUEUE = "queue"
    CANCEL_OLD = "cancel_old"
    ALLOW = "allow"


Id = Annotated[str, typer.Argument(metavar="SCHEDULE", help="The schedule's id, as `njangi schedules list` shows it.")]
Note = Annotated[str, typer.Option("--note", help="The reason, for people who look at it later.")]
Workflow = Annotated[str, typer.Argument(metavar="WORKFLOW", help="The id of the workflow to run.")]
Cron = Annotated[str | None, typer.Option("--cron", help="Five fields, e.g. '0 6 * * MON-FRI'.")]
Interval = Annotated[
    str | None, typer.Option("--interval", help="Instead of --cron: the time from one run to the next, e.g. 90m.")
]
Zone = Annotated[
    str | None, typer.Option("--timezone", help="The time zone of --cron, e.g. Africa/Douala; default: UTC.")
]
Start = Annotated[
    str | None, typer.Option("--start", help="Start no run before this time, e.g. 2026-12-01T00:00:00+01:00.")
]
End = Annotated[str | None, typer.Option("--end", help="Start no run from this time on.")]
Policy = Annotated[OverlapChoice, typer.Option("--overlap", help="What to do if an earlier run still goes on.")]
CatchUp = Annotated[
    str | None, typer.Option("--catch-up", help="How late a run may start after an outage, e.g. 1d; default: 10m.")
]
Parameters = Annotated[
    list[str] | None, typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="Set a parameter of its runs.")
]


@app.command("list")
def list_(limit: Limit = 50, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """List schedules, the newest first.

    Example: njangi schedules list
    """
    with connect(url, token) as service:
        found = service.first(limit, "/v1/schedules", "schedules")
    _show(output, found, lambda: showing.show_schedules(showing.output(), found))


@app.command()
def show(
    schedule: Id,
    times: Annotated[int, typer.Option("--next", min=0, max=100, help="How many of its next times to show.")] = 5,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show a schedule, its next times, and what happened at the last ones.

    Example: njangi schedules show nightly --next 10
    """
    with connect(url, token) as service:
        found = service.get("/v1/schedules/{schedule_id}", {"next": times}, schedule_id=schedule)
    _show(output, found, lambda: showing.show_schedule(showing.output(), found))


@app.command()
def create(
    workflow: Workflow,
    id_: Annotated[str | None, typer.Option("--id", help="The id for the schedule, e.g. nightly.")] = None,
    cron: Cron = None,
    interval: Interval = None,
    timezone: Zone = None,
    start: Start = None,
    end: End = None,
    overlap: Policy = OverlapChoice.SKIP,
    catch_up: CatchUp = None,
    parameter: Parameters = None,
    note: Note = "",
    paused: Annotated[bool, typer.Option("--paused", help="Start nothing until it is resumed.")] = False,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Create a schedule for a workflow.

    Example: njangi schedules create w0192f0c1 --id nightly --cron '0 2 * * *' --timezone Africa/Douala
    """
    rule = _rule(workflow, cron, interval, timezone, start, end, overlap, catch_up)
    document = rule | {"paused": paused, "note": note} | ({"id": id_} if id_ is not None else {})
    with connect(url, token) as service:
        given = parameters.for_workflow(service, workflow, parameter or ())
        found = service.post("/v1/schedules", {**document, "parameters": given})
    _show(output, found, lambda: _say(found, "is made"))


@app.command()
def edit(
    schedule: Id,
    workflow: Workflow,
    cron: Cron = None,
    interval: Interval = None,
    timezone: Zone = None,
    start: Start = None,
    end: End = None,
    overlap: Policy = OverlapChoice.SKIP,
    catch_up: CatchUp = None,
    parameter: Parameters = None,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Replace the workflow and the times of a schedule. Options that you leave out go back to their defaults.

    Example: njangi schedules edit nightly w0192f0c1 --cron '0 3 * * *' --timezone Africa/Douala
    """
    rule = _rule(workflow, cron, interval, timezone, start, end, overlap, catch_up)
    with connect(url, token) as service:
        given = parameters.for_workflow(service, workflow, parameter or ())
        found = service.put("/v1/schedules/{schedule_id}", {**rule, "parameters": given}, schedule_id=schedule)
    _show(output, found, lambda: _say(found, "is changed"))


@app.command()
def pause(schedule: Id, note: Note = "", output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Pause a schedule: it starts no runs until it is resumed.

    Example: njangi schedules pause nightly --note 'the hall is closed'
    """
    _control(schedule, "pause", {"note": note}, "is paused", output, url, token)


@app.command()
def resume(schedule: Id, note: Note = "", output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Resume a schedule from its next time. Times during the pause are skipped.

    Example: njangi schedules resume nightly
    """
    _control(schedule, "resume", {"note": note}, "goes on", output, url, token)


@app.command()
def trigger(
    schedule: Id,
    overlap: Annotated[
        OverlapChoice | None,
        typer.Option("--overlap", help="What to do if an earlier run still goes on; default: as the schedule says."),
    ] = None,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Start a run of a schedule now.

    Example: njangi schedules trigger nightly
    """
    with connect(url, token) as service:
        found = service.post("/v1/schedules/{schedule_id}:trigger", {"overlap": overlap}, schedule_id=schedule)
    told = " ".join(str(part) for part in (found["outcome"], found["run_id"], found["detail"]) if part)
    _show(output, found, lambda: typer.echo(showing.printable(told)))


@app.command()
def backfill(
    schedule: Id,
    first: Annotated[str, typer.Option("--from", help="The start of the period, e.g. 2026-11-01T00:00:00Z.")],
    until: Annotated[str, typer.Option("--until", help="The end of the period; this time itself is excluded.")],
    at_once: Annotated[bool, typer.Option("--at-once", help="Start all runs at once, not one after another.")] = False,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Start a run for each time of the schedule in a past period.

    Example: njangi schedules backfill nightly --from 2026-11-01T00:00:00Z --until 2026-11-08T00:00:00Z
    """
    document = {"from": first, "until": until, "overlap": OverlapChoice.ALLOW if at_once else OverlapChoice.QUEUE}
    _control(schedule, "backfill", document, "is being backfilled", output, url, token)


@app.command()
def delete(schedule: Id, url: Url = None, token: Token = None) -> None:
    """Delete a schedule; its runs stay.

    Example: njangi schedules delete nightly
    """
    with connect(url, token) as service:
        service.delete("/v1/schedules/{schedule_id}", schedule_id=schedule)
    typer.echo(f"schedule {schedule} is deleted")


def _rule(
    workflow: str,
    cron: str | None,
    interval: str | None,
    timezone: str | None,
    start: str | None,
    end: str | None,
    overlap: OverlapChoice,
    catch_up: str | None,
) -> dict[str, Any]:
    """Return the request's body, without what was not given: the service knows the defaults."""
    if (cron is None) == (interval is None):
        raise WrongUsageError("a schedule takes either --cron or --interval, such as --cron '0 6 * * MON-FRI'")
    optional = {
        "cron": cron,
        "interval": interval,
        "timezone": timezone,
        "start_at": start,
        "end_at": end,
        "catch_up": catch_up,
    }
    given = {name: value for name, value in optional.items() if value is not None}
    return {"workflow_id": workflow, "overlap": overlap} | given


def _control(
    schedule: str,
    verb: str,
    document: Mapping[str, Any],
    told: str,
    output: Output,
    url: str | None,
    token: str | None,
) -> None:
    with connect(url, token) as service:
        found = service.post(f"/v1/schedules/{{schedule_id}}:{verb}", document, schedule_id=schedule)
    _show(output, found, lambda: _say(found, told))


def _say(schedule: Mapping[str, Any], told: str) -> None:
    typer.echo(showing.printable(f"schedule {schedule['id']} {told}"))


def _show(output: Output, value: object, as_table: Callable[[], None]) -> None:
    if output is Output.JSON:
        typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        as_table()
