"""`njangi templates`: the workflows that ship with the service."""

from __future__ import annotations

from typing import Annotated

import typer

from njangi_flows.cli import showing
from njangi_flows.cli.connecting import connect
from njangi_flows.cli.options import As, Output, Token, Url, show_as

app = typer.Typer(name="templates", help="Workflows that ship with the service, to begin with.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="TEMPLATE", help="Its name, as `njangi templates list` shows it.")]


@app.command("list")
def list_(output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """List the templates.

    Example: njangi templates list
    """
    with connect(url, token) as service:
        found = service.get("/v1/templates")["templates"]
    rows = [[item["name"], item["description"], ", ".join(item["parameters"])] for item in found]
    columns = ["template", "description", "parameters"]
    show_as(output, found, lambda: showing.show_rows(showing.output(), columns, rows, "no templates"))


@app.command()
def show(template: Name, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Print a template's workflow.

    Example: njangi templates show word-count
    """
    with connect(url, token) as service:
        found = service.get("/v1/templates/{name}", name=template)
    show_as(output, found, lambda: typer.echo(showing.printable(found["source"]), nl=False))


@app.command()
def use(template: Name, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Create a workflow of your own from a template. `njangi workflows start` runs it.

    Example: njangi templates use word-count
    """
    with connect(url, token) as service:
        found = service.post("/v1/templates/{name}:use", {}, name=template)
    show_as(output, found, lambda: typer.echo(f"workflow {showing.printable(found['id'])}"))
