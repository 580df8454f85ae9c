"""People in tests: users with tokens of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from storage.people.users import Role, new_token
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


PASSWORD = "correct horse battery"


async def invited(client: Client, name: str, role: str = "submitter", **body: Any) -> str:
    """Return the code of an invitation."""
    async with client.http("admin") as admin:
        made = await admin.post("/v1/invitations", json={"name": name, "role": role, **body})
    assert made.status_code == 201, made.text
    return str(made.json()["code"])


@asynccontextmanager
async def signed_in(client: Client, name: str, role: str = "submitter") -> AsyncIterator[httpx.AsyncClient]:
    """Yield the browser of somebody who has just accepted an invitation."""
    code = await invited(client, name, role)
    async with httpx.AsyncClient(base_url=client.url, timeout=60) as browser:
        made = await browser.post("/v1/invitations:accept", json={"code": code, "password": PASSWORD})
        assert made.status_code == 201, made.text
        browser.headers["Njangi-CSRF"] = made.json()["csrf_token"]
        yield browser


async def signs_in(client: Client, name: str, password: str = PASSWORD) -> httpx.Response:
    async with httpx.AsyncClient(base_url=client.url, timeout=60) as http:
        return await http.post("/v1/session", json={"name": name, "password": password})
