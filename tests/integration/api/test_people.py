"""Invitations, sessions, tokens and what ends them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from api.clock import utc_now
from storage.errors import TooManyTriesError
from storage.people.sign_ins import TRIES_A_NAME, WINDOW
from storage.people.tokens import TokenKind
from storage.people.users import Role, Scope
from storage.stores import Stores
from tests.conftest import NOON
from tests.integration.api.conftest import Client, until_true
from tests.integration.api.people import PASSWORD, SPEC, a_run, a_workflow, invited, person, signed_in, signs_in


async def test_an_invitation_lets_one_person_in_once(client: Client) -> None:
    code = await invited(client, "ada", "viewer")
    async with httpx.AsyncClient(base_url=client.url, timeout=60) as browser:
        short = await browser.post("/v1/invitations:accept", json={"code": code, "password": "short"})
        assert (short.status_code, short.json()["errors"][0]["pointer"]) == (422, "/password")
        other = await browser.post("/v1/invitations:accept", json={"code": code, "name": "eve", "password": PASSWORD})
        assert other.status_code == 422
        accepted = await browser.post("/v1/invitations:accept", json={"code": code, "password": PASSWORD})
        assert accepted.status_code == 201, accepted.text
        cookie = accepted.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=lax" in cookie and "secure" not in cookie
        me = (await browser.get("/v1/me")).json()
        assert (me["name"], me["role"]) == ("ada", "viewer")
        again = await browser.post("/v1/invitations:accept", json={"code": code, "password": PASSWORD})
        assert (again.status_code, again.json()["type"]) == (410, "urn:njangi:invitation-gone")
    async with client.http("admin") as admin:
        listed = (await admin.get("/v1/invitations")).json()["invitations"]
        assert [(item["name"], item["accepted_by"]) for item in listed] == [("ada", "ada")]
        assert code not in str(listed)
        taken = await invited(client, "ada")
        refused = await admin.post("/v1/invitations:accept", json={"code": taken, "password": PASSWORD})
        assert refused.status_code == 409
        for item in (await admin.get("/v1/invitations")).json()["invitations"]:
            withdrawn = await admin.delete(f"/v1/invitations/{item['id']}")
            assert withdrawn.status_code == (204 if item["accepted_by"] is None else 404)
        gone = await admin.post("/v1/invitations:accept", json={"code": taken, "name": "ada", "password": PASSWORD})
        assert gone.status_code == 410


async def test_an_invitation_expires(stores: Stores) -> None:
    invitations = stores.invitations
    made, code = await invitations.add(None, Role.VIEWER, by="admin", expires_at=NOON + timedelta(days=3), now=NOON)
    assert (await invitations.open(code, now=NOON + timedelta(days=2))).id == made.id
    with pytest.raises(Exception, match="no longer valid"):
        await invitations.accept(code, "ada", "hash", now=NOON + timedelta(days=3))


async def test_a_session_writes_only_with_its_csrf_token(client: Client) -> None:
    async with signed_in(client, "ada") as browser:
        right = browser.headers.pop("Njangi-CSRF")
        assert (await browser.get("/v1/workflows")).status_code == 200
        for wrong in (None, "", "guess", "é"):
            headers = {"Njangi-CSRF": wrong.encode()} if wrong is not None else {}
            refused = await browser.post("/v1/workflows", json={"spec": SPEC}, headers=headers)
            assert (refused.status_code, "Njangi-CSRF" in refused.json()["detail"]) == (403, True)
        assert (await browser.get("/v1/workflows")).json()["workflows"] == []
        assert (await browser.get("/v1/me")).json()["csrf_token"] == right
        keyed = {"Njangi-CSRF": right, "Idempotency-Key": "once"}
        made = [await browser.post("/v1/workflows", json={"spec": SPEC}, headers=keyed) for _ in range(2)]
        assert [item.status_code for item in made] == [201, 201]
        assert made[1].headers["Idempotency-Replayed"] == "true"

        kept = dict(browser.cookies)
        assert (await browser.delete("/v1/session", headers={"Njangi-CSRF": right})).status_code == 204
        assert not browser.cookies
        browser.cookies.update(kept)
        assert (await browser.get("/v1/me")).status_code == 401


async def test_a_wrong_password_and_a_name_nobody_has_are_refused_alike_and_not_for_ever(client: Client) -> None:
    async with signed_in(client, "ada"):
        pass
    wrong, unknown = await signs_in(client, "ada", "wrong password"), await signs_in(client, "nobody", "wrong password")
    told = [{**answer.json(), "request_id": None} for answer in (wrong, unknown)]
    assert told[0] == told[1] and wrong.status_code == unknown.status_code == 401
    assert (await signs_in(client, "ada")).status_code == 200
    for _ in range(TRIES_A_NAME):
        await client.services.stores.sign_ins.attempt("ada", "elsewhere", now=utc_now())
    refused = await signs_in(client, "ada")
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:njangi:too-many-tries")
    assert 0 < int(refused.headers["Retry-After"]) <= WINDOW.total_seconds()
    assert (await signs_in(client, "nobody", "wrong password")).status_code == 401, "others are not held up"


async def test_tries_are_counted_within_a_window(stores: Stores) -> None:
    sign_ins = stores.sign_ins
    for _ in range(TRIES_A_NAME):
        await sign_ins.attempt("ada", "10.0.0.1", now=NOON)
    with pytest.raises(TooManyTriesError) as refused:
        await sign_ins.attempt("ada", "10.0.0.1", now=NOON + timedelta(minutes=1))
    assert refused.value.seconds == 240
    await sign_ins.attempt("ada", "10.0.0.1", now=NOON + WINDOW)
    await sign_ins.succeeded("ada")
    for at in range(100 - TRIES_A_NAME - 1):
        await sign_ins.attempt(f"name {at}", "10.0.0.1", now=NOON + WINDOW)
    for at in range(TRIES_A_NAME):
        await sign_ins.attempt(f"other {at}", "10.0.0.1", now=NOON + WINDOW)
    with pytest.raises(TooManyTriesError):
        await sign_ins.attempt("yet another", "10.0.0.1", now=NOON + WINDOW)
    await sign_ins.attempt("yet another", "10.0.0.2", now=NOON + WINDOW)


async def test_a_token_is_shown_once_opens_its_scopes_and_is_revoked_at_once(client: Client, replica: Client) -> None:
    async with signed_in(client, "ada") as browser:
        beyond = await browser.post("/v1/tokens", json={"name": "ci", "scopes": ["read", "admin"]})
        assert beyond.status_code == 403
        made = await browser.post("/v1/tokens", json={"name": "ci", "scopes": ["read"], "expires_in": "30d"})
        assert made.status_code == 201, made.text
        token = made.json()
        listed = (await browser.get("/v1/tokens")).json()["tokens"]
        assert [(item["name"], item["scopes"], item["last_used_at"]) for item in listed] == [("ci", ["read"], None)]
        assert "token" not in listed[0]
        async with client.bearer(token["token"]) as reader, replica.bearer(token["token"]) as other:
            assert (await reader.get("/v1/runs")).status_code == 200
            assert (await other.get("/v1/runs")).status_code == 200
            assert (await reader.post("/v1/workflows", json={"spec": SPEC})).status_code == 403
            assert (await reader.post("/v1/tokens", json={"name": "more"})).status_code == 403
            assert (await browser.get("/v1/tokens")).json()["tokens"][0]["last_used_at"] is not None
            async with await person(client, "eve") as eve:
                assert (await eve.delete(f"/v1/tokens/{token['id']}")).status_code == 404
                assert (await eve.get("/v1/tokens", params={"user": "ada"})).status_code == 403
            assert (await browser.delete(f"/v1/tokens/{token['id']}")).status_code == 204
            assert (await reader.get("/v1/runs")).status_code == 401
            await until_true(lambda: _is_refused(other))
        document = await client.services.stores.database["tokens"].find_one({"user": "ada"})
        assert document is not None and "secret" not in document and len(document["hash"]) == 64


async def test_a_token_expires(stores: Stores) -> None:
    await stores.users.add_token("ada", Role.SUBMITTER, "a file's", now=NOON)
    until = NOON + timedelta(days=1)
    made, secret = await stores.tokens.add("ada", TokenKind.PERSONAL, "ci", [Scope.READ], expires_at=until, now=NOON)
    found = await stores.tokens.owner(secret, now=until - timedelta(seconds=1))
    assert found is not None and (found.name, found.scopes, found.token_id) == ("ada", {Scope.READ}, made.id)
    assert await stores.tokens.owner(secret, now=until) is None
    assert await stores.tokens.of("ada", now=until) == []


async def test_disabling_ends_sessions_and_tokens_at_once_on_every_replica(client: Client, replica: Client) -> None:
    async with signed_in(client, "ada") as browser, client.http("admin") as admin:
        token = (await browser.post("/v1/tokens", json={"name": "ci"})).json()["token"]
        async with client.bearer(token) as here, replica.bearer(token) as there:
            assert [(await http.get("/v1/me")).status_code for http in (browser, here, there)] == [200, 200, 200]
            disabled = await admin.post("/v1/users/ada:disable")
            assert disabled.status_code == 200 and disabled.json()["disabled_at"] is not None
            assert [(await http.get("/v1/me")).status_code for http in (browser, here)] == [401, 401]
            await until_true(lambda: _is_refused(there))
            assert (await signs_in(client, "ada")).status_code == 401
            assert (await admin.post("/v1/users/ada:enable")).json()["disabled_at"] is None
            assert (await here.get("/v1/me")).status_code == 401, "what was ended stays so"
            assert (await signs_in(client, "ada")).status_code == 200


async def test_disabling_ends_what_somebody_listens_to_on_every_replica(client: Client, replica: Client) -> None:
    async with signed_in(client, "ada") as browser, client.http("admin") as admin:
        run_id = await a_run(browser, await a_workflow(browser))
        token = (await browser.post("/v1/tokens", json={"name": "ci"})).json()["token"]

        async def read(http: httpx.AsyncClient, path: str, begun: asyncio.Event) -> None:
            async with http.stream("GET", path, headers={"Accept": "text/event-stream"}) as stream:
                assert stream.status_code == 200
                async for _ in stream.aiter_lines():
                    begun.set()

        async with client.bearer(token) as here, replica.bearer(token) as there:
            paths = ("/v1/events", f"/v1/runs/{run_id}/events")
            begun = [asyncio.Event() for _ in range(4)]
            calls = [(http, path) for http in (here, there) for path in paths]
            reading = [
                asyncio.create_task(read(http, path, event)) for (http, path), event in zip(calls, begun, strict=True)
            ]
            async with asyncio.timeout(20):
                for event in begun:
                    await event.wait()
                assert (await admin.post("/v1/users/ada:disable")).status_code == 200
                await asyncio.gather(*reading)


async def test_a_changed_role_counts_from_the_next_call_on(client: Client, replica: Client) -> None:
    async with signed_in(client, "ada") as browser, client.http("admin") as admin:
        assert (await browser.get("/v1/users")).status_code == 403
        changed = await admin.put("/v1/users/ada/role", json={"role": "admin"})
        assert (changed.status_code, changed.json()["role"]) == (200, "admin")
        assert [item["name"] for item in (await browser.get("/v1/users")).json()["users"]] == [
            "ada",
            "admin",
            "flow",
            "join",
        ]
        for call, body in (("POST", ":disable"), ("PUT", "/role")):
            own = await browser.request(call, f"/v1/users/ada{body}", json={"role": "viewer"})
            assert own.status_code == 409
        assert (await admin.put("/v1/users/ada/role", json={"role": "join"})).status_code == 422
        assert (await admin.put("/v1/users/flow/role", json={"role": "admin"})).status_code == 404
        assert (await admin.put("/v1/users/nobody/role", json={"role": "admin"})).status_code == 404


async def test_a_new_password_ends_the_other_sessions(client: Client) -> None:
    async with signed_in(client, "ada") as browser, httpx.AsyncClient(base_url=client.url, timeout=60) as other:
        assert (await other.post("/v1/session", json={"name": "ada", "password": PASSWORD})).status_code == 200
        wrong: Any = {"old": "not this one", "new": "another long one"}
        assert (await browser.post("/v1/me:password", json=wrong)).status_code == 403
        changed = await browser.post("/v1/me:password", json={**wrong, "old": PASSWORD})
        assert changed.status_code == 204, changed.text
        assert [(await http.get("/v1/me")).status_code for http in (browser, other)] == [200, 401]
        assert (await signs_in(client, "ada")).status_code == 401
        assert (await signs_in(client, "ada", "another long one")).status_code == 200


async def test_secrets_are_not_kept_for_repetitions(client: Client) -> None:
    async with client.http("admin") as admin:
        for call, body in (("tokens", {"name": "ci"}), ("invitations", {"role": "viewer"})):
            made = [
                (await admin.post(f"/v1/{call}", json=body, headers={"Idempotency-Key": "same"})).json()
                for _ in range(2)
            ]
            assert made[0]["id"] != made[1]["id"]
        assert await client.services.stores.database["idempotency"].count_documents({}) == 0


async def _is_refused(http: httpx.AsyncClient) -> bool:
    return (await http.get("/v1/me")).status_code == 401
