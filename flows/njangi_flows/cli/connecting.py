"""Open the service for a command: decide on its address, the token, and how long to wait."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from njangi_flows.cli import saved_tokens as remembered
from njangi_flows.cli.failures import WrongUsageError

if TYPE_CHECKING:
    from njangi_flows.cli.blocking_client import BlockingClient

DEFAULT_URL = "http://127.0.0.1:8400"
TOKEN_FILE = Path(".njangi") / "tokens" / "admin"
PATIENCE_SECONDS = 60.0
"""How long a call waits for a service that is away."""
WATCHING_SECONDS = 600.0
"""The same for a command that follows something, because that goes on meanwhile."""
FIRST_CONTACT_SECONDS = 3.0
"""How long a call waits if nothing has answered yet: the address is probably wrong."""


@contextmanager
def connect(
    url: str | None, token: str | None, *, patience: float | None = None, seconds: float | None = None
) -> Iterator[BlockingClient]:
    """Open the service at `url` with `token`.

    Without a `url` it is that of the environment, else this machine's. Without a `token` it is that of the environment,
    else that of `njangi login`, else that of a service started in this folder; "" means no token.
    `patience`: how many seconds a call waits for a service that is away; `seconds`: how many for one answer.
    """
    from njangi_flows.cli.blocking_client import open_client  # httpx takes longer to import than all commands

    url = address_of(url)
    if token is None:
        token = os.environ.get("NJANGI_TOKEN") or remembered.token_for(url) or _token_of_this_folder() or ""
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise WrongUsageError(
            "this is not a valid token: a token is one word of plain letters, digits and signs, as it was shown"
        )
    patience = PATIENCE_SECONDS if patience is None else patience
    with open_client(url, token, patience=patience, first_contact=FIRST_CONTACT_SECONDS, seconds=seconds) as client:
        yield client


def address_of(url: str | None) -> str:
    """Return the service's address: the one given, else that of the environment, else this machine's."""
    return url or os.environ.get("NJANGI_URL") or DEFAULT_URL


def _token_of_this_folder() -> str | None:
    try:
        return TOKEN_FILE.read_text().strip()
    except OSError:
        return None
