"""What happens in Njangi is told to a real Prefect server, whose automations can act on it."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from api.integrations.outlets import as_prefect
from coordinator.prefect.client import Prefect
from storage.ledger import Event
from tests.integration.flows.stack_under_test import MACHINE, Stack

PATIENCE = 120.0


async def told(
    prefect: httpx.AsyncClient, event: str, resource: str, *, patience: float = PATIENCE
) -> list[dict[str, Any]]:
    """Wait until Prefect has events of that name about that resource. Raises TimeoutError after `patience` seconds."""
    wanted = {"filter": {"event": {"name": [event]}, "any_resource": {"id": [resource]}}}
    async with asyncio.timeout(patience):
        while True:
            found = (await prefect.post("/events/filter", json=wanted)).raise_for_status().json()["events"]
            if found:
                return list(found)
            await asyncio.sleep(0.2)


async def test_prefect_hears_of_volunteers_and_runs_once_each(stack: Stack) -> None:
    async with stack.http("join") as join:
        machine = {"name": "told", "machine": MACHINE}
        volunteer = (await join.post("/v1/agent/enrol", json=machine)).raise_for_status().json()["volunteer_id"]
    async with stack.http("flow") as flow, httpx.AsyncClient(base_url=f"{stack.prefect_api}/") as prefect:
        of_flow = (await prefect.post("flows/", json={"name": "told"})).json()["id"]
        adoption = {
            "prefect_flow_run_id": (await prefect.post("flow_runs/", json={"flow_id": of_flow})).json()["id"],
            "name": "told",
        }
        run_id = (await flow.post("/v1/flow/runs:adopt", json=adoption)).raise_for_status().json()["id"]
    async with httpx.AsyncClient(base_url=stack.prefect_api, timeout=30) as prefect:
        [enrolled] = await told(prefect, "njangi.volunteer.enrolled", f"njangi.volunteer.{volunteer}")
        assert enrolled["resource"]["prefect.resource.name"] == "told"
        [submitted] = await told(prefect, "njangi.run.submitted", f"njangi.run.{run_id}")
        assert submitted["payload"]["run_id"] == run_id
        assert submitted["related"][0]["prefect.resource.id"] == f"prefect.flow-run.{adoption['prefect_flow_run_id']}"


@pytest.mark.parametrize("flow_run", ["00000000-0000-4000-8000-000000000042", "of-a-test-harness"])
async def test_the_flow_run_of_another_prefect_server_gets_no_run_but_a_sentence(stack: Stack, flow_run: str) -> None:
    async with stack.http("flow") as flow:
        adoption = {"prefect_flow_run_id": flow_run, "name": "elsewhere"}
        refused = await flow.post("/v1/flow/runs:adopt", json=adoption)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:njangi:unknown-flow-run")
    assert stack.prefect_api in refused.json()["detail"]


async def test_an_event_that_is_told_again_after_a_kill_is_there_once(stack: Stack) -> None:
    first, second = (
        as_prefect(Event(number, "run.failed", datetime.now(UTC), f"r{number}", {"error": "no"}), None)
        for number in (1_000_001, 1_000_002)
    )
    async with Prefect(stack.prefect_api) as teller, httpx.AsyncClient(base_url=stack.prefect_api) as prefect:
        await teller.tell([first])
        await told(prefect, "njangi.run.failed", "njangi.run.r1000001")
        await teller.tell([first, second])
        await told(prefect, "njangi.run.failed", "njangi.run.r1000002")
        assert len(await told(prefect, "njangi.run.failed", "njangi.run.r1000001")) == 1


async def test_an_automation_of_prefect_acts_on_what_it_is_told(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.prefect_api, timeout=30) as prefect:
        automation = {
            "name": "greet",
            "trigger": {
                "type": "event",
                "posture": "Reactive",
                "expect": ["njangi.volunteer.enrolled"],
                "match": {"prefect.resource.name": "greeted"},
                "threshold": 1,
                "within": 0,
            },
            "actions": [{"type": "do-nothing"}],
        }
        made = (await prefect.post("/automations/", json=automation)).raise_for_status().json()
        acted: list[dict[str, Any]] = []
        for _ in range(6):  # Prefect listens for a new automation a moment after it has answered that it is made
            async with stack.http("join") as join:
                enrolled = await join.post("/v1/agent/enrol", json={"name": "greeted", "machine": MACHINE})
                id_ = enrolled.raise_for_status().json()["volunteer_id"]
            await told(prefect, "njangi.volunteer.enrolled", f"njangi.volunteer.{id_}")
            with contextlib.suppress(TimeoutError):
                automation_id = f"prefect.automation.{made['id']}"
                acted = await told(prefect, "prefect.automation.action.executed", automation_id, patience=20)
                break
        assert acted
        (await prefect.delete(f"/automations/{made['id']}")).raise_for_status()
