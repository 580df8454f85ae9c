"""`njangi status`: whether the service is there, and what of it."""

from __future__ import annotations

from typing import Any

from njangi_flows.cli import showing
from njangi_flows.cli.failures import UnreachableError
from njangi_flows.cli.options import As, Output, Token, Url, show_as
from njangi_flows.cli.service import connect
from njangi_flows.cli.showing import printable


def status(output: As = Output.TABLE, url: Url = None, token: Token = None) -> None:
    """Tell whether the service is ready, and what of it is away. Exit code 4: it cannot work now.

    Example: njangi status --url https://njangi.example.org
    """
    with connect(url, token) as service:
        found = service.ask("GET", "/readyz")
        if found.get("status") is None:
            raise UnreachableError("what answers there is no Njangi service, or one of another version")
        show_as(output, found, lambda: _show(found))


def _show(found: dict[str, Any]) -> None:
    leaders = ", ".join(f"{office} at {replica}" for office, replica in found["leaders"].items())
    fields = [(name, printable(found[name])) for name in ("status", "mongodb", "prefect")]
    showing.show_fields(showing.output(), [*fields, ("leaders", leaders)])
