"""`njangi upload` and `njangi download`: the files that workflows and large results are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from njangi_flows.cli.commands.exchange import uploaded
from njangi_flows.cli.connecting import connect
from njangi_flows.cli.options import As, Output, Token, Url, show_as
from njangi_flows.cli.writing import write

app = typer.Typer()


@app.command()
def upload(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="The file to store. The service keeps equal files once, under their SHA-256."
        ),
    ],
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Store a file and print its SHA-256. After a broken connection, a large file continues where it stopped.

    Example: njangi upload genome.fa
    """
    with connect(url, token) as service:
        [sha256] = uploaded(service, {file.name: file}).values()
    show_as(output, {"sha256": sha256}, lambda: typer.echo(sha256))


@app.command()
def download(
    sha256: Annotated[str, typer.Argument(metavar="SHA256", help="The SHA-256 that `njangi upload` printed.")],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Write there; `-`: standard output.")
    ] = "-",
    url: Url = None,
    token: Token = None,
) -> None:
    """Fetch a stored file.

    Example: njangi download 9f86d081... -o genome.fa
    """
    with connect(url, token) as service:
        write(output, service.blob(sha256))
