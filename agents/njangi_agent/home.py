"""The agent's home folder: one agent at a time works in it, and removes what an earlier one left."""

from __future__ import annotations

import os
from pathlib import Path

from njangi_agent.errors import AgentError
from njangi_agent.sandbox.folder import remove


class HomeInUseError(AgentError):
    """Another agent works in this home."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.home = home

    def __str__(self) -> str:
        return f"another agent already works in {self.home}; give this one a --home of its own"


def claim(home: Path) -> int:
    """Make the folder this process's own for as long as the returned descriptor is open.

    What attempts of a killed agent left in it is removed. Raises HomeInUseError.
    """
    import fcntl  # here, so that elsewhere than on POSIX `main` can still say that it does not run

    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise HomeInUseError(home) from error
    remove(home / "work")
    for partial in (home / "cache").glob("*.part"):
        partial.unlink()
    return lock
