"""`njangi up` and `njangi status`: start the service, and see whether it works."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import typer

from njangi_flows.cli import showing
from njangi_flows.cli.connecting import connect
from njangi_flows.cli.failures import NoAnswerError, WrongUsageError
from njangi_flows.cli.options import As, Output, Token, Url, show_as
from njangi_flows.cli.showing import printable

app = typer.Typer()


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def up(context: typer.Context) -> None:
    """Start the whole service on this machine, for a trial or a small group. Other options are passed on to it.

    Example: njangi up
    """
    for place in (Path.cwd(), Path(__file__).resolve().parents[4]):
        if (place / "stack" / "__main__.py").is_file():
            paths = [str(place), *filter(None, [os.environ.get("PYTHONPATH")])]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
            command = [sys.executable, "-m", "stack", "up", *context.args]
            os.execve(sys.executable, command, environment)  # our own interpreter, no shell
    installed = Path(sys.executable).with_name("njangi-server")
    if installed.is_file():
        os.execv(installed, [str(installed), "up", *context.args])  # beside our own interpreter, no shell
    raise WrongUsageError(
        "this installation does not contain the service; run `njangi up` in a checkout of Njangi, "
        "or give the address of a service that runs elsewhere by --url or NJANGI_URL"
    )


@app.command()
def status(output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Show whether the service works, and which of its parts do not. Exit code 4: it cannot work now.

    Example: njangi status --url https://njangi.example.org
    """
    with connect(url, token, patience=0.0) as service:
        found = service.get("/readyz")
        if found.get("status") is None:
            raise NoAnswerError("what answers there is not a Njangi service, or one of another version")
        show_as(output, found, lambda: _show(found))


def _show(found: dict[str, Any]) -> None:
    leaders = ", ".join(f"{role} at {replica}" for role, replica in found["leaders"].items())
    fields = [(name, printable(found[name])) for name in ("status", "mongodb", "prefect")]
    showing.show_fields(showing.output(), [*fields, ("leaders", leaders)])
