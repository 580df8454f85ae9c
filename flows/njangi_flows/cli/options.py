"""The options that commands share, and how an answer is shown."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable
from typing import Annotated, Any

import typer

from njangi_flows.cli import completion as completing


class Output(enum.StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Url = Annotated[str | None, typer.Option("--url", help="The service. [env: NJANGI_URL; else http://127.0.0.1:8400]")]
Token = Annotated[
    str | None,
    typer.Option("--token", help="Your token. [env: NJANGI_TOKEN; else of `njangi login`, or ./.njangi/tokens/admin]"),
]
As = Annotated[Output, typer.Option("--output", "-o", help="How to show the answer.")]
RunId = Annotated[
    str, typer.Argument(metavar="RUN", help="The run's id, as `njangi runs` shows it.", autocompletion=completing.runs)
]
WorkflowId = Annotated[
    str,
    typer.Argument(
        metavar="WORKFLOW", help="Its id, as `njangi workflows list` shows it.", autocompletion=completing.workflows
    ),
]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Show it again whenever it changes, until interrupted.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="Show at most this many.")]
Parameters = Annotated[
    list[str] | None, typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="Set a parameter of the run.")
]


def show_as(output: Output, value: object, as_table: Callable[[], object]) -> None:
    """Show an answer as JSON, as YAML, or as the command shows it to people."""
    if output is Output.JSON:
        typer.echo(as_json(value))
    elif output is Output.YAML:
        from njangi_flows.workflow.yaml_writer import as_yaml  # ruamel.yaml takes long to import

        typer.echo(as_yaml(value), nl=False)
    else:
        as_table()


def show_item(output: Output, item: dict[str, Any], as_text: Callable[[dict[str, Any]], str]) -> None:
    """Show one of many answers: as a line of JSON, as a document of YAML, or as the command shows it to people."""
    if output is Output.YAML:
        typer.echo("---")
        show_as(output, item, lambda: None)
    else:
        typer.echo(json.dumps(item, ensure_ascii=False) if output is Output.JSON else as_text(item))


def as_json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
