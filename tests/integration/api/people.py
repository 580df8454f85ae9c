"""People in tests: users with tokens of their own."""

from __future__ import annotations

from typing import Any

import httpx

from storage.users import Role, new_token
from tests.conftest import NOON
from tests.integration.api.conftest import Client

SPEC: dict[str, Any] = {"name": "w", "tasks": [{"name": "t", "command": "true"}]}


async def person(client: Client, name: str, role: Role = Role.SUBMITTER) -> httpx.AsyncClient:
    """Return a client of a user who is made for it."""
    token = new_token(name)
    await client.services.stores.users.add_token(name, role, token, now=NOON)
    return client.bearer(token)


async def a_workflow(http: httpx.AsyncClient, **body: Any) -> str:
    made = await http.post("/v1/workflows", json={"spec": SPEC, **body})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def a_run(http: httpx.AsyncClient, workflow_id: str) -> str:
    made = await http.post(f"/v1/workflows/{workflow_id}/runs", json={})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])
