"""`njangi webhooks`: send events to other systems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from njangi_flows.cli import showing
from njangi_flows.cli.connecting import connect
from njangi_flows.cli.failures import WrongUsageError
from njangi_flows.cli.options import As, Limit, Output, Token, Url, show_as

app = typer.Typer(name="webhooks", help="Send events to other systems.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its id, as `njangi webhooks list` shows it.")]


@app.command("list")
def list_(limit: Limit = 100, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """List webhooks, the newest first.

    Example: njangi webhooks list
    """
    with connect(url, token) as service:
        found = service.first(limit, "/v1/webhooks", "webhooks", size="limit")
    show_as(output, found, lambda: showing.show_webhooks(showing.output(), found))


@app.command()
def create(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The address for the events, https://...")],
    types: Annotated[list[str], typer.Option("--types", help="The types of events, e.g. 'run.completed,run.failed'.")],
    run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Only events of this run.")] = None,
    workflow: Annotated[
        str | None, typer.Option("--workflow", metavar="WORKFLOW", help="Only events of the runs of this workflow.")
    ] = None,
    description: Annotated[str, typer.Option("--description", help="The purpose of the webhook.")] = "",
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Create a webhook: new events are posted to the address. The secret that signs them is shown only once.

    Example: njangi webhooks create https://example.org/hook --types 'run.*'
    """
    document = {"url": address, "types": types, "run_id": run, "workflow_id": workflow, "description": description}
    with connect(url, token) as service:
        found = service.post("/v1/webhooks", document)
    text = f"webhook {found.get('id')} is made\nsecret {found.get('secret')}"
    show_as(output, found, lambda: typer.echo(showing.printable(text)))


@app.command()
def show(webhook: Id, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Show a webhook and, if it is disabled, the reason.

    Example: njangi webhooks show h0192f0c1
    """
    with connect(url, token) as service:
        found = service.get("/v1/webhooks/{webhook_id}", webhook_id=webhook)
    fields = [(name, ", ".join(value) if isinstance(value, list) else value) for name, value in found.items()]
    show_as(output, found, lambda: showing.show_fields(showing.output(), fields))


@app.command()
def edit(
    webhook: Id,
    address: Annotated[str | None, typer.Option("--address", help="The new address for the events.")] = None,
    types: Annotated[
        list[str] | None, typer.Option("--types", help="The types of events, e.g. 'run.completed,run.failed'.")
    ] = None,
    description: Annotated[str | None, typer.Option("--description", help="The purpose of the webhook.")] = None,
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Change a webhook. Options that you leave out stay as they are.

    Example: njangi webhooks edit h0192f0c1 --types run.failed
    """
    changes = {"url": address, "types": types, "description": description}
    given = {name: value for name, value in changes.items() if value is not None}
    if not given:
        raise WrongUsageError("give what to change: --address, --types or --description")
    path = "/v1/webhooks/{webhook_id}"
    with connect(url, token) as service:
        now = service.get(path, webhook_id=webhook)
        kept = {name: now[name] for name in ("url", "types", "run_id", "workflow_id", "description")}
        found = service.put(path, kept | given, webhook_id=webhook)
    show_as(output, found, lambda: typer.echo(showing.printable(f"webhook {found['id']} is changed")))


@app.command()
def enable(webhook: Id, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Enable a webhook: it gets new events again.

    Example: njangi webhooks enable h0192f0c1
    """
    _control(webhook, "enable", {}, output, url, token)


@app.command()
def disable(webhook: Id, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Disable a webhook: it gets no more events, and waiting messages are not delivered.

    Example: njangi webhooks disable h0192f0c1
    """
    _control(webhook, "disable", {}, output, url, token)


@app.command()
def delete(webhook: Id, url: Url = None, token: Token = None) -> None:
    """Delete a webhook.

    Example: njangi webhooks delete h0192f0c1
    """
    with connect(url, token) as service:
        service.delete("/v1/webhooks/{webhook_id}", webhook_id=webhook)
    typer.echo(f"webhook {webhook} is deleted")


@app.command()
def test(webhook: Id, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Send a message of type webhook.test to a webhook.

    Example: njangi webhooks test h0192f0c1
    """
    with connect(url, token) as service:
        found = service.post("/v1/webhooks/{webhook_id}:test", {}, webhook_id=webhook)
    text = f"sent as {found.get('delivery')}; `njangi webhooks deliveries {webhook}` shows whether it arrived"
    show_as(output, found, lambda: typer.echo(showing.printable(text)))


@app.command()
def redeliver(
    webhook: Id,
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="Its id, as `deliveries` shows it.")],
    output: As = Output.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Send a message again, with the same id.

    Example: njangi webhooks redeliver h0192f0c1 msg_h0192f0c1_42
    """
    _control(webhook, "redeliver", {"delivery": delivery}, output, url, token)


@app.command()
def deliveries(webhook: Id, limit: Limit = 50, output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """List the messages of a webhook, sent and waiting, the newest first.

    Example: njangi webhooks deliveries h0192f0c1
    """
    with connect(url, token) as service:
        found = service.first(
            limit, "/v1/webhooks/{webhook_id}/deliveries", "deliveries", size="limit", webhook_id=webhook
        )
    show_as(output, found, lambda: showing.show_deliveries(showing.output(), found))


def _control(
    webhook: str, verb: str, document: Mapping[str, Any], output: Output, url: str | None, token: str | None
) -> None:
    with connect(url, token) as service:
        found = service.post(f"/v1/webhooks/{{webhook_id}}:{verb}", document, webhook_id=webhook)
    state = found.get("status") or found.get("state")
    show_as(output, found, lambda: typer.echo(showing.printable(f"{found.get('id')} is {state}")))
