"""Complete ids on the command line from the service, where that is quick; else there is nothing to offer."""

from __future__ import annotations

from njangi_flows.cli.failures import CommandError
from njangi_flows.cli.service import connect
from njangi_flows.cli.showing import state

SECONDS = 2.0
_MOST = 50


def runs(incomplete: str) -> list[tuple[str, str]]:
    """Return the newest runs whose id begins so, each with what it is."""
    try:
        with connect(None, None, seconds=SECONDS) as service:
            found = service.runs(_MOST)
    except CommandError:
        return []
    return [(str(run["id"]), f"{run['name']}, {state(run)}") for run in found if run["id"].startswith(incomplete)]


def workflows(incomplete: str) -> list[tuple[str, str]]:
    """Return the newest workflows whose id begins so, each with its name."""
    try:
        with connect(None, None, seconds=SECONDS) as service:
            found = service.workflows(_MOST)
    except CommandError:
        return []
    return [(str(item["id"]), str(item["name"])) for item in found if item["id"].startswith(incomplete)]
