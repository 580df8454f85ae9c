"""The settings of the embedded stack, and the environment of its processes."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from api.shipped_files import ROOT

CHECKOUT = ROOT
HOST = "127.0.0.1"
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - the addresses by which a server listens on all of a machine's
INSTANCE = "NJANGI_INSTANCE"
"""The variable that gives a child the word by which its answers are told from those of another program."""
INSTANCE_HEADER = "Njangi-Instance"

PREFECT = {
    # Events are written in batches: one by one, a thousand task runs cost the server 45 s of CPU instead of 10.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "100",
    # Loops that poll a database nobody else writes to may take their time.
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_REPOSSESSOR_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "60",
    "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT10S",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_CLI_COLORS": "false",
    "DO_NOT_TRACK": "1",
}


@dataclass(frozen=True, slots=True)
class StackSettings:
    """One embedded stack. A port of 0 asks for any free one."""

    home: Path = Path(".njangi")
    host: str = HOST  # the address on which the API listens; the other processes listen on 127.0.0.1 alone
    port: int = 8400
    prefect_port: int = 4200
    agents: int = 0
    mongodb_uri: str | None = None  # a MongoDB that is already running; None starts our own
    without: frozenset[str] = frozenset()  # names of services that are not wanted, e.g. python-worker

    @property
    def url(self) -> str:
        """The address of the API for the processes of this machine."""
        return f"http://{HOST if self.host in EVERYWHERE else self.host}:{self.port}"

    @property
    def prefect_url(self) -> str:
        return f"http://{HOST}:{self.prefect_port}"

    def resolved(self) -> StackSettings:
        """Return the same with an absolute home and real port numbers."""
        return replace(
            self,
            home=self.home.absolute(),
            port=self.port or free_port(),
            prefect_port=self.prefect_port or free_port(),
        )


def environment(settings: StackSettings, mongodb_uri: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return every process's environment; what is `inherited` overrides Prefect's tuning, not where things are."""
    prefect_home = settings.home / "prefect"
    python_path = [str(CHECKOUT), *filter(None, [inherited.get("PYTHONPATH")])]
    return {
        **PREFECT,
        **inherited,
        "PYTHONPATH": os.pathsep.join(python_path),
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",
        "MONGODB_URI": mongodb_uri,
        "NJANGI_DATABASE": "njangi",
        "NJANGI_HOME": str(settings.home),
        "NJANGI_HOST": settings.host,
        "NJANGI_PORT": str(settings.port),
        "NJANGI_URL": settings.url,
        "PREFECT_HOME": str(prefect_home),
        "PREFECT_API_URL": f"{settings.prefect_url}/api",
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_API_PORT": str(settings.prefect_port),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{prefect_home / 'prefect.db'}",
    }


def free_port() -> int:
    """Return a port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def usual_or_free(port: int) -> int:
    """Return the port, or a free one if a stack of this machine or another program has it."""
    reservation = reserve(port)
    if reservation is None:
        return free_port()
    with reservation:
        return port if port_is_free(port) else free_port()


def reserve(port: int) -> socket.socket | None:
    """Take the name that stands for the port among the stacks of this machine; None while another stack has it.

    The kernel gives the name back when the socket is closed or its process ends. Elsewhere than on Linux there are no
    such names, so every stack gets one.
    """
    name = socket.socket(socket.AF_UNIX)
    if sys.platform == "linux":
        try:
            name.bind(f"\0njangi/port/{port}")
        except OSError:
            name.close()
            return None
    return name
