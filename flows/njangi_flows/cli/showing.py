"""Show runs, tasks, schedules, volunteers and webhooks as tables.

Names and errors come from strangers: they are shown as text, without control characters or markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDE = 1000
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
_COLOURS = {
    "COMPLETED": "green",
    "ONLINE": "green",
    "ACTIVE": "green",
    "DELIVERED": "green",
    "RUNNING": "cyan",
    "SPLITTING": "cyan",
    "AGGREGATING": "cyan",
    "FAILED": "red",
    "SUSPENDED": "red",
    "DISABLED": "red",
    "CANCELLED": "yellow",
    "PAUSED": "yellow",
}


def printable(value: object) -> str:
    """Return a value as text for a terminal: nothing in it can move the cursor or change colours."""
    text = "" if value is None else str(value)
    return "".join(character if character.isprintable() or character in "\n\t" else "\ufffd" for character in text)


def output() -> Console:
    """Return a console for tables on standard output. A pipe or a log has no width, so lines are not wrapped there."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDE)


def state(item: Mapping[str, Any]) -> str:
    """Return the status of a run or a task and, if some of its parts failed, how many.

    If it FAILED and all its parts failed, the status alone says so.
    """
    status, failed, parts = printable(item.get("status")), item.get("failed_parts"), item.get("parts")
    if not failed or (status == "FAILED" and failed == parts):
        return status
    return f"{status}, {failed} of {parts} parts failed"


def show_runs(console: Console, runs: Iterable[Mapping[str, Any]]) -> None:
    rows = [
        [run.get("id"), run.get("name"), run.get("version"), state(run), _moment(run.get("created_at"))] for run in runs
    ]
    _table(
        console, ["run", "workflow", "version", "status", "created"], rows, "no runs yet; `njangi submit` starts one"
    )


def show_run(console: Console, run: Mapping[str, Any]) -> None:
    for label, value in (
        ("run", run.get("id")),
        ("workflow", f"{run.get('name')} version {run.get('version')} ({run.get('workflow_id')})"),
        ("status", state(run)),
        ("owner", run.get("owner")),
        ("created", _moment(run.get("created_at"))),
        ("started", _moment(run.get("started_at"))),
        ("ended", _moment(run.get("ended_at"))),
        ("deadline", _moment(run.get("deadline"))),
        ("paused", ", ".join(run.get("paused_tasks") or ())),
        ("parameters", ", ".join(f"{name}={value}" for name, value in (run.get("parameters") or {}).items())),
        ("ends", _eta(run.get("eta"))),
        ("Prefect", run.get("prefect_url")),
        ("error", run.get("error")),
    ):
        if value:
            console.print(Text.assemble((f"{label:<11}", "bold"), _styled(value)), soft_wrap=True)
    counts = ["total", "queued", "leased", "completed", "failed", "cancelled"]
    rows = [
        [task.get("name"), state(task), *(task.get(count) for count in counts), task.get("error")]
        for task in run.get("tasks", ())
    ]
    _table(console, ["task", "status", *counts, "error"], rows, "no tasks")


def _eta(eta: Mapping[str, Any] | None) -> str | None:
    """Return the estimated end of a run and the reason for the estimate, or why there is none."""
    if not eta:
        return None
    if not eta.get("from"):
        return f"unknown: {eta.get('reason')}"
    return f"{_moment(eta['from'])} to {_moment(eta.get('until'))} ({eta.get('reason')})"


def show_fields(console: Console, fields: Iterable[tuple[str, Any]]) -> None:
    """Show each field that has a value on a line of its own."""
    for label, value in fields:
        if value not in (None, "", [], {}):
            console.print(Text.assemble((f"{label:<13}", "bold"), _styled(value)), soft_wrap=True)


def moment(text: object) -> str:
    """Return a time in the reader's time zone."""
    return _moment(text)


def show_volunteers(console: Console, volunteers: Iterable[Mapping[str, Any]]) -> None:
    rows = []
    for volunteer in volunteers:
        machine = volunteer.get("machine") or {}
        rows.append(
            [
                volunteer.get("id"),
                volunteer.get("name"),
                volunteer.get("status"),
                volunteer.get("slots"),
                f"{machine.get('os', '')} {machine.get('arch', '')}".strip(),
                machine.get("sandbox"),
                volunteer.get("completed"),
                volunteer.get("failed"),
                _moment(volunteer.get("last_seen")),
            ]
        )
    columns = ["volunteer", "name", "status", "slots", "machine", "sandbox", "completed", "failed", "last seen"]
    _table(console, columns, rows, "no volunteers yet")


