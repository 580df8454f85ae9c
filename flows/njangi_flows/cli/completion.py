"""Complete ids on the command line by asking the service. If it does not answer at once, nothing is offered."""

from __future__ import annotations

from njangi_flows.cli.connecting import connect
from njangi_flows.cli.failures import CommandError
from njangi_flows.cli.showing import state

SECONDS = 2.0
_MOST = 50


def runs(incomplete: str) -> list[tuple[str, str]]:
    """Return the newest runs whose id begins like this, each with its name and status."""
    try:
        with connect(None, None, patience=0.0, seconds=SECONDS) as service:
            found = service.first(_MOST, "/v1/runs", "runs")
    except CommandError:
        return []
    return [(str(run["id"]), f"{run['name']}, {state(run)}") for run in found if run["id"].startswith(incomplete)]


def workflows(incomplete: str) -> list[tuple[str, str]]:
    """Return the newest workflows whose id begins like this, each with its name."""
    try:
        with connect(None, None, patience=0.0, seconds=SECONDS) as service:
            found = service.first(_MOST, "/v1/workflows", "workflows")
    except CommandError:
        return []
    return [(str(item["id"]), str(item["name"])) for item in found if item["id"].startswith(incomplete)]
