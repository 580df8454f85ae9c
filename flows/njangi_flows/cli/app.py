"""The `njangi` command: which commands it has, and how their errors are shown."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from njangi_flows.cli import showing
from njangi_flows.cli.commands import (
    account,
    audit,
    comparing,
    controls,
    events,
    exchange,
    explaining,
    files,
    history,
    join_tokens,
    outputs,
    runs,
    schedules,
    service,
    sharing,
    signals,
    templates,
    tokens,
    users,
    volunteers,
    webhooks,
    workflows,
)
from njangi_flows.cli.failures import CommandError

HELP = """Run workflows on volunteers' machines.

Exit codes: 0 done (with --watch: the run is COMPLETED, perhaps with failed parts that it tolerates), 1 the run FAILED,
2 wrong usage, a wrong workflow, or the service refused, 3 the run was CANCELLED, 4 the service does not answer or
cannot work now, 130 interrupted.

Example: njangi submit workflow.yaml --watch
"""
COMMANDS = (
    service,  # up, status
    runs,  # submit, runs, show
    controls,  # pause, resume, cancel, retry-failed, reset, rerun
    signals,  # signal
    outputs,  # results, archive, logs
    explaining,  # why, errors, timeline
    comparing,  # compare, subtask, subtasks, grid
    history,  # history, replay
    events,  # events
    workflows,  # workflows list, show, validate, ...
    templates,  # templates list, show, use
    exchange,  # import, export
    files,  # upload, download
    schedules,  # schedules list, show, create, ...
    webhooks,  # webhooks list, show, create, ...
    volunteers,  # volunteers list, show, suspend, ...
    join_tokens,  # join-tokens list, create, look, revoke
    account,  # login, logout, password, whoami
    tokens,  # tokens list, create, revoke
    users,  # users list, invite, disable, ...
    sharing,  # share, unshare
    audit,  # audit
)
"""Each module has its commands in `app`: a group if that has a name, else commands of `njangi` itself."""


class ReadableGroup(TyperGroup):
    """Shows an error that stops a command as lines on standard error, and exits with its code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CommandError as error:
            typer.echo(showing.printable(f"njangi: {error}"), err=True)
            raise typer.Exit(error.exit_code) from error


app = typer.Typer(
    cls=ReadableGroup, help=HELP, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
)
for commands in COMMANDS:
    app.add_typer(commands.app)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"njangi {version('njangi-flows')}")
        raise typer.Exit


@app.callback(help=HELP)
def njangi(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Run one of the commands."""
