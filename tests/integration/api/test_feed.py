"""Events of all runs: who hears which, resumed without a gap, and what becomes of those who do not read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import httpx
import psutil
import pytest
import websockets

from api.access.event_access import EventFilter
from api.live import feed as feeds
from api.live.feed import EmittedEvent, Feed, Listener, Resync
from storage.ledger import Transaction
from storage.people.users import Role, User
from storage.runs.models import NewRun
from storage.stores import Stores
from tests.conftest import NOON
from tests.integration.api.conftest import Client, until

PATIENCE = 60.0
ADMIN = User("root", Role.ADMIN)


async def told(http: httpx.AsyncClient, after: int | None = None, **query: Any) -> AsyncIterator[dict[str, Any]]:
    """Yield the events of a stream; the first, empty one says that it is open and has its place in the log."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(after)} if after is not None else {})
    async with http.stream("GET", "/v1/events", headers=headers, params=query) as stream:
        assert stream.status_code == 200, await stream.aread()
        placed = False
        async for line in stream.aiter_lines():
            if not placed and line.startswith("retry: " if after is not None else "id: "):
                placed = True
                yield {}
            if line.startswith("data: "):
                yield json.loads(line[6:])


async def listening(client: Client, count: int) -> None:
    await until(lambda: client.services.feed.listeners == count and not client.services.feed._news.is_set(), PATIENCE)


async def a_run(stores: Stores, owner: str, *readers: str, workflow: str = "w1") -> str:
    run = await stores.runs.add(NewRun(workflow, "f", 1, owner, 50, {}, {}, {}, readers=readers), [], now=NOON)
    return run.id


async def tell(stores: Stores, run_id: str | None, type_: str = "test.told", *, times: int = 1, **data: Any) -> None:
    async def write(tx: Transaction) -> None:
        for number in range(times):
            tx.emit(type_, NOON, run_id=run_id, number=number, **data)

    await stores.ledger.write(write)


async def user(client: Client, name: str, role: Role) -> httpx.AsyncClient:
    await client.services.stores.users.add_token(name, role, f"token-of-{name}", now=NOON)
    return client.bearer(f"token-of-{name}")


async def test_everybody_hears_what_they_may_read_and_no_more(client: Client) -> None:
    stores = client.services.stores
    async with await user(client, "ada", Role.SUBMITTER) as ada, await user(client, "ben", Role.VIEWER) as ben:
        await a_run(stores, "ada")
        await a_run(stores, "eve")
        await a_run(stores, "eve", "ada", "ben")
        await a_run(stores, "eve", "*")
        async with client.http("admin") as admin, await client.enrol():
            seen = {
                name: (await http.get("/v1/events")).json()["events"]
                for name, http in (("ada", ada), ("ben", ben), ("admin", admin))
            }
    runs = {
        name: [event["owner"] for event in events if event["type"] == "run.submitted"] for name, events in seen.items()
    }
    assert runs == {"ada": ["ada", "eve", "eve"], "ben": ["eve", "eve"], "admin": ["ada", "eve", "eve", "eve"]}
    assert all("volunteer.enrolled" in {event["type"] for event in events} for events in seen.values())


async def test_filters_name_types_run_workflow_and_owner(client: Client) -> None:
    stores = client.services.stores
    first, second = await a_run(stores, "ada", workflow="w1"), await a_run(stores, "ben", workflow="w2")
    await tell(stores, first, "task.completed", task="t")
    await tell(stores, second, "task.failed", task="t")
    await tell(stores, second, "run.failed")

    async def types(http: httpx.AsyncClient, **query: Any) -> list[str]:
        answer = (await http.get("/v1/events", params=query)).json()
        return [event["type"] for event in answer["events"]]

    async with client.http("admin") as http:
        assert await types(http, types="run.*") == ["run.submitted", "run.submitted", "run.failed"]
        assert await types(http, types=["run.failed", "task.completed"]) == ["task.completed", "run.failed"]
        assert await types(http, types="run.failed,task.completed", owner="ben") == ["run.failed"]
        assert await types(http, run_id=first) == ["run.submitted", "task.completed"]
        assert await types(http, workflow_id="w2", types="task.*") == ["task.failed"]
        wrong = await http.get("/v1/events", params={"types": "run*"})
        assert (wrong.status_code, "run.*" in wrong.json()["detail"]) == (422, True)
        one = (await http.get("/v1/events", params={"limit": 1})).json()
        two = (await http.get("/v1/events", params={"limit": 1, "after": one["next"]})).json()
        assert [one["events"][0]["run_id"], two["events"][0]["run_id"]] == [first, second]


