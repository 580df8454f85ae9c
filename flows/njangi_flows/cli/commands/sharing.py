"""`njangi share` and `unshare`: let others read a workflow and its runs."""

from __future__ import annotations

from typing import Annotated

import typer

from njangi_flows.cli.connecting import connect
from njangi_flows.cli.options import As, Output, Token, Url, WorkflowId, show_as
from njangi_flows.cli.showing import printable

app = typer.Typer()
Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="Users, or '*' for everybody who is signed in.")]


@app.command()
def share(workflow: WorkflowId, names: Names, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Let users read a workflow and all its runs, also future ones.

    Example: njangi share w019a2b3c kofi esi
    """
    _share("share", workflow, names, output, url, token)


@app.command()
def unshare(
    workflow: WorkflowId, names: Names, output: As = Output.TABLE, url: Url = None, token: Token = None
) -> None:
    """Stop sharing: these users can no longer read the workflow and its runs.

    Example: njangi unshare w019a2b3c '*'
    """
    _share("unshare", workflow, names, output, url, token)


def _share(verb: str, workflow: str, names: list[str], output: Output, url: str | None, token: str | None) -> None:
    with connect(url, token) as service:
        found = service.post(f"/v1/workflows/{{workflow_id}}:{verb}", {"with": names}, workflow_id=workflow)
    show_as(output, found, lambda: typer.echo(f"may be read by {', '.join(map(printable, found['readers']))}"))
