"""`njangi submit`, `runs` and `show`: start runs and look at them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from njangi_flows.cli import following, parameters, showing, watching
from njangi_flows.cli.commands.exchange import uploaded
from njangi_flows.cli.connecting import WATCHING_SECONDS, connect
from njangi_flows.cli.options import As, Limit, Output, Parameters, RunId, Token, Url, Watch, show_as

if TYPE_CHECKING:
    from njangi_flows.cli.blocking_client import BlockingClient

app = typer.Typer()


@app.command()
def submit(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The workflow, YAML or JSON.")],
    parameter: Parameters = None,
    deadline: Annotated[
        str | None, typer.Option("--deadline", metavar="DURATION", help="Fail the run after this time, e.g. 6h.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow the run to its end.")] = False,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Send a workflow with the files that it names from the same folder, and start a run.

    Example: njangi submit workflow.yaml -p bound=1000 --watch
    """
    from njangi_flows.cli import folder  # it reads the workflow language, which takes long to import

    submission = folder.read(file)
    folder.tell(submission.warnings)
    given = parameters.values(parameter or (), submission.spec.parameters)
    with connect(url, token, patience=WATCHING_SECONDS if watch else None) as service:
        files = uploaded(service, submission.files)
        workflow = service.post("/v1/workflows", {"spec": submission.text, "files": files})
        body = {"parameters": given} | ({"deadline": deadline} if deadline is not None else {})
        run = service.post("/v1/workflows/{workflow_id}/runs", body, workflow_id=str(workflow["id"]))
        if not watch:
            show_as(output, run, lambda: typer.echo(f"run {showing.printable(run['id'])}"))
            return
        # With -o json, standard output gets only the ended run, and standard error the progress.
        console = Console(stderr=output is not Output.TABLE)
        console.print(f"run {showing.printable(run['id'])}", markup=False, highlight=False)
        ended = _follow(service, str(run["id"]), console)
        show_as(output, ended, lambda: _say_end(console, ended))
    raise typer.Exit(following.EXIT_CODES[ended["status"]])


@app.command()
def runs(
    status: Annotated[
        list[str] | None, typer.Option("--status", help="Only runs with this status: RUNNING, FAILED, ...")
    ] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Only those of this owner.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only those with this tag.")] = None,
    workflow: Annotated[str | None, typer.Option("--workflow", help="Only runs of the workflow with this id.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Only those whose name contains this.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only runs created since this time, e.g. 2026-12-01T00:00Z.")
    ] = None,
    sort: Annotated[
        str, typer.Option("--sort", help="created_at, name or priority; with - in front: backwards.")
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
    query = {"created_since": since, "sort": sort, **wanted}
    with connect(url, token, patience=WATCHING_SECONDS if watch else None) as service:
        watching.show(
            lambda: service.first(limit, "/v1/runs", "runs", query),
            lambda found: show_as(output, found, lambda: showing.show_runs(showing.output(), found)),
            watch=watch,
        )


@app.command()
def show(run: RunId, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Show a run and the progress of its tasks.

    Example: njangi show 0192f0c1
    """
    with connect(url, token) as service:
        found = service.get("/v1/runs/{run_id}", run_id=run)
    show_as(output, found, lambda: showing.show_run(showing.output(), found))


def _follow(service: BlockingClient, run_id: str, console: Console) -> dict[str, Any]:
    """Show the run until it ends, and return the ended run. If the command is interrupted, the run goes on."""
    run: dict[str, Any] = {}
    try:
        with following.display(console) as display:
            for run in following.states(service, run_id):
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