async def test_a_follower_of_everything_resumes_from_any_number_on_any_replica(client: Client) -> None:
    own, other = client.services.stores, Stores(client.services.stores.database)
    run_id = await a_run(own, "ada")
    async with client.http("admin") as http, asyncio.timeout(PATIENCE):
        async with aclosing(told(http)) as events:
            assert await anext(events) == {}
            await listening(client, 1)
            await tell(other, run_id, times=3)
            seen = [await anext(events) for _ in range(3)]
        await until(lambda: client.services.feed.listeners == 0, PATIENCE)
        await tell(other, run_id, times=feeds.KEPT + 10)
        everything = [event["seq"] async for event in _pages(http)]
        async with aclosing(told(http, after=seen[-1]["seq"])) as events:
            await anext(events)
            wanted = [seq for seq in everything if seq > seen[-1]["seq"]]
            assert [(await anext(events))["seq"] for _ in wanted] == wanted, "also what is no longer in memory"
            await tell(own, None, "test.none")
            assert (await anext(events))["type"] == "test.none"


async def test_a_stream_says_at_once_after_which_event_it_begins(client: Client) -> None:
    stores = client.services.stores
    run_id = await a_run(stores, "ada")
    await tell(stores, run_id, times=3)
    last = await stores.ledger.last_seq()
    async with client.http("admin") as http, asyncio.timeout(PATIENCE):
        assert (await http.get("/v1/me")).json()["last_event"] == last
        async with http.stream("GET", "/v1/events", headers={"Accept": "text/event-stream"}) as stream:
            ids = (line async for line in stream.aiter_lines() if line.startswith("id: "))
            assert await anext(ids) == f"id: {last}", "before anything has happened"
            await tell(stores, run_id)
            assert await anext(ids) == f"id: {last + 1}"


async def _pages(http: httpx.AsyncClient) -> AsyncIterator[dict[str, Any]]:
    after = 0
    while True:
        answer = (await http.get("/v1/events", params={"after": after})).json()
        for event in answer["events"]:
            yield event
        if answer["next"] == after:
            return
        after = answer["next"]


async def test_a_listener_that_fell_behind_is_told_to_resync_and_goes_on(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "KEPT", 100)
    run_id = await a_run(stores, "ada")
    feed = Feed(stores.ledger, stores.audiences)
    feed.listeners = 1
    reading = asyncio.create_task(feed.run())
    try:
        async with asyncio.timeout(PATIENCE):
            listener = Listener(feed, ADMIN, EventFilter(), None)
            assert list(await listener.take()) == []
            last = feed.last
            await tell(stores, run_id, times=250)
            feed.told()
            await until(lambda: feed.last == last + 250, PATIENCE)
            assert list(await listener.take()) == [Resync(last, last + 250)]
            await tell(stores, run_id)
            feed.told()
            await until(lambda: feed.last == last + 251, PATIENCE)
            [event] = await listener.take()
            assert isinstance(event, EmittedEvent) and event.seq == last + 251
            assert len(feed._newest) <= 100
    finally:
        reading.cancel()


async def test_readers_that_do_not_read_cost_no_memory_and_hear_that_they_missed_something(client: Client) -> None:
    stores = client.services.stores
    run_id = await a_run(stores, "ada")
    host, _, port = client.url.removeprefix("http://").partition(":")
    token = (client.home / "tokens" / "admin").read_text().strip()
    ask = f"GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer {token}\r\n\r\n"
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as closing:
        connections = [closing.enter_context(socket.socket()) for _ in range(20)]
        for connection in connections:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.setblocking(False)
            await loop.sock_connect(connection, (host, int(port)))
            await loop.sock_sendall(connection, ask.encode())
        await listening(client, len(connections))

        async def storm(rounds: int) -> float:
            """Tell half a megabyte a round; return how much memory that has cost, in megabytes."""
            before = psutil.Process().memory_info().rss
            for _ in range(rounds):
                await tell(stores, run_id, times=50, text="x" * 10_000)
            seq = await stores.ledger.last_seq()
            await until(lambda: client.services.feed.last == seq, PATIENCE)
            return (psutil.Process().memory_info().rss - before) / 2**20

        await storm(40)  # until what is kept and every socket is full; then a queue for each would take 400 MB more
        assert (grown := await storm(40)) < 100, f"{grown:.0f} MB for 20 MB of events and {len(connections)} readers"
        assert client.services.feed._bytes <= feeds.KEPT_BYTES
        received = b""
        async with asyncio.timeout(PATIENCE):
            while b"event: resync" not in received or not received.endswith(b"\r\n"):
                received = received[-200_000:] + await loop.sock_recv(connections[0], 65536)
    data = json.loads(received.partition(b"event: resync\ndata: ")[2].partition(b"\n")[0])
    assert data["after"] < data["seq"] <= await stores.ledger.last_seq()


