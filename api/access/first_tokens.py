"""Make the first tokens: those of an admin, of flows and of machines that join."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from storage.people.users import Role, new_token
from storage.stores import Stores


async def write_first_tokens(home: Path, stores: Stores, *, now: datetime) -> None:
    """Write tokens to files below `home` that only their owner can read; the database has their hashes."""
    directory = home / "tokens"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for role in (Role.ADMIN, Role.FLOW, Role.JOIN):
        file = directory / role.value
        token = file.read_text().strip() if file.exists() else new_token(role.value)
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(token + "\n")
        if not await stores.users.knows_token(token):
            await stores.users.add_token(role.value, role, token, now=now)
