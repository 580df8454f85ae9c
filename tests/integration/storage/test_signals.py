"""Signals against a real MongoDB: kept in order, taken once, given again to whoever took them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from storage.errors import NotFoundError, RunEndedError, RunLeaseLostError, TooLargeError, TooManySignalsError
from storage.runs.models import FlowRunState, NewRun, RunStatus
from storage.runs.signals import MAX_PAYLOAD_BYTES, MAX_SIGNALS, Signal, SignalWait
from storage.stores import Stores
from tests.conftest import NOON

SECOND = timedelta(seconds=1)


async def a_run(stores: Stores, flow_run: str = "f1") -> tuple[str, str]:
    """Return a held run and the token of its lease."""
    new = NewRun("w1", "w", 1, "ana", 50, {}, {}, {}, prefect_flow_run_id=flow_run)
    run = await stores.runs.add(new, [], now=NOON)
    _, token = await stores.run_leases.hold(run.id, "worker", now=NOON)
    return run.id, token


async def send(stores: Stores, run_id: str, name: str, payload: str, seconds: float = 0) -> Signal:
    return await stores.signals.send(run_id, name, payload, by="ana", now=NOON + seconds * SECOND)


async def taken(stores: Stores, run_id: str, token: str, *wanted: SignalWait) -> dict[str, str]:
    found = await stores.signals.take(run_id, token, wanted, now=NOON)
    return {signal.taken_by or "": signal.payload for signal in found}


async def test_each_wait_gets_the_oldest_signal_that_no_other_took(stores: Stores) -> None:
    run_id, token = await a_run(stores)
    for payload in ("1", "2", "3"):
        await send(stores, run_id, "go", payload)
    await send(stores, run_id, "stop", "9")
    a, b, c = (SignalWait(task, "go") for task in "abc")
    assert await taken(stores, run_id, token, a) == {"a": "1"}
    assert await taken(stores, run_id, token, c, b) == {"c": "2", "b": "3"}
    assert await taken(stores, run_id, token, SignalWait("d", "go")) == {}
    assert await taken(stores, run_id, token, SignalWait("d", "stop")) == {"d": "9"}


async def test_a_task_that_asks_again_gets_the_same_signal_though_others_wait(stores: Stores) -> None:
    run_id, token = await a_run(stores)
    await send(stores, run_id, "go", "1")
    assert await taken(stores, run_id, token, SignalWait("a", "go")) == {"a": "1"}
    await send(stores, run_id, "go", "2")
    for _ in range(2):
        assert await taken(stores, run_id, token, SignalWait("a", "go")) == {"a": "1"}
    types = [event.type for event in await stores.ledger.events(run_id=run_id)]
    assert (types.count("signal.sent"), types.count("signal.taken")) == (2, 1)


async def test_many_who_take_at_once_never_share_a_signal(stores: Stores) -> None:
    run_id, token = await a_run(stores)
    for number in range(10):
        await send(stores, run_id, "go", str(number))
    takes = [taken(stores, run_id, token, SignalWait(f"t{number}", "go")) for number in range(12)]
    found = [payload for take in await asyncio.gather(*takes) for payload in take.values()]
    assert sorted(found) == [str(number) for number in range(10)]


async def test_a_signal_that_came_after_a_waits_end_is_not_for_it(stores: Stores) -> None:
    run_id, token = await a_run(stores)
    await send(stores, run_id, "go", "1", seconds=5)
    assert await taken(stores, run_id, token, SignalWait("early", "go", NOON + 4 * SECOND)) == {}
    assert await taken(stores, run_id, token, SignalWait("late", "go", NOON + 5 * SECOND)) == {"late": "1"}


async def test_signals_of_one_run_are_not_for_another(stores: Stores) -> None:
    first, _ = await a_run(stores)
    second, token = await a_run(stores, "f2")
    await send(stores, first, "go", "1")
    assert await taken(stores, second, token, SignalWait("a", "go")) == {}


async def test_who_lost_the_run_lease_takes_nothing(stores: Stores) -> None:
    run_id, token = await a_run(stores)
    await send(stores, run_id, "go", "1")
    with pytest.raises(RunLeaseLostError):
        await taken(stores, run_id, "stale", SignalWait("a", "go"))
    assert await taken(stores, run_id, token, SignalWait("b", "go")) == {"b": "1"}


async def test_signals_are_numbered_in_their_order_and_refused_where_they_could_not_be_kept(stores: Stores) -> None:
    run_id, _ = await a_run(stores)
    sent = await asyncio.gather(*(send(stores, run_id, "go", str(number)) for number in range(5)))
    assert sorted(signal.number for signal in sent) == [1, 2, 3, 4, 5]
    with pytest.raises(TooLargeError):
        await send(stores, run_id, "go", '"' + "x" * MAX_PAYLOAD_BYTES + '"')
    with pytest.raises(NotFoundError):
        await send(stores, "r0", "go", "1")
    await stores.database["runs"].update_one({"_id": run_id}, {"$set": {"signals": MAX_SIGNALS}})
    with pytest.raises(TooManySignalsError):
        await send(stores, run_id, "go", "1")
    await stores.ledger.write(
        lambda tx: stores.runs.follow(
            tx, FlowRunState("f1", "COMPLETED", "Completed", None, NOON), RunStatus.COMPLETED, now=NOON
        )
    )
    with pytest.raises(RunEndedError):
        await send(stores, run_id, "go", "1")
