"""`njangi workflows`: look at workflows, check, edit and archive them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from njangi_flows.cli import parameters, showing
from njangi_flows.cli.commands.exchange import uploaded
from njangi_flows.cli.connecting import connect
from njangi_flows.cli.options import As, Limit, Output, Token, Url, WorkflowId, show_as

app = typer.Typer(name="workflows", help="Look at workflows, check, edit and archive them.", no_args_is_help=True)

_ONE = "/v1/workflows/{workflow_id}"
File = Annotated[Path, typer.Argument(metavar="FILE", help="The workflow, YAML or JSON.")]
TagNames = Annotated[list[str], typer.Argument(metavar="TAG...")]


@app.command("list")
def list_(
    status: Annotated[
        list[str] | None, typer.Option("--status", help="Only workflows whose last run has this status.")
    ] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Only those of this owner.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only those with this tag.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Only those whose name contains this.")] = None,
    query: Annotated[str | None, typer.Option("--search", help="Only workflows whose text contains this.")] = None,
    archived: Annotated[bool, typer.Option("--archived", help="List the archived workflows instead.")] = False,
    sort: Annotated[
        str, typer.Option("--sort", help="created_at, updated_at, name or priority; with - in front: backwards.")
    ] = "-created_at",
    limit: Limit = 50,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """List workflows, the newest first.

    Example: njangi workflows list --tag nightly --sort name
    """
    criteria = {"status": status or None, "owner": owner, "tag": tag, "name": name, "q": query, "sort": sort}
    with connect(url, token) as service:
        found = service.first(limit, "/v1/workflows", "workflows", {"archived": archived, **criteria})
    columns = ["workflow", "name", "version", "status", "owner", "tags", "updated"]
    rows = [
        [
            *(item[key] for key in ("id", "name", "version")),
            showing.state(item),
            item["owner"],
            ", ".join(item["tags"]),
            _updated(item),
        ]
        for item in found
    ]
    nothing = "no workflows; `njangi submit` and `njangi templates use` make some"
    show_as(output, found, lambda: showing.show_rows(showing.output(), columns, rows, nothing))


@app.command()
def show(workflow: WorkflowId, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Show a workflow; `njangi export` prints its file.

    Example: njangi workflows show w0192f0c1
    """
    with connect(url, token) as service:
        found = service.get(_ONE, workflow_id=workflow)
    show_as(output, found, lambda: _show(found))


