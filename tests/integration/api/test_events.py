"""The event log over HTTP: followed as it is written, resumed without a gap, taken whole."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import httpx
from njangi_flows.runs.history import rebuild

from api.access.event_access import EventFilter
from api.live.feed import KEPT, Feed, Listener, run_stream
from storage.ledger import Transaction
from storage.people.users import Role, User
from storage.runs.models import FlowRunState, NewRun, RunStatus
from storage.stores import Stores
from tests.conftest import NOON
from tests.integration.api.conftest import Client, put_task, reports, until

PATIENCE = 30.0


async def follow(http: httpx.AsyncClient, run_id: str, after: int = 0) -> AsyncIterator[dict[str, Any]]:
    """Yield events as they are told, until the stream ends."""
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
    async with http.stream("GET", f"/v1/runs/{run_id}/events", headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                yield json.loads(line[6:])


async def tell(stores: Stores, run_id: str, *, times: int = 1, **data: Any) -> None:
    """Write events of a type that changes nothing, one transaction each."""

    async def write(tx: Transaction) -> None:
        tx.emit("test.told", NOON, run_id=run_id, **data)

    for _ in range(times):
        await stores.ledger.write(write)


async def end(stores: Stores, run_id: str) -> None:
    """Let the run end as if Prefect had said so."""
    run = await stores.runs.get(run_id)
    state = FlowRunState(run.prefect_flow_run_id or "", "COMPLETED", "Completed", None, run.created_at)
    await stores.ledger.write(lambda tx: stores.runs.follow(tx, state, RunStatus.COMPLETED, now=NOON))


async def history(http: httpx.AsyncClient, run_id: str, after: int = 0) -> list[dict[str, Any]]:
    answer = await http.get(f"/v1/runs/{run_id}/history", params={"after": after})
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/jsonl"
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_a_follower_hears_at_once_what_any_replica_writes(client: Client) -> None:
    flow, run_id = await client.flow()
    own, other = client.services.stores, Stores(client.services.stores.database)
    taken: list[float] = []
    async with aclosing(flow), client.http("admin") as http, aclosing(follow(http, run_id)) as events:
        async with asyncio.timeout(PATIENCE):
            while (await anext(events))["type"] != "run.held":
                pass
            for number in range(40):
                await tell(own if number % 2 else other, run_id, number=number)
                written = time.perf_counter()
                assert (await anext(events))["number"] == number
                taken.append((time.perf_counter() - written) * 1000)
    assert statistics.median(taken) <= 100, f"p50 {statistics.median(taken):.0f} ms"


async def test_two_replicas_write_and_followers_of_any_age_see_every_event_once(client: Client) -> None:
    flow, run_id = await client.flow()
    own, other = client.services.stores, Stores(client.services.stores.database)

    async def read(after: int) -> list[int]:
        async with client.http("admin") as http, asyncio.timeout(PATIENCE):
            return [event["seq"] async for event in follow(http, run_id, after)]

    await flow.aclose()
    await tell(own, run_id, times=5)
    middle = (await own.ledger.events(run_id=run_id))[3].seq
    followers = [asyncio.create_task(read(after)) for after in (0, 0, middle)]
    await asyncio.gather(tell(own, run_id, times=30), tell(other, run_id, times=30))
    late = asyncio.create_task(read(0))
    await tell(other, run_id, times=10)
    await end(other, run_id)
    everything = [event.seq for event in await own.ledger.events(run_id=run_id)]
    seen = await asyncio.gather(*followers, late)
    assert seen[0] == seen[1] == seen[3] == everything
    assert seen[2] == [seq for seq in everything if seq > middle]
    await until(lambda: client.services.feed.listeners == 0, PATIENCE)


async def test_a_follower_behind_what_is_kept_in_memory_misses_nothing(client: Client) -> None:
    flow, run_id = await client.flow()
    stores = client.services.stores
    await flow.aclose()

    async def burst(tx: Transaction) -> None:
        for _ in range(KEPT + 500):
            tx.emit("test.told", NOON, run_id=run_id)

    async with client.http("admin") as http, asyncio.timeout(PATIENCE), aclosing(follow(http, run_id)) as events:
        first = await anext(events)
        await stores.ledger.write(burst)
        await end(stores, run_id)
        seen = [first["seq"], *[event["seq"] async for event in events]]
    assert len(seen) == len(set(seen)) and seen == sorted(seen)
    assert len(seen) == len([event async for page in stores.ledger.history(run_id) for event in page])


async def test_a_stream_ends_when_the_service_leaves(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), client.http("admin") as http, aclosing(follow(http, run_id)) as events:
        async with asyncio.timeout(PATIENCE):
            await anext(events)
            client.services.leave()
            assert [event["run_id"] async for event in events] in ([], [run_id]), "it ended though the run goes on"


async def test_the_history_is_whole_and_goes_on_after_any_event(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol() as agent, client.http("admin") as http:
        await put_task(flow, run_id, "t", 20)
        answer = (await agent.post("/v1/agent/sync", json={"slots": 4, "wish": 4, "wait": 5})).json()
        await agent.post("/v1/agent/sync", json={"slots": 4, "reports": reports(answer)})
        await tell(client.services.stores, run_id, times=3)
        whole = await history(http, run_id)
        assert [event["seq"] for event in whole] == sorted({event["seq"] for event in whole})
        assert {event["v"] for event in whole} == {1}
        middle = whole[len(whole) // 2]["seq"]
        assert await history(http, run_id, middle) == [event for event in whole if event["seq"] > middle]
        assert await history(http, run_id, whole[-1]["seq"]) == []
        run = rebuild(whole)
        assert run.tasks["t"].counts() == {"COMPLETED": len(answer["leases"]), "QUEUED": 20 - len(answer["leases"])}
        assert run.unknown == {"test.told": 3}
        assert (await http.get("/v1/runs/r0/history")).status_code == 404
        assert (await http.get("/v1/runs/r0/events")).status_code == 404
        streaming = {"Accept": "text/event-stream"}
        for address in (f"/v1/runs/{run_id}/history", f"/v1/runs/{run_id}/events", "/v1/events"):
            beyond = await http.get(address, params={"after": 2**63}, headers=streaming)
            assert beyond.status_code == 422, "no number of an event, and too late to say so once the answer has begun"


async def test_after_a_gap_in_the_change_stream_listeners_look_for_themselves(stores: Stores) -> None:
    run = await stores.runs.add(NewRun("w1", "f", 1, "ada", 50, {}, {}, {}), [], now=NOON)
    feed = Feed(stores.ledger, stores.audiences)
    reading = asyncio.create_task(feed.run())
    listener = Listener(feed, User("ada", Role.SUBMITTER), EventFilter(run_id=run.id), 0)

    async def ended() -> bool:
        return False

    async with aclosing(run_stream(feed, listener, run.id, ended)) as frames, asyncio.timeout(PATIENCE):
        assert b"retry" in await anext(frames)
        assert b"run.submitted" in await anext(frames)
        waiting = asyncio.ensure_future(anext(frames))
        await tell(stores, run.id)
        assert not waiting.done(), "nobody told it"
        feed.told()
        assert b"test.told" in await waiting
    reading.cancel()


async def test_the_stream_of_a_run_skips_no_event_of_it_and_reads_none_of_others(stores: Stores) -> None:
    ours = await stores.runs.add(NewRun("w1", "f", 1, "ada", 50, {}, {}, {}), [], now=NOON)
    other = await stores.runs.add(NewRun("w1", "f", 1, "ada", 50, {}, {}, {}), [], now=NOON)
    await tell(stores, ours.id, times=3)

    async def burst(tx: Transaction) -> None:
        for _ in range(2 * KEPT):
            tx.emit("test.told", NOON, run_id=other.id)

    await stores.ledger.write(burst)
    feed = Feed(stores.ledger, stores.audiences)
    reading = asyncio.create_task(feed.run())
    listener = Listener(feed, User("ada", Role.SUBMITTER), EventFilter(run_id=ours.id), 0)

    async def ended() -> bool:
        return True

    async with asyncio.timeout(PATIENCE):
        told = b"".join([frame async for frame in run_stream(feed, listener, ours.id, ended)])
    assert told.count(b"event: test.told") == 3 and other.id.encode() not in told
    reading.cancel()
