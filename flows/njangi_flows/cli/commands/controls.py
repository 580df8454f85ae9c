"""The commands that control runs: `njangi pause`, `resume`, `cancel`, `retry-failed`, `reset` and `rerun`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from njangi_flows.cli import completion as completing
from njangi_flows.cli import parameters
from njangi_flows.cli.connecting import connect
from njangi_flows.cli.failures import WrongUsageError
from njangi_flows.cli.options import As, Output, Parameters, Token, Url, show_as
from njangi_flows.cli.showing import printable

if TYPE_CHECKING:
    from njangi_flows.cli.blocking_client import BlockingClient

app = typer.Typer()

Run = Annotated[
    str | None,
    typer.Argument(metavar="[RUN]", help="The run's id, as `njangi runs` shows it.", autocompletion=completing.runs),
]
Owner = Annotated[
    str | None, typer.Option("--owner", metavar="NAME", help="All runs of this owner, instead of one run.")
]
Tag = Annotated[str | None, typer.Option("--tag", metavar="TAG", help="All runs with this tag, instead of one run.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing; only count the runs.")]
Task = Annotated[str | None, typer.Option("--task", "-t", metavar="TASK", help="Only this task of the run.")]
CallBack = Annotated[bool, typer.Option("--call-back", help="Also stop the attempts under way.")]


@app.command()
def pause(
    run: Run = None,
    task: Task = None,
    owner: Owner = None,
    tag: Tag = None,
    dry_run: DryRun = False,
    call_back: CallBack = False,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Pause a run: no more of its subtasks are given out until it is resumed. Attempts under way may finish.

    Example: njangi pause 0192f0c1 --call-back
    """
    body = {"call_back": True} if call_back else {}
    with connect(url, token) as service:
        _control(service, "pause", run, task, _Many(owner, tag, dry_run), body, output, "paused")


@app.command()
def resume(
    run: Run = None,
    task: Task = None,
    owner: Owner = None,
    tag: Tag = None,
    dry_run: DryRun = False,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Resume a paused run: its subtasks are given out again.

    Example: njangi resume 0192f0c1
    """
    with connect(url, token) as service:
        _control(service, "resume", run, task, _Many(owner, tag, dry_run), {}, output, "resumed")


@app.command()
def cancel(
    run: Run = None,
    owner: Owner = None,
    tag: Tag = None,
    dry_run: DryRun = False,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Cancel a run and call back its subtasks from the volunteers. A second cancel also skips the clean-up task.

    Example: njangi cancel 0192f0c1
    """
    with connect(url, token) as service:
        _control(service, "cancel", run, None, _Many(owner, tag, dry_run), {}, output, "being cancelled")


@app.command()
def retry_failed(
    run: Run = None,
    task: Annotated[list[str] | None, typer.Option("--task", "-t", metavar="TASK", help="Only these tasks.")] = None,
    error: Annotated[
        str | None,
        typer.Option("--error", metavar="GROUP", help="Only failures with this cause: a group of `njangi errors`."),
    ] = None,
    owner: Owner = None,
    tag: Tag = None,
    dry_run: DryRun = False,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Restart an ended run, running only what failed. Accepted results stay.

    Example: njangi retry-failed 0192f0c1 --error 5f3a9c1e20b7
    """
    with connect(url, token) as service:
        body: dict[str, Any] = {"tasks": task or []} | ({"error_group": error} if error is not None else {})
        _control(service, "retry-failed", run, None, _Many(owner, tag, dry_run), body, output, "restarted")


@app.command()
def reset(
    which: Annotated[list[str], typer.Argument(metavar="[RUN] TASK", help="The run, and the task to restart at.")],
    owner: Owner = None,
    tag: Tag = None,
    dry_run: DryRun = False,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Restart an ended run at a task: that task and all tasks that depend on it are done again from the beginning.

    Example: njangi reset 0192f0c1 report
    """
    with connect(url, token) as service:
        *run, task = which
        if len(run) > 1:
            raise WrongUsageError(f"give a run and one task of it, not '{' '.join(which)}'")
        _control(
            service,
            "reset",
            run[0] if run else None,
            None,
            _Many(owner, tag, dry_run),
            {"task": task},
            output,
            "restarted",
        )


@app.command()
def rerun(
    run: Run = None,
    parameter: Parameters = None,
    owner: Owner = None,
    tag: Tag = None,
    dry_run: DryRun = False,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Start a new run like this one, with other values for the parameters that you give.

    Example: njangi rerun 0192f0c1 -p bound=2000
    """
    with connect(url, token) as service:
        body = {"parameters": parameters.for_runs(service, run, parameter or ())}
        _control(service, "rerun", run, None, _Many(owner, tag, dry_run), body, output, "started again")


@dataclass(frozen=True, slots=True)
class _Many:
    """Which runs, instead of one; with `dry_run` they are only counted."""

    owner: str | None
    tag: str | None
    dry_run: bool

    @property
    def filter(self) -> dict[str, str]:
        return {name: value for name, value in (("owner", self.owner), ("tag", self.tag)) if value is not None}


def _control(
    service: BlockingClient,
    call: str,
    run: str | None,
    task: str | None,
    many: _Many,
    body: dict[str, Any],
    output: Output,
    done: str,
) -> None:
    if (run is None) == (not many.filter) or (many.filter and task is not None):
        raise WrongUsageError("give either a run (and perhaps one of its tasks) or --owner or --tag")
    if many.filter:
        asked = {**body, "filter": many.filter, "dry_run": many.dry_run}
        found = service.post(f"/v1/runs:{call}", asked)
        done = f"would be {done.removeprefix('being ')}" if many.dry_run else done
        more = ", and more are left" if found.get("more") else ""
        show_as(output, found, lambda: typer.echo(f"{len(found['runs'])} runs {done}{more}"))
        return
    if many.dry_run:
        raise WrongUsageError("--dry-run counts the runs of --owner or --tag; one run needs no counting")
    ids: dict[str, Any] = {"run_id": str(run)} | ({"task": task} if task is not None else {})
    of_run = "/tasks/{task}" if task is not None else ""
    found = service.post(f"/v1/runs/{{run_id}}{of_run}:{call}", body, **ids)
    if call == "rerun":
        show_as(output, found, lambda: typer.echo(f"run {printable(found['id'])}"))
        return
    _say(output, found, done, task)


def _say(output: Output, run: dict[str, Any], what: str, task: str | None = None) -> None:
    of = f"task {task} of " if task is not None else ""
    show_as(output, run, lambda: typer.echo(f"{of}run {printable(run['id'])} is {what}"))