@app.command()
def validate(file: File, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Check a workflow and show what a run of it would do, without starting one. Its files are uploaded for this.

    Example: njangi workflows validate workflow.yaml
    """
    from njangi_flows.cli import folder  # it reads the workflow language, which takes long to import

    submission = folder.read(file)
    with connect(url, token) as service:
        found = service.post(
            "/v1/workflows:validate", {"spec": submission.text, "files": uploaded(service, submission.files)}
        )
    folder.tell(submission.warnings)
    show_as(output, found, lambda: _show_plan(found))


@app.command()
def edit(
    workflow: WorkflowId,
    file: File,
    version: Annotated[
        int | None, typer.Option("--version", help="Only if the workflow is still at this version.")
    ] = None,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Replace a workflow with a file, as a new version. Runs under way keep their version.

    Example: njangi workflows edit w0192f0c1 workflow.yaml --version 3
    """
    from njangi_flows.cli import folder  # it reads the workflow language, which takes long to import

    submission = folder.read(file)
    folder.tell(submission.warnings)
    with connect(url, token) as service:
        files = uploaded(service, submission.files)
        at = version if version is not None else int(service.get(_ONE, workflow_id=workflow)["version"])
        found = service.put(
            _ONE, {"spec": submission.text, "files": files}, headers={"If-Match": f'"{at}"'}, workflow_id=workflow
        )
    _say(output, found, f"is at version {found['version']}")


@app.command()
def versions(
    workflow: WorkflowId, limit: Limit = 50, output: As = Output.TABLE, url: Url = None, token: Token = None
) -> None:
    """List the versions of a workflow, the newest first.

    Example: njangi workflows versions w0192f0c1
    """
    with connect(url, token) as service:
        found = service.first(limit, _ONE + "/versions", "versions", workflow_id=workflow)
    columns = ["version", "name", "by", "created"]
    rows = [[item["version"], item["name"], item["by"], showing.moment(item["created_at"])] for item in found]
    show_as(output, found, lambda: showing.show_rows(showing.output(), columns, rows, "no versions"))


@app.command()
def version(
    workflow: WorkflowId,
    number: Annotated[int, typer.Argument(metavar="VERSION", min=1)],
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show one version of a workflow; `njangi export --version` prints its file.

    Example: njangi workflows version w0192f0c1 2
    """
    with connect(url, token) as service:
        found = service.get(_ONE + "/versions/{number}", workflow_id=workflow, number=number)
    from njangi_flows.workflow.yaml_writer import as_yaml

    fields = [(name, found[name]) for name in ("workflow_id", "version", "name", "description", "by", "created_at")]
    show_as(output, found, lambda: showing.show_fields(showing.output(), [*fields, ("spec", as_yaml(found["spec"]))]))


@app.command()
def diff(
    workflow: WorkflowId,
    before: Annotated[int, typer.Argument(metavar="VERSION")],
    after: Annotated[int, typer.Argument(metavar="VERSION")],
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show the differences between two versions of a workflow; with -o json also as a JSON Patch.

    Example: njangi workflows diff w0192f0c1 1 2
    """
    with connect(url, token) as service:
        found = service.get(_ONE + "/versions/{before}/diff/{after}", workflow_id=workflow, before=before, after=after)

    def in_lines() -> None:
        for line in found["summary"]:
            typer.echo(showing.printable(line))
        for name in found["files"]:
            typer.echo(f"file {showing.printable(name)} differs")
        typer.echo(showing.printable(found["text"]), nl=False)

    show_as(output, found, in_lines)


@app.command()
def clone(
    workflow: WorkflowId,
    name: Annotated[
        str | None, typer.Option("--name", help="The name of the copy; default: that of the workflow.")
    ] = None,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Create a copy of a workflow that is your own.

    Example: njangi workflows clone w0192f0c1 --name mine
    """
    with connect(url, token) as service:
        found = service.post(_ONE + ":clone", {"name": name} if name is not None else {}, workflow_id=workflow)
    _say(output, found, "was made")


@app.command()
def tag(workflow: WorkflowId, tags: TagNames, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Add tags to a workflow.

    Example: njangi workflows tag w0192f0c1 nightly
    """
    with connect(url, token) as service:
        found = service.post(_ONE + ":tag", {"tags": tags}, workflow_id=workflow)
    _say(output, found, f"has the tags {', '.join(found['tags'])}")


@app.command()
def untag(
    workflow: WorkflowId, tags: TagNames, output: As = Output.TABLE, url: Url = None, token: Token = None
) -> None:
    """Remove tags from a workflow.

    Example: njangi workflows untag w0192f0c1 nightly
    """
    with connect(url, token) as service:
        found = service.post(_ONE + ":untag", {"tags": tags}, workflow_id=workflow)
    _say(output, found, f"has the tags {', '.join(found['tags'])}" if found["tags"] else "has no tags")


@app.command()
def archive(workflow: WorkflowId, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Archive a workflow: it is no longer listed and cannot be started. Its runs go on.

    Example: njangi workflows archive w0192f0c1
    """
    with connect(url, token) as service:
        found = service.post(_ONE + ":archive", {}, workflow_id=workflow)
    _say(output, found, "is archived")


@app.command()
def unarchive(workflow: WorkflowId, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Unarchive a workflow: it is listed and can be started again.

    Example: njangi workflows unarchive w0192f0c1
    """
    with connect(url, token) as service:
        found = service.post(_ONE + ":unarchive", {}, workflow_id=workflow)
    _say(output, found, "is in use again")


@app.command()
def delete(workflow: WorkflowId, url: Url = None, token: Token = None) -> None:
    """Delete a workflow with its versions and schedules. Its ended runs stay.

    Example: njangi workflows delete w0192f0c1
    """
    with connect(url, token) as service:
        service.delete(_ONE, workflow_id=workflow)
    typer.echo(f"workflow {showing.printable(workflow)} is deleted")


@app.command()
def start(
    workflow: WorkflowId,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="Set a parameter of the run.")
    ] = None,
    deadline: Annotated[
        str | None, typer.Option("--deadline", metavar="DURATION", help="Fail the run after this time, e.g. 6h.")
    ] = None,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Start a run of the newest version of a workflow.

    Example: njangi workflows start w0192f0c1 -p bound=2000
    """
    with connect(url, token) as service:
        given = parameters.for_workflow(service, workflow, parameter or ())
        body = {"parameters": given} | ({"deadline": deadline} if deadline is not None else {})
        found = service.post(_ONE + "/runs", body, workflow_id=workflow)
    show_as(output, found, lambda: typer.echo(f"run {showing.printable(found['id'])}"))


def _updated(workflow: dict[str, Any]) -> str:
    return showing.moment(workflow["updated_at"])


def _say(output: Output, workflow: dict[str, Any], what: str) -> None:
    text = showing.printable(f"workflow {workflow['id']} {what}")
    show_as(output, workflow, lambda: typer.echo(text))


def _show(workflow: dict[str, Any]) -> None:
    showing.show_fields(
        showing.output(),
        (
            ("workflow", workflow["id"]),
            ("name", workflow["name"]),
            ("description", workflow["description"]),
            ("version", workflow["version"]),
            ("status", showing.state(workflow)),
            ("owner", workflow["owner"]),
            ("tags", ", ".join(workflow["tags"])),
            ("created", showing.moment(workflow["created_at"])),
            ("updated", showing.moment(workflow["updated_at"])),
            ("archived", showing.moment(workflow.get("archived_at"))),
            ("last run", workflow["current_run_id"]),
            ("files", ", ".join(workflow["files"])),
        ),
    )
    tasks = [[task["name"], ", ".join(task.get("dependencies", ()))] for task in workflow["spec"]["tasks"]]
    showing.show_rows(showing.output(), ["task", "after"], tasks, "no tasks")


def _call(task: str, first: dict[str, Any]) -> str:
    """Return the first call of a task, written as in a shell or in Python."""
    if first["arguments"] is not None:
        return shlex.join(first["arguments"])
    given = [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in first["parameters"].items()]
    return f"{task}({', '.join(given)})"


def _show_plan(plan: dict[str, Any]) -> None:
    columns = ["task", "kind", "after", "items", "subtasks", "batches", "why not known"]
    rows = [
        [
            *(task[key] for key in ("task", "kind")),
            ", ".join(task["dependencies"]),
            *(task[key] for key in ("items", "subtasks", "batches", "reason")),
        ]
        for task in plan["tasks"]
    ]
    showing.show_rows(showing.output(), columns, rows, "no tasks")
    for task in plan["tasks"]:
        if task["first"] is not None:
            typer.echo(showing.printable(f"{task['task']} begins with: {_call(task['task'], task['first'])}"))
    for reason in plan["lacking"]:
        typer.echo(showing.printable(f"it would wait: {reason['detail']}"))
    estimate = plan["estimate"]
    if estimate["soonest"] is None:
        typer.echo(showing.printable(f"the time that it takes is unknown: {estimate['reason']}"))
    else:
        spans = f"{estimate['soonest']:.0f} to {estimate['latest']:.0f} s"
        typer.echo(showing.printable(f"it would take {spans}: {estimate['reason']}"))
