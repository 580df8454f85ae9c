"""What tests of work in pieces share: how much each transaction changed, and what the log tells after it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from njangi_flows.runs import history

from api.live.event_json import event_json
from storage.errors import StorageUnavailableError
from storage.stores import Stores


def measured(stores: Stores, left: Callable[[], Awaitable[int]], dies_after: int | None = None) -> list[int]:
    """Note of each transaction of the stores from now on by how many `left` fell."""
    write = stores.ledger.write
    changed: list[int] = []

    async def counted(work: Any) -> Any:
        if dies_after is not None and len(changed) >= dies_after:
            raise StorageUnavailableError("killed")
        before = await left()
        result = await write(work)
        changed.append(before - await left())
        return result

    stores.ledger.write = counted  # type: ignore[method-assign]
    return changed


async def rebuilt(stores: Stores, run_id: str) -> history.ReplayedRun:
    """Return the run as its log tells it."""
    return history.rebuild(
        [json.loads(event_json(event)) async for page in stores.ledger.history(run_id) for event in page]
    )
