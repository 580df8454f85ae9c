"""`njangi import` and `njangi export`: workflows in other formats, in and out."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from njangi_flows.cli.connecting import connect
from njangi_flows.cli.failures import WrongUsageError
from njangi_flows.cli.options import As, Output, Token, Url, WorkflowId, show_as
from njangi_flows.cli.showing import printable
from njangi_flows.cli.writing import write

if TYPE_CHECKING:
    from njangi_flows.cli.blocking_client import BlockingClient

app = typer.Typer()

LARGEST_BYTES = 12 * 1024 * 1024


class ExportFormat(enum.StrEnum):
    YAML = "yaml"
    JSON = "json"
    WFFORMAT = "wfformat"


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A workflow: YAML, JSON, or WfFormat 1.0 to 1.6.")],
    scale: Annotated[
        float, typer.Option("--scale", help="WfFormat: stand-ins take the recorded seconds times this number.")
    ] = 1.0,
    commands: Annotated[
        bool, typer.Option("--commands", help="WfFormat: run the recorded programs, not stand-ins.")
    ] = False,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Create a workflow from a file, without starting a run. The files that it names must be in the same folder.

    Example: njangi import montage.json --scale 0.01
    """
    from njangi_flows.cli import folder  # it reads the workflow language, which takes long to import

    recorded = _recorded(file)
    submission = folder.read(file) if recorded is None else None
    folder.tell(submission.warnings if submission is not None else ())
    with connect(url, token) as service:
        files = uploaded(service, submission.files) if submission is not None else {}
        document = submission.text if submission is not None else recorded
        body = {"document": document, "files": files, "scale": scale, "commands": commands}
        found = service.post("/v1/workflows:import", body)
    show_as(output, found, lambda: typer.echo(f"workflow {printable(found['id'])}"))


@app.command("export")
def export(
    workflow: WorkflowId,
    format_: Annotated[
        ExportFormat, typer.Option("--format", "-f", help="The format of the file.")
    ] = ExportFormat.YAML,
    version: Annotated[int | None, typer.Option("--version", min=1, help="Which version; default: the newest.")] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Write there; `-`: standard output.")
    ] = "-",
    url: Url = None,
    token: Token = None,
) -> None:
    """Print a workflow or write it to a file. YAML keeps its comments.

    Example: njangi export w0192f0c1 --format wfformat -o out.json
    """
    with connect(url, token) as service:
        query = {"format": format_, "version": version}
        write(output, service.content("/v1/workflows/{workflow_id}/export", query, workflow_id=workflow))


def uploaded(service: BlockingClient, files: Mapping[str, Path]) -> dict[str, str]:
    """Send files and return the SHA-256 of each."""
    hashes = {}
    for name, path in files.items():
        try:
            hashes[name] = service.upload(path)
        except OSError as error:
            raise WrongUsageError(f"{path} cannot be read: {error.strerror or error}") from error
    return hashes


def _recorded(file: Path) -> dict[str, Any] | None:
    """Return the document of a file in WfFormat, None for any other file."""
    from njangi_agent.dialect import MESSAGE_DEPTH, loads

    from njangi_flows.cli import folder
    from njangi_flows.wfformat.workflows import is_wfformat

    try:
        if file.stat().st_size > LARGEST_BYTES:
            raise WrongUsageError(f"{file} is larger than the {LARGEST_BYTES} bytes that are sent at once")
        document = loads(folder.text_in(file), depth=MESSAGE_DEPTH)
    except OSError as error:
        raise WrongUsageError(f"{file} cannot be read: {error.strerror or error}") from error
    except ValueError:  # the service says what is wrong
        return None
    return document if is_wfformat(document) else None
