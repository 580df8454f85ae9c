"""kill -9 of the replicas that deliver to a webhook: every event arrives, under an id that stays the same."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import httpx
import pytest

from tests.faults.test_followers import PATIENCE, change, two_replicas
from tests.integration.api.conftest import until
from tests.receiver import receiving

CHANGES = 60


async def test_a_webhook_hears_of_every_event_over_kills(
    mongodb_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NJANGI_WEBHOOKS_PRIVATE", "1")
    async with receiving() as receiver, two_replicas(mongodb_uri, tmp_path) as (first, second):
        tokens = {role: (tmp_path / "tokens" / role).read_text().strip() for role in ("admin", "flow")}
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {tokens['admin']}"}, timeout=30) as admin:
            hook = {"url": receiver.url, "types": ["task.*"]}
            assert (await admin.post(f"{first.url}/v1/webhooks", json=hook)).status_code == 201
            async with httpx.AsyncClient(headers={"Authorization": f"Bearer {tokens['flow']}"}, timeout=30) as http:
                adoption = {"prefect_flow_run_id": secrets.token_hex(8), "name": "told"}
                run_id = (await http.post(f"{second.url}/v1/flow/runs:adopt", json=adoption)).json()["id"]
                held = await http.post(f"{second.url}/v1/flow/runs/{run_id}:hold", json={"holder": "test"})
                http.headers["Njangi-Run-Token"] = held.json()["token"]
                for number in range(CHANGES):
                    urls = [second.url, first.url]
                    if number in (CHANGES // 3, CHANGES * 2 // 3):
                        leading = (await admin.get(f"{second.url}/readyz")).json()["leaders"].get("publishing", "")
                        killed, other = (first, second) if leading.endswith(first.url[-5:]) else (second, first)
                        await killed.kill()
                        starting = asyncio.create_task(killed.start())
                        urls = [other.url]
                    await change(http, urls, f"/v1/flow/runs/{run_id}/tasks/t{number}")
                    if number in (CHANGES // 3 + 5, CHANGES * 2 // 3 + 5):
                        await starting
            wanted = {f"t{number}" for number in range(CHANGES)}

            def told() -> set[str]:
                return {name for item in receiver.received if (name := item.message["data"].get("task"))}

            await until(
                lambda: told() >= wanted, PATIENCE + 60
            )  # a delivery that was under way is made again after a minute
    ids = {item.message["data"]["seq"]: item.id for item in receiver.received}
    assert all(ids[item.message["data"]["seq"]] == item.id for item in receiver.received)