async def test_a_socket_tells_each_subscription_until_it_is_ended(client: Client) -> None:
    stores = client.services.stores
    run_id = await a_run(stores, "ada")
    token = (client.home / "tokens" / "admin").read_text().strip()
    url = client.url.replace("http", "ws") + "/v1/ws"
    async with asyncio.timeout(PATIENCE), websockets.connect(url, origin=websockets.Origin(client.url)) as ws:
        await ws.send(json.dumps({"op": "auth", "token": token}))
        await ws.send(json.dumps({"op": "subscribe", "id": "old", "types": ["run.*"], "after": 0}))
        assert json.loads(await ws.recv()) == {"op": "subscribed", "id": "old", "after": 0}
        assert json.loads(await ws.recv())["event"]["type"] == "run.submitted"
        await ws.send(json.dumps({"op": "subscribe", "id": "new", "types": ["test.*"], "run_id": run_id}))
        answer = json.loads(await ws.recv())
        assert (answer["op"], answer["after"]) == ("subscribed", await stores.ledger.last_seq())
        await tell(stores, run_id, "test.told")
        heard = json.loads(await ws.recv())
        assert (heard["op"], heard["id"], heard["event"]["type"]) == ("event", "new", "test.told")
        await ws.send(json.dumps({"op": "unsubscribe", "id": "new"}))
        await ws.send(json.dumps({"op": "subscribe", "id": "odd", "types": ["no way"]}))
        assert json.loads(await ws.recv())["op"] == "error"
        for odd in (b"\xff\x00", b"", f'{{"op": "subscribe", "id": "odd", "after": {2**63}}}', "[" * 30_000):
            await ws.send(odd)
            assert json.loads(await ws.recv())["op"] == "error"
        await tell(stores, run_id, "test.told")
        await tell(stores, run_id, "run.failed")
        assert json.loads(await ws.recv())["event"]["type"] == "run.failed", "the ended subscription tells nothing"
    await until(lambda: client.services.feed.listeners == 0, PATIENCE)


@pytest.mark.parametrize("way", ["properly", "at once", "in the middle of what it is told"])
async def test_a_socket_that_its_client_closes_leaves_no_traceback(
    client: Client, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    stores = client.services.stores
    token = (client.home / "tokens" / "admin").read_text().strip()
    url = client.url.replace("http", "ws") + "/v1/ws"
    async with asyncio.timeout(PATIENCE):
        ws = await websockets.connect(url, additional_headers={"Authorization": f"Bearer {token}"})
        await ws.send(json.dumps({"op": "subscribe", "id": "all", "after": 0}))
        assert json.loads(await ws.recv())["op"] == "subscribed"
        await listening(client, 1)
        if way == "in the middle of what it is told":
            await tell(stores, None, times=500)
        if way == "properly":
            await ws.close()
        else:
            ws.transport.abort()
        await tell(stores, None, times=500)
        await until(lambda: client.services.feed.listeners == 0, PATIENCE)
    await client.http("admin").aclose()
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_socket_opens_to_no_other_page_and_to_no_stranger(client: Client) -> None:
    url = client.url.replace("http", "ws") + "/v1/ws"
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(url, origin=websockets.Origin("https://elsewhere.example"))
    assert refused.value.response.status_code == 403
    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(url, additional_headers={"Authorization": "Bearer wrong"})
    join = (client.home / "tokens" / "join").read_text().strip()
    async with asyncio.timeout(PATIENCE), websockets.connect(url) as ws:
        await ws.send(json.dumps({"op": "auth", "token": join}))
        with pytest.raises(websockets.ConnectionClosed):
            await ws.recv()
        assert ws.close_code == 4401
