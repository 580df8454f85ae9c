"""Invite the first admin: a link to the console, good once and for three days, while nobody can sign in there."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from stack.settings import StackSettings

REMEMBERED = "first-invitation"
"""The file in the home folder that holds the invitation, so that a restart shows the same one."""


async def invitation_link(settings: StackSettings) -> str | None:
    """Return where the first admin chooses a password; None once an admin has one.

    Raises httpx.HTTPError when the service does not answer.
    """
    token = (settings.home / "tokens" / "admin").read_text().strip()
    kept = settings.home / REMEMBERED
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=settings.url, headers=headers, trust_env=False, timeout=30) as http:
        if await _has_admin(http):
            kept.unlink(missing_ok=True)
            return None
        known = _known(kept)
        if not await _is_open(http, known.get("id")):
            known = await _invite(http)
            _remember(kept, known)
    return f"{settings.url}/welcome#{known['code']}"


async def _has_admin(http: httpx.AsyncClient) -> bool:
    after = ""
    while users := (await _get(http, "/v1/users", after=after, limit="500"))["users"]:
        if any(user["role"] == "admin" and user["signs_in"] and not user["disabled_at"] for user in users):
            return True
        after = users[-1]["name"]
    return False


async def _is_open(http: httpx.AsyncClient, id_: str | None) -> bool:
    """Whether an invitation still lets somebody in."""
    listed = (await _get(http, "/v1/invitations", limit="500"))["invitations"] if id_ is not None else []
    now = datetime.now(UTC)
    return any(
        made["id"] == id_ and made["accepted_by"] is None and datetime.fromisoformat(made["expires_at"]) > now
        for made in listed
    )


async def _invite(http: httpx.AsyncClient) -> dict[str, str]:
    answer = await http.post("/v1/invitations", json={"role": "admin", "expires_in": "3d"})
    made = answer.raise_for_status().json()
    return {"id": made["id"], "code": made["code"]}


async def _get(http: httpx.AsyncClient, path: str, **parameters: str) -> dict[str, Any]:
    found: dict[str, Any] = (await http.get(path, params=parameters)).raise_for_status().json()
    return found


def _known(kept: Path) -> dict[str, str]:
    """Return the invitation that was made before; nothing where there is none that can be read."""
    try:
        found = json.loads(kept.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and {"id", "code"} <= found.keys() else {}


def _remember(kept: Path, made: dict[str, str]) -> None:
    kept.touch(mode=0o600)
    kept.write_text(json.dumps(made) + "\n")
