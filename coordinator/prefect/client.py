"""The few calls to Prefect's REST API that the service makes.

Over httpx rather than Prefect's own client: importing Prefect would cost every API replica two
seconds and a hundred megabytes (docs/decisions/0004-api-without-prefect.md).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import httpx
import orjson
import websockets

from storage.errors import NjangiError
from storage.runs.models import FlowRunState

RUN_WORKFLOW = "run-workflow/run-workflow"
"""The generic flow and its deployment, as prefect.yaml names them."""

HEALTH_SECONDS = 1.0


class PrefectUnavailableError(NjangiError):
    """The Prefect server does not answer now, or not as it should."""


class PrefectRefusedError(NjangiError):
    """The Prefect server does not take what a caller wants of it, such as a flow's parameters."""

    code = "prefect-refused"
    says = "Prefect refuses: {why}"
    names = ("why",)


@dataclass(frozen=True, slots=True)
class FlowRun:
    """What a flow run was started with. Without a deployment no worker can start it, or another like it."""

    id: str
    deployment_id: str | None
    parameters: Mapping[str, Any]
    tags: Sequence[str]


class Prefect:
    """A connection to one Prefect server; use as a context manager."""

    def __init__(self, api_url: str) -> None:
        self._url = api_url.rstrip("/")
        self._http = httpx.AsyncClient(base_url=self._url, timeout=10.0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, type_: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.aclose()

    @property
    def api_url(self) -> str:
        return self._url

    def ui_url(self, flow_run_id: str) -> str:
        """Return where Prefect's own UI shows a flow run."""
        return f"{self._url.removesuffix('/api')}/runs/flow-run/{flow_run_id}"

    async def answers(self) -> bool:
        """Whether the server is there at this moment."""
        try:
            return (await self._http.get("/health", timeout=HEALTH_SECONDS)).is_success
        except httpx.HTTPError:
            return False

    async def create_flow_run(self, run_id: str, name: str, tags: Sequence[str]) -> str:
        """Create the flow run that carries a run and return its id; repeating returns the same."""
        deployment = await self._call("GET", f"/deployments/name/{RUN_WORKFLOW}")
        created = await self._call(
            "POST",
            f"/deployments/{deployment['id']}/create_flow_run",
            {
                "name": f"{name}-{run_id}",
                "parameters": {"run_id": run_id},
                "tags": list(tags),
                "idempotency_key": run_id,
                "state": {"type": "SCHEDULED", "message": "Submitted to Njangi"},
            },
        )
        return str(created["id"])

    async def flow_run(self, flow_run_id: str) -> FlowRun | None:
        """Return what a flow run was started with, None if Prefect does not know it."""
        found = await self._call("POST", "/flow_runs/filter", {"flow_runs": {"id": {"any_": [flow_run_id]}}})
        if not found:
            return None
        return FlowRun(found[0]["id"], found[0]["deployment_id"], found[0]["parameters"], found[0]["tags"])

    async def create_alike(self, flow_run: FlowRun, parameters: Mapping[str, Any], key: str) -> str:
        """Create another flow run of the same deployment and return its id; repeating under a key returns the same.

        Raises PrefectRefusedError for parameters that the flow does not take.
        """
        body = {
            "parameters": parameters,
            "tags": list(flow_run.tags),
            "idempotency_key": key,
            "state": {"type": "SCHEDULED", "message": "Run again through Njangi"},
        }
        try:
            created = await self._call("POST", f"/deployments/{flow_run.deployment_id}/create_flow_run", body)
        except PrefectUnavailableError as error:
            cause = error.__cause__
            if isinstance(cause, httpx.HTTPStatusError) and cause.response.is_client_error:
                raise PrefectRefusedError(cause.response.text[:500]) from error
            raise
        return str(created["id"])

    async def set_state(
        self,
        flow_run_id: str,
        type_: str,
        message: str,
        *,
        name: str | None = None,
        force: bool = True,
        reschedule: bool = False,
    ) -> FlowRunState | None:
        """Set a flow run's state and return it; None when Prefect refused, which it does not with `force`.

        `reschedule` says of a pause that resuming needs a worker to take the flow run up.
        """
        state: dict[str, Any] = {"type": type_, "message": message} | ({"name": name} if name else {})
        if reschedule:
            state["state_details"] = {"pause_reschedule": True}
        body = {"state": state, "force": force}
        answer = await self._call("POST", f"/flow_runs/{flow_run_id}/set_state", body)
        if answer["status"] != "ACCEPT" or not answer.get("state"):
            return None
        return _flow_run_state(flow_run_id, answer["state"])

    async def tell(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Record events of ours; one whose id is known changes nothing."""
        body = orjson.dumps(events)
        try:
            answer = await self._http.post("/events", content=body, headers={"Content-Type": "application/json"})
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise PrefectUnavailableError(f"Prefect's POST /events: {error}") from error

    async def knows(self, flow_run_id: str) -> bool:
        """Whether the flow run is one of this server's."""
        try:
            return bool(await self.flow_run_states([flow_run_id]))
        except PrefectUnavailableError as error:
            cause = error.__cause__
            if isinstance(cause, httpx.HTTPStatusError) and cause.response.is_client_error:
                return False  # it is not even an id of Prefect's
            raise

    async def flow_run_states(self, flow_run_ids: Sequence[str]) -> list[FlowRunState]:
        """Return the present states of flow runs; unknown ids are left out."""
        wanted = {"flow_runs": {"id": {"any_": list(flow_run_ids)}}, "limit": 200}
        return _states(await self._call("POST", "/flow_runs/filter", wanted))

    async def crashed_flow_runs(self, since: datetime, limit: int) -> list[FlowRunState]:
        """Return the CRASHED flow runs of deployments whose work ended after `since`."""
        crashed = {
            "state": {"type": {"any_": ["CRASHED"]}},
            "end_time": {"after_": since.isoformat()},
            "deployment_id": {"is_null_": False},
        }
        wanted = {"flow_runs": crashed, "sort": "END_TIME_DESC", "limit": limit}
        return _states(await self._call("POST", "/flow_runs/filter", wanted))

    async def events(self, since: datetime) -> AsyncIterator[FlowRunState]:
        """Yield states of flow runs as they come, those since `since` first. Ends with an error."""
        address = f"{self._url.replace('http', 'ws', 1)}/events/out"
        subprotocol = websockets.Subprotocol("prefect")
        try:
            async with websockets.connect(address, subprotocols=[subprotocol], max_size=2**24) as socket:
                await socket.send(json.dumps({"type": "auth", "token": ""}))
                await socket.recv()
                wanted = {"event": {"prefix": ["prefect.flow-run."]}}
                ever = {"since": since.isoformat(), "until": "2100-01-01T00:00:00Z"}  # else until now
                await socket.send(json.dumps({"type": "filter", "filter": wanted | {"occurred": ever}}))
                async for state in self._past(wanted, since):
                    yield state
                async for message in socket:
                    state_ = _state(json.loads(message).get("event") or {})
                    if state_ is not None:
                        yield state_
        except (OSError, websockets.WebSocketException) as error:
            raise PrefectUnavailableError(f"Prefect's events: {error}") from error

    async def _past(self, wanted: dict[str, Any], since: datetime) -> AsyncIterator[FlowRunState]:
        """Yield what happened from `since` until now, oldest first: the socket may have missed it."""
        order = {"filter": wanted | {"occurred": {"since": since.isoformat()}, "order": "ASC"}, "limit": 50}
        page = await self._call("POST", "/events/filter", order)
        while True:
            for event in page["events"]:
                state = _state(event)
                if state is not None:
                    yield state
            if not page.get("next_page"):
                return
            page = await self._call("GET", page["next_page"])

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        try:
            answer = await self._http.request(method, path, json=body)
            answer.raise_for_status()
            return answer.json() if answer.content else None
        except (httpx.HTTPError, ValueError) as error:
            raise PrefectUnavailableError(f"Prefect's {method} {path.partition('?')[0]}: {error}") from error


def _states(flow_runs: list[dict[str, Any]]) -> list[FlowRunState]:
    return [_flow_run_state(run["id"], run["state"]) for run in flow_runs if run.get("state")]


def _flow_run_state(flow_run_id: str, state: dict[str, Any]) -> FlowRunState:
    return FlowRunState(
        flow_run_id=flow_run_id,
        type=state["type"],
        name=state.get("name") or "",
        message=state.get("message"),
        at=datetime.fromisoformat(state["timestamp"]),
    )


def _state(event: dict[str, Any]) -> FlowRunState | None:
    """Read the state that an event tells of, None when it tells of something else."""
    resource = event.get("resource", {})
    kind, _, id_ = resource.get("prefect.resource.id", "").rpartition(".")
    type_ = resource.get("prefect.state-type")
    if kind != "prefect.flow-run" or not type_:
        return None
    at = datetime.fromisoformat(resource.get("prefect.state-timestamp") or event["occurred"])
    name = resource.get("prefect.state-name", "")
    return FlowRunState(id_, type_, name, resource.get("prefect.state-message") or None, at)
