"""`njangi signal`: send signals to runs."""

from __future__ import annotations

from typing import Annotated

import typer

from njangi_flows.cli.connecting import connect
from njangi_flows.cli.failures import WrongUsageError
from njangi_flows.cli.options import As, Output, RunId, Token, Url, show_as

app = typer.Typer()


@app.command()
def signal(
    run: RunId,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The name of the signal, as in the task that waits for it.")
    ],
    payload: Annotated[
        str, typer.Argument(metavar="[JSON]", help="The payload as JSON; other text is sent as text.")
    ] = "null",
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Send a signal to a run, for the task that waits for it or will wait for it.

    Example: njangi signal 0192f0c1 approved '{"by": "Ana"}'
    """
    from njangi_flows.workflow.kinds import signal_name  # as all of the language, it is imported when needed
    from njangi_flows.workflow.parameter_values import untyped
    from njangi_flows.workflow.problems import InvalidSpecError

    try:
        signal_name(name)
    except ValueError as error:
        raise WrongUsageError(f"the name of a signal {error}, not '{name}'") from error
    try:
        value = untyped(payload)
    except InvalidSpecError as error:
        raise WrongUsageError("the payload is wrong:", error.problems) from error
    with connect(url, token) as service:
        sent = service.post("/v1/runs/{run_id}/signals", {"name": name, "payload": value}, run_id=run)
    text = f"signal '{name}' was sent to run {run}; it is number {sent.get('number')} of that run"
    show_as(output, sent, lambda: typer.echo(text))
