"""The commands themselves: read what was asked, ask the service, show the answer."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from njangi_flows.cli import folder, following, parameters, showing, watching
from njangi_flows.cli.commands import (
    account,
    comparing,
    controls,
    events,
    exchange,
    explaining,
    files,
    history,
    outputs,
    people,
    schedules,
    signals,
    status,
    templates,
    volunteers,
    webhooks,
    workflows,
)
from njangi_flows.cli.failures import CommandError, UsageError
from njangi_flows.cli.options import As, Limit, Output, Parameters, RunId, Token, Url, Watch, show_as
from njangi_flows.cli.service import Service, connect

HELP = """Run workflows on volunteers' machines.

Exit codes: 0 done (with --watch: the run is COMPLETED, if with failed parts that it tolerates), 1 the run FAILED,
2 wrong usage or workflow, or refused, 3 the run was CANCELLED, 4 the service does not answer, 130 interrupted.

Example: njangi submit workflow.yaml --watch
"""


class ReadableGroup(TyperGroup):
    """Turns what stops a command into lines on standard error and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CommandError as error:
            typer.echo(showing.printable(f"njangi: {error}"), err=True)
            raise typer.Exit(error.exit_code) from error


app = typer.Typer(
    cls=ReadableGroup, help=HELP, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
)
app.add_typer(schedules.app, name="schedules")
app.add_typer(webhooks.app, name="webhooks")
app.command()(events.events)
app.add_typer(workflows.app, name="workflows")
app.add_typer(templates.app, name="templates")
app.command()(history.history)
app.command()(history.replay)
app.command()(outputs.results)
app.command()(outputs.archive)
app.command()(outputs.logs)
app.command()(signals.signal)
app.command("status")(status.status)
app.command()(files.upload)
app.command()(files.download)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def up(context: typer.Context) -> None:
    """Start the whole service here, for a trial or a small group; further options go to it.

    Example: njangi up
    """
    for place in (Path.cwd(), Path(__file__).resolve().parents[3]):
        if (place / "stack" / "__main__.py").is_file():
            paths = [str(place), *filter(None, [os.environ.get("PYTHONPATH")])]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
            command = [sys.executable, "-m", "stack", "up", *context.args]
            os.execve(sys.executable, command, environment)  # our own interpreter, no shell
    raise UsageError(
        "the service is not part of this installation; run `njangi up` in a checkout of Njangi, "
        "or give the address of a service that runs elsewhere by --url or NJANGI_URL"
    )


@app.command()
def submit(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The workflow, YAML or JSON.")],
    parameter: Parameters = None,
    deadline: Annotated[
        str | None, typer.Option("--deadline", metavar="DURATION", help="Fail the run after that long, as 6h.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow the run to its end.")] = False,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Send a workflow and the files it names, which lie beside it, and start a run.

    Example: njangi submit workflow.yaml -p bound=1000 --watch
    """
    submission = folder.read(file)
    folder.tell(submission.warnings)
    given = parameters.values(parameter or (), submission.spec.parameters)
    with connect(url, token) as service:
        files = {name: _upload(service, path) for name, path in submission.files.items()}
        workflow = service.create_workflow(submission.text, files)
        run = service.start_run(str(workflow["id"]), given, deadline)
        if not watch:
            show_as(output, run, lambda: typer.echo(f"run {showing.printable(run['id'])}"))
            return
        # With -o json standard output is the finished run alone, so what happens meanwhile is told on the other one.
        console = Console(stderr=output is not Output.TABLE)
        console.print(f"run {showing.printable(run['id'])}", markup=False, highlight=False)
        ended = _follow(service, str(run["id"]), console)
        show_as(output, ended, lambda: _say_end(console, ended))
    raise typer.Exit(following.EXIT_CODES[ended["status"]])


@app.command()
def runs(
    status: Annotated[list[str] | None, typer.Option("--status", help="Only those: RUNNING, FAILED, ...")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Only this owner's.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only those with this tag.")] = None,
    workflow: Annotated[str | None, typer.Option("--workflow", help="Only those of the workflow with this id.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Only those whose name holds this.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Only those since then, e.g. 2026-12-01T00:00Z.")] = None,
    sort: Annotated[
        str, typer.Option("--sort", help="created_at, name or priority; -name: backwards.")
    ] = "-created_at",
    limit: Limit = 20,
    watch: Watch = False,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """List runs, the newest first.

    Example: njangi runs --status FAILED --tag nightly -o json
    """
    wanted = {"status": status or None, "owner": owner, "tag": tag, "workflow_id": workflow, "name": name}
    with connect(url, token) as service:
        watching.show(
            lambda: service.runs(limit, created_since=since, sort=sort, **wanted),
            lambda found: show_as(output, found, lambda: showing.show_runs(showing.output(), found)),
            watch=watch,
        )


@app.command()
def show(run: RunId, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Show a run and how far its tasks are.

    Example: njangi show 0192f0c1
    """
    with connect(url, token) as service:
        found = service.run(run)
    show_as(output, found, lambda: showing.show_run(showing.output(), found))


for commands in (controls, exchange, comparing, explaining, account, people, volunteers):
    commands.register(app)


def _upload(service: Service, path: Path) -> str:
    try:
        return service.upload(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error


def _follow(service: Service, run_id: str, console: Console) -> dict[str, Any]:
    """Show the run until it ends and return it as it ended. The run outlives an interrupted command."""
    run: dict[str, Any] = {}
    try:
        with following.display(console) as display:
            for run in following.states(service, run_id, time.sleep, lambda line: typer.echo(line, err=True)):
                display.show(run)
    except KeyboardInterrupt:
        typer.echo(f"the run goes on; `njangi show {run_id}` shows it, `njangi cancel {run_id}` ends it", err=True)
        raise typer.Exit(130) from None
    return run


def _say_end(console: Console, run: dict[str, Any]) -> None:
    why = f": {showing.printable(run['error'])}" if run.get("error") else ""
    text = f"{showing.state(run)}{why}"
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    if run["status"] == "COMPLETED":
        console.print(f"results: njangi results {run['id']}", markup=False, highlight=False, soft_wrap=True)
