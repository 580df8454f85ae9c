"""Engineers' flows that are tried again, or run again, through the service; the test stands in for their worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from njangi_flows import sleep, volunteer_task
from prefect import Flow, flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.flow_engine import run_flow_sync

from tests.integration.flows.controlling import control, giant, waits
from tests.integration.flows.stack_under_test import Stack, Volunteer
from tests.integration.flows.test_signals import run_of
from tests.integration.flows.waiting_runs import cancel

pytestmark = [
    # Prefect's engine leaves connections to its own server to the garbage collector.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"),
]


@volunteer_task
def reads(path: str) -> str:
    from pathlib import Path

    return Path(path).read_text()


@flow(name="reader", persist_result=False, log_prints=False)
def reader(paths: list[str], seconds: float = 0.1) -> list[str]:
    read = reads.map(paths)
    sleep(seconds).result()
    return list(read.result())


@volunteer_task(cpu=100)
def reads_much(path: str) -> str:
    from pathlib import Path

    return Path(path).read_text()


@flow(name="patient", persist_result=False)
def patient(path: str) -> str:
    return reads_much(path)


class Deployment:
    """A deployment of a flow, and flow runs of it that are carried here."""

    def __init__(self, prefect: PrefectClient, flow_: Flow[..., Any], id_: UUID) -> None:
        self._prefect = prefect
        self._flow = flow_
        self.id = id_

    async def start(self, **parameters: Any) -> UUID:
        return (await self._prefect.create_flow_run_from_deployment(self.id, parameters=parameters)).id

    async def execute(self, flow_run_id: UUID | str) -> Any:
        """Do what a worker does with a flow run that is scheduled; return the state in which it ends."""
        flow_run = await self._prefect.read_flow_run(UUID(str(flow_run_id)))
        assert flow_run.state is not None and flow_run.state.is_scheduled(), flow_run.state
        return await asyncio.to_thread(
            run_flow_sync, self._flow, flow_run=flow_run, parameters=flow_run.parameters, return_type="state"
        )


@asynccontextmanager
async def deployed(flow_: Flow[..., Any]) -> AsyncIterator[Deployment]:
    async with get_client() as prefect:
        flow_id = await prefect.create_flow(flow_)
        schema = flow_.parameters.model_dump()
        id_ = await prefect.create_deployment(
            flow_id, "by-hand", parameter_openapi_schema=schema, enforce_parameter_schema=True
        )
        yield Deployment(prefect, flow_, id_)


async def test_what_failed_of_a_flow_is_tried_again_in_the_same_run_and_the_rest_adopted(
    stack: Stack, volunteer: Volunteer, tmp_path: Path
) -> None:
    there, missing = tmp_path / "there", tmp_path / "missing"
    there.write_text("a")
    async with deployed(reader) as deployment:
        flow_run_id = await deployment.start(paths=[str(there), str(missing)])
        assert (await deployment.execute(flow_run_id)).is_failed()
        run_id = await run_of(stack, flow_run_id)
        assert (await stack.ended(run_id))["status"] == "FAILED"
        there.unlink()
        missing.write_text("b")
        again = await control(stack, run_id, "retry-failed")
        assert (again["status"], again["prefect_flow_run_id"]) == ("SUBMITTED", str(flow_run_id))
        assert await (await deployment.execute(flow_run_id)).aresult() == ["a", "b"]
    run = await stack.ended(run_id)
    assert (run["status"], run["attempt"]) == ("COMPLETED", 2)
    assert [volunteer.attempts[f"{run_id}/reads/{index}"] for index in (0, 1)] == [1, 2]


async def test_what_fails_again_is_tried_as_often_as_the_first_time(
    stack: Stack, volunteer: Volunteer, tmp_path: Path
) -> None:
    async with deployed(reader) as deployment:
        flow_run_id = await deployment.start(paths=[str(tmp_path / "missing")])
        assert (await deployment.execute(flow_run_id)).is_failed()
        run_id = await run_of(stack, flow_run_id)
        await stack.ended(run_id)
        await control(stack, run_id, "retry-failed")
        assert (await deployment.execute(flow_run_id)).is_failed()
    assert (await stack.ended(run_id))["status"] == "FAILED"
    assert volunteer.attempts[f"{run_id}/reads/0"] == 2, "without retries once in each attempt of the run"


async def test_calls_that_were_cancelled_with_the_run_are_made_again(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("a")
    async with deployed(patient) as deployment:
        flow_run_id = await deployment.start(path=str(tmp_path / "there"))
        carried = asyncio.create_task(deployment.execute(flow_run_id))
        run_id = await run_of(stack, flow_run_id)
        await waits(stack, run_id, "reads_much")
        await cancel(stack, run_id)
        await asyncio.wait_for(carried, 60)
        await stack.ended(run_id)
        begun = await control(stack, run_id, "retry-failed")
        assert [(task["status"], task["queued"]) for task in begun["tasks"]] == [("PENDING", 1)]
        async with giant(stack):
            assert await (await deployment.execute(flow_run_id)).aresult() == "a"
    assert (await stack.ended(run_id))["status"] == "COMPLETED"


async def test_a_flow_is_run_again_with_other_parameters(stack: Stack, volunteer: Volunteer, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    async with deployed(reader) as deployment, stack.http("admin") as http:
        flow_run_id = await deployment.start(paths=[str(tmp_path / "a")], seconds=0.2)
        assert (await deployment.execute(flow_run_id)).is_completed()
        run_id = await run_of(stack, flow_run_id)
        assert (await stack.ended(run_id))["status"] == "COMPLETED"
        body = {"parameters": {"paths": [str(tmp_path / "b")]}}
        answers = [
            await http.post(f"/v1/runs/{run_id}:rerun", json=body, headers={"Idempotency-Key": run_id})
            for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [201, 201], answers[0].text
        [again] = {answer.json()["id"] for answer in answers}
        assert again != run_id
        new = await stack.run(again)
        assert new["parameters"] == {"paths": [str(tmp_path / "b")], "seconds": 0.2}
        assert await (await deployment.execute(new["prefect_flow_run_id"])).aresult() == ["b"]
        assert (await stack.ended(again))["status"] == "COMPLETED"
        refused = await http.post(f"/v1/runs/{run_id}:rerun", json={"parameters": {"paths": 7}})
        assert refused.status_code == 422 and "7 is not of type 'array'" in refused.json()["detail"]
        nothing = await http.post(f"/v1/runs/{run_id}:retry-failed", json={})
        assert (nothing.status_code, nothing.json()["type"]) == (409, "urn:njangi:nothing-to-retry")


async def test_a_flow_without_a_deployment_can_only_be_started_where_it_was(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="missing"):
        await asyncio.to_thread(reader, [str(tmp_path / "missing")])
    async with stack.http("admin") as http:
        runs = (await http.get("/v1/runs?page_size=500")).json()["runs"]
        run_id = next(run["id"] for run in runs if run["name"] == "reader")
        await stack.ended(run_id)
        for call in ("retry-failed", "rerun"):
            refused = await http.post(f"/v1/runs/{run_id}:{call}", json={})
            assert (refused.status_code, refused.json()["type"]) == (409, "urn:njangi:no-spec")
            assert "no deployment" in refused.json()["detail"]