def show_schedules(console: Console, schedules: Iterable[Mapping[str, Any]]) -> None:
    rows = [
        [
            schedule.get("id"),
            schedule.get("workflow_id"),
            _times(schedule),
            schedule.get("overlap"),
            "PAUSED" if schedule.get("paused") else _moment(schedule.get("next_at")),
            schedule.get("note"),
        ]
        for schedule in schedules
    ]
    columns = ["schedule", "workflow", "times", "overlap", "next", "note"]
    _table(console, columns, rows, "no schedules yet; `njangi schedules create` makes one")


def show_schedule(console: Console, schedule: Mapping[str, Any]) -> None:
    for label, value in (
        ("schedule", schedule.get("id")),
        ("workflow", schedule.get("workflow_id")),
        ("times", _times(schedule)),
        ("from", _moment(schedule.get("start_at"))),
        ("until", _moment(schedule.get("end_at"))),
        ("overlap", schedule.get("overlap")),
        ("catch-up", f"{schedule.get('catch_up', 0):.0f} s"),
        ("parameters", ", ".join(f"{name}={value}" for name, value in (schedule.get("parameters") or {}).items())),
        ("status", "PAUSED" if schedule.get("paused") else None),
        ("note", schedule.get("note")),
        ("next", ", ".join(_moment(text) for text in schedule.get("next_times", ()))),
        ("waiting", _moment(schedule.get("waiting"))),
        ("going on", ", ".join(schedule.get("going_on", ()))),
        ("backfills", len(schedule.get("backfills", ()))),
    ):
        if value:
            console.print(Text.assemble((f"{label:<11}", "bold"), _styled(value)), soft_wrap=True)
    rows = [
        [_moment(taken.get("at")), taken.get("cause"), taken.get("outcome"), taken.get("run_id"), taken.get("detail")]
        for taken in schedule.get("recent", ())
    ]
    _table(console, ["time", "cause", "outcome", "run", "detail"], rows, "nothing has been due yet")


def show_webhooks(console: Console, webhooks: Iterable[Mapping[str, Any]]) -> None:
    rows = [
        [
            webhook.get("id"),
            webhook.get("url"),
            " ".join(webhook.get("types") or ()),
            webhook.get("status"),
            webhook.get("reason") or webhook.get("description"),
        ]
        for webhook in webhooks
    ]
    columns = ["webhook", "address", "types", "status", "note"]
    _table(console, columns, rows, "no webhooks yet; `njangi webhooks create` makes one")


def show_deliveries(console: Console, deliveries: Iterable[Mapping[str, Any]]) -> None:
    rows = []
    for delivery in deliveries:
        last = (delivery.get("tries") or [{}])[-1]
        answer = last.get("status") or last.get("error")
        rows.append(
            [
                delivery.get("id"),
                delivery.get("type"),
                delivery.get("state"),
                delivery.get("tried"),
                answer,
                _moment(delivery.get("created_at")),
                _moment(delivery.get("due_at")),
            ]
        )
    columns = ["delivery", "type", "state", "tries", "last answer", "created", "due"]
    _table(console, columns, rows, "nothing was sent yet")


def _times(schedule: Mapping[str, Any]) -> str:
    if schedule.get("cron"):
        return f"{schedule['cron']} {schedule.get('timezone')}"
    return f"every {schedule.get('interval', 0):.0f} s"


def show_rows(console: Console, columns: list[str], rows: list[list[Any]], nothing: str) -> None:
    """Show a table, with times in the reader's time zone."""
    titles = [column.replace("_at", "").replace("_", " ") for column in columns]
    moments = [[_moment(cell) if _is_moment(cell) else cell for cell in row] for row in rows]
    _table(console, titles, [["" if cell is None else cell for cell in row] for row in moments], nothing)


def _is_moment(cell: object) -> bool:
    return isinstance(cell, str) and bool(_MOMENT.match(cell))


def _table(console: Console, columns: list[str], rows: list[list[Any]], nothing: str) -> None:
    if not rows:
        console.print(nothing)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(
            column, overflow="fold", no_wrap=column in ("run", "volunteer", "schedule", "workflow", "template")
        )
    for row in rows:
        table.add_row(*map(_styled, row))
    console.print(table)


def _styled(value: object) -> Text:
    text = printable(value)
    return Text(text, style="yellow" if text.startswith("COMPLETED, ") else _COLOURS.get(text, ""))


def _moment(text: object) -> str:
    """Return a time in the reader's time zone."""
    if not isinstance(text, str):
        return ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return printable(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone().strftime("%Y-%m-%d %H:%M:%S")
