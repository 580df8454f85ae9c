"""Webhooks against a real receiver: signed, tried again, given up, and never a way into a private network."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from api.integrations.signed_posts import Poster, PostingError, signature
from api.integrations.webhooks import Courier, WebhookOutlet
from coordinator.decisions.deliveries import MOST_TRIES
from coordinator.leadership import Leadership
from storage.ledger import Transaction
from storage.people.users import Role
from storage.runs.models import NewRun
from storage.stores import Stores
from storage.webhooks.store import NewWebhook, WebhookStatus
from tests.conftest import NOON
from tests.integration.api.conftest import Client, until
from tests.receiver import Receiver, answering, receiving

PATIENCE = 60.0


@pytest_asyncio.fixture(loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest.fixture
def private(client: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A service whose operator allows webhooks within its own network."""
    settings = client.services.settings.model_copy(update={"webhooks_private": True})
    monkeypatch.setattr(client.services, "settings", settings)
    poster = client.services.event_readers._poster
    monkeypatch.setattr(poster, "_private", True)
    monkeypatch.setattr(poster._pool._network_backend, "_private", True)
    return client


async def create(http: httpx.AsyncClient, url: str, *types: str, **fields: Any) -> dict[str, Any]:
    answer = await http.post("/v1/webhooks", json={"url": url, "types": list(types), **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def tell(stores: Stores, run_id: str | None, type_: str, **data: Any) -> None:
    async def write(tx: Transaction) -> None:
        tx.emit(type_, NOON, run_id=run_id, **data)

    await stores.ledger.write(write)


async def test_an_event_arrives_signed_and_the_log_tells_it(private: Client, receiver: Receiver) -> None:
    async with private.http("admin") as http:
        made = await create(http, receiver.url, "run.*")
        flow, run_id = await private.flow()
        await flow.aclose()
        await until(lambda: len(receiver.received) >= 2, PATIENCE)  # in no order: deliveries may overtake each other
        [first] = [item for item in receiver.received if item.message["type"] == "run.submitted"]
        assert first.message["data"]["run_id"] == run_id
        assert first.headers[":request"].startswith("POST /hook?from=njangi ")
        at = datetime.fromtimestamp(int(first.headers["webhook-timestamp"]), UTC)
        assert first.headers["webhook-signature"] == signature(made["secret"], first.id, at, first.body)
        listed = (await http.get(f"/v1/webhooks/{made['id']}/deliveries", params={"state": "DELIVERED"})).json()
        [entry] = [item for item in listed["deliveries"] if item["id"] == first.id]
        assert (entry["tried"], entry["tries"][0]["status"], entry["body"]) == (1, 204, first.message)
        shown = (await http.get(f"/v1/webhooks/{made['id']}")).json()
        assert "secret" not in shown and shown["status"] == "ACTIVE"
        test = (await http.post(f"/v1/webhooks/{made['id']}:test")).json()
        await until(lambda: receiver.received[-1].id == test["delivery"], PATIENCE)
        again = await http.post(f"/v1/webhooks/{made['id']}:redeliver", json={"delivery": first.id})
        assert again.status_code == 202
        await until(lambda: [item.id for item in receiver.received].count(first.id) == 2, PATIENCE)
        unknown = await http.post(f"/v1/webhooks/{made['id']}:redeliver", json={"delivery": "none"})
        assert unknown.status_code == 404


async def test_a_webhook_is_its_owners_and_tells_what_its_owner_may_read(private: Client, receiver: Receiver) -> None:
    stores = private.services.stores
    await stores.users.add_token("ada", Role.SUBMITTER, "token-of-ada", now=NOON)
    await stores.users.add_token("ben", Role.SUBMITTER, "token-of-ben", now=NOON)
    async with private.bearer("token-of-ada") as ada, private.bearer("token-of-ben") as ben:
        made = await create(ada, receiver.url, "run.submitted")
        assert (await ben.get(f"/v1/webhooks/{made['id']}")).status_code == 404
        assert (await ben.delete(f"/v1/webhooks/{made['id']}")).status_code == 404
        assert (await ben.get("/v1/webhooks")).json() == {"webhooks": []}
        for owner in ("ben", "ada"):
            await stores.runs.add(NewRun("w1", "f", 1, owner, 50, {}, {}, {}), [], now=NOON)
        await until(lambda: bool(receiver.received), PATIENCE)
        assert [item.message["data"]["owner"] for item in receiver.received] == ["ada"]
        assert (await ada.delete(f"/v1/webhooks/{made['id']}")).status_code == 204
        assert (await ada.get("/v1/webhooks")).json() == {"webhooks": []}


async def test_a_webhook_made_without_the_rights_of_an_admin_is_told_as_to_anybody(stores: Stores) -> None:
    await stores.users.add_token("ada", Role.ADMIN, "t", now=NOON)
    made = [
        await stores.webhooks.add(
            NewWebhook("https://example.com/", ["run.*"], None, None, ""),
            owner="ada",
            everything=everything,
            id_=None,
            now=NOON,
        )
        for everything in (True, False)
    ]
    for owner in ("ada", "ben"):
        await stores.runs.add(NewRun("w1", "f", 1, owner, 50, {}, {}, {}), [], now=NOON)
    await WebhookOutlet(stores, lambda: None, lambda: NOON).take(await stores.ledger.events())
    waiting = [len(await stores.deliveries.page(webhook.id, state=None, limit=9)) for webhook, _ in made]
    assert waiting == [2, 1]


async def test_private_addresses_are_refused_unless_the_operator_allows_them(client: Client) -> None:
    async with client.http("admin") as http:
        for url in ("http://127.0.0.1:1/", "http://localhost/", "http://10.0.0.1/", "gopher://example.com/"):
            refused = await http.post("/v1/webhooks", json={"url": url, "types": ["run.*"]})
            assert refused.status_code == 422 and "NJANGI_WEBHOOKS_PRIVATE" in refused.json()["detail"]
        wrong = await http.post("/v1/webhooks", json={"url": "https://example.com/", "types": ["RUN"]})
        assert wrong.status_code == 422 and "run.completed" in wrong.json()["detail"]


async def test_a_name_that_leads_to_a_private_address_is_refused_when_it_is_connected_to(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def found(*_: Any, **__: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", receiver.port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", found)
    poster = Poster(private=False)
    with pytest.raises(PostingError, match="public"):
        await poster.post(f"http://rebound.example:{receiver.port}/", "whsec_AAAA", "m1", "{}", now=NOON)
    await poster.close()
    assert not receiver.received


async def test_a_redirection_is_not_followed_and_a_flood_not_read(receiver: Receiver) -> None:
    poster = Poster(private=True)
    receiver.answer = answering(302, f"Location: {receiver.url}/elsewhere")
    assert await poster.post(receiver.url, "whsec_AAAA", "m1", "{}", now=NOON) == 302
    assert len(receiver.received) == 1
    receiver.answer = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 1000
    assert await poster.post(receiver.url, "whsec_AAAA", "m2", "{}", now=NOON) == 200
    receiver.answer = lambda _: b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 1_000_000
    with pytest.raises(PostingError):
        await poster.post(receiver.url, "whsec_AAAA", "m3", "{}", now=NOON)
    await poster.close()


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


async def test_a_receiver_that_never_accepts_is_tried_ever_more_seldom_then_disabled_and_that_is_told(
    stores: Stores, receiver: Receiver
) -> None:
    receiver.answer, clock = answering(500), Clock()
    await stores.users.add_token("ada", Role.ADMIN, "t", now=NOON)
    webhook, secret = await stores.webhooks.add(
        NewWebhook(receiver.url, ["test.*"], None, None, ""), owner="ada", everything=True, id_=None, now=NOON
    )
    await tell(stores, None, "test.told")
    await WebhookOutlet(stores, lambda: None, clock).take(await stores.ledger.events())
    poster = Poster(private=True)
    courier = Courier(stores, poster, Leadership(stores.leaders, "publishing", "here"), clock)
    tried = []
    while deliveries := await stores.deliveries.claim(busy=[], limit=9, now=clock.now):
        await courier.deliver(deliveries[0], webhook.url, secret)
        tried.append(clock.now)
        [delivery] = await stores.deliveries.page(webhook.id, state=None, limit=9)
        if delivery.due_at is not None:
            assert not await stores.deliveries.claim(busy=[], limit=9, now=delivery.due_at - timedelta(seconds=1))
            clock.now = delivery.due_at
    await poster.close()
    assert len(tried) == MOST_TRIES == len(receiver.received) and len({item.id for item in receiver.received}) == 1
    assert (delivery.state, delivery.tried, {item.status for item in delivery.tries}) == ("FAILED", MOST_TRIES, {500})
    disabled = await stores.webhooks.get(webhook.id)
    assert disabled.status is WebhookStatus.DISABLED and "nothing was accepted" in (disabled.reason or "")
    [told] = [event for event in await stores.ledger.events() if event.type == "webhook.disabled"]
    assert (told.data["webhook"], told.data["owner"], told.data["reason"]) == (webhook.id, "ada", disabled.reason)


async def test_a_delivery_that_nobody_finished_is_made_by_another_replica(stores: Stores) -> None:
    webhook, _ = await stores.webhooks.add(
        NewWebhook("https://example.com/", ["*"], None, None, ""), owner="ada", everything=True, id_=None, now=NOON
    )
    await stores.users.add_token("ada", Role.ADMIN, "t", now=NOON)
    await tell(stores, None, "test.told")
    outlet = WebhookOutlet(stores, lambda: None, lambda: NOON)
    events = [event for event in await stores.ledger.events() if event.type == "test.told"]
    await outlet.take(events)
    await outlet.take(events)  # as after a kill before the cursor moved
    [claimed] = await stores.deliveries.claim(busy=[], limit=9, now=NOON)
    assert claimed.id == f"msg_{webhook.id}_{events[0].seq}"
    assert not await stores.deliveries.claim(busy=[], limit=9, now=NOON + timedelta(seconds=59))
    [again] = await stores.deliveries.claim(busy=[], limit=9, now=NOON + timedelta(seconds=61))
    assert again.id == claimed.id
