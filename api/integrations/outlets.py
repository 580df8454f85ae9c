"""Other systems that receive events, besides webhooks: Prefect and Redis Streams."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from api.live.event_json import event_json
from coordinator.prefect.client import Prefect
from storage.errors import NjangiError
from storage.ledger import Event
from storage.runs.store import RunStore

_OURS = uuid.UUID("6f1c1d0a-3b0e-5a43-9d0c-4e6a616e6769")
_TO_PREFECT = ("run.", "volunteer.", "task.completed", "task.failed")
KEPT_IN_REDIS = 100_000
"""About how many entries the stream keeps."""


class PublishingError(NjangiError):
    """The other system did not take events; the text says why."""


class PrefectOutlet:
    """Prefect events `njangi.<type>`, about runs, tasks and volunteers; each under an id of its number."""

    name = "prefect"

    def __init__(self, prefect: Prefect, runs: RunStore) -> None:
        self._prefect = prefect
        self._runs = runs

    async def take(self, events: Sequence[Event]) -> None:
        wanted = [event for event in events if event.type.startswith(_TO_PREFECT)]
        if wanted:
            flow_runs = await self._runs.flow_runs({event.run_id for event in wanted if event.run_id is not None})
            await self._prefect.tell([as_prefect(event, flow_runs.get(event.run_id or "")) for event in wanted])


def as_prefect(event: Event, flow_run_id: str | None) -> dict[str, Any]:
    """Return an event as Prefect takes it: about a volunteer, a run or a task, related to its flow run."""
    kind = event.type.partition(".")[0]
    id_ = str(event.data.get("volunteer")) if kind == "volunteer" else str(event.run_id)
    if kind == "task":
        id_ += f".{event.data.get('task')}"
    resource = {"prefect.resource.id": f"njangi.{kind}.{id_}"}
    if (name := event.data.get("name") or event.data.get("task")) is not None:
        resource["prefect.resource.name"] = str(name)
    related = []
    if event.run_id is not None and kind != "run":
        related.append({"prefect.resource.id": f"njangi.run.{event.run_id}", "prefect.resource.role": "run"})
    if flow_run_id is not None:
        flow_run = f"prefect.flow-run.{flow_run_id}"
        related.append({"prefect.resource.id": flow_run, "prefect.resource.role": "flow-run"})
    return {
        "id": str(uuid.uuid5(_OURS, str(event.seq))),
        "occurred": event.at.isoformat(),
        "event": f"njangi.{event.type}",
        "resource": resource,
        "related": related,
        "payload": {"seq": event.seq, "run_id": event.run_id, **event.data},
    }


class RedisOutlet:
    """One entry an event in a Redis stream, under the id `{seq}-0`, which Redis takes once."""

    name = "redis"

    def __init__(self, url: str, stream: str) -> None:
        self._redis = Redis.from_url(url, socket_timeout=10.0, socket_connect_timeout=5.0)
        self._stream = stream

    async def close(self) -> None:
        await self._redis.aclose()

    async def take(self, events: Sequence[Event]) -> None:
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for event in events:
                    fields: dict[Any, Any] = {
                        "type": event.type,
                        "run_id": event.run_id or "",
                        "event": event_json(event),
                    }
                    pipeline.xadd(self._stream, fields, f"{event.seq}-0", maxlen=KEPT_IN_REDIS, approximate=True)
                answers = await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError) as error:
            raise PublishingError(f"Redis did not take events: {error}") from error
        for answer in answers:
            known = isinstance(answer, ResponseError) and "equal or smaller" in str(answer)
            if isinstance(answer, Exception) and not known:
                raise PublishingError(f"Redis did not take an event: {answer}") from answer
