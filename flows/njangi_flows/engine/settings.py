"""The address of the service and our token for it, read from the environment once."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from njangi_flows.errors import FlowsError

DEFAULT_URL = "http://127.0.0.1:8400"


class NoTokenError(FlowsError, RuntimeError):
    """There is no token for the service."""

    def __init__(self, looked_in: str) -> None:
        super().__init__(looked_in)
        self.looked_in = looked_in

    def __str__(self) -> str:
        return f"no flow token: set NJANGI_FLOW_TOKEN, or NJANGI_HOME to a folder with tokens/flow ({self.looked_in})"


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """`holder` names this process to the service: the same holder may take its run leases again at once.

    `owner` is the user whose the runs of engineers' own flows are; None leaves them to admins.
    """

    url: str
    token: str
    holder: str
    owner: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read NJANGI_URL, NJANGI_FLOW_TOKEN (else tokens/flow in NJANGI_HOME), NJANGI_HOLDER and NJANGI_OWNER.

        Raises NoTokenError.
        """
        return cls(
            url=environment.get("NJANGI_URL", DEFAULT_URL).rstrip("/"),
            token=environment.get("NJANGI_FLOW_TOKEN") or _token_in(Path(environment.get("NJANGI_HOME", ".njangi"))),
            holder=environment.get("NJANGI_HOLDER") or f"{socket.gethostname()}:{os.getpid()}",
            owner=environment.get("NJANGI_OWNER") or None,
        )


def _token_in(home: Path) -> str:
    path = home / "tokens" / "flow"
    try:
        return path.read_text().strip()
    except OSError as error:
        raise NoTokenError(f"{path}: {error.strerror}") from error
