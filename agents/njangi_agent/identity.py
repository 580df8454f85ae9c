"""The identity of this machine at a service: written at enrolment, readable by its owner alone."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

from njangi_agent.errors import AgentError


class IdentityUnreadableError(AgentError):
    """The identity file is there but of no use."""


@dataclass(frozen=True)
class Identity:
    url: str
    volunteer_id: str
    secret: str


def load(home: Path) -> Optional[Identity]:
    path = home / "identity.json"
    try:
        return Identity(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise IdentityUnreadableError(f"{path} cannot be used ({error}); remove it and join again") from error


def save(home: Path, identity: Identity) -> None:
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home / "identity.json"
    partial = home / "identity.json.part"
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(handle, "w") as file:  # noqa: PTH123 - a descriptor, not a path
        json.dump(asdict(identity), file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
