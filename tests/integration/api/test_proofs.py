"""Each answer to an agent, a flow or a submitter proves that it is the service's; what others know proves nothing."""

from __future__ import annotations

import hashlib
from contextlib import aclosing

import httpx
from njangi_agent.proof import NONCE_HEADER, PROOF_HEADER, STORED_HEADER, UNKNOWN_SECRET, key_of, proof

from tests.integration.api.conftest import Client

NONCE = "0123456789abcdef"
SYNC, BLOBS, UPLOADS = "/v1/agent/sync", "/v1/agent/blobs", "/v1/agent/uploads"
CONTENT = b"x" * 100
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def proven(caller: httpx.AsyncClient, answer: httpx.Response) -> bool:
    """Whether the answer carries the proof for NONCE; fails if it carries another one."""
    if answer.headers[PROOF_HEADER] == UNKNOWN_SECRET:
        return False
    key = key_of(caller.headers["Authorization"].removeprefix("Bearer "))
    assert answer.headers[PROOF_HEADER] == proof(key, NONCE, answer.status_code, answer.headers.get(STORED_HEADER, ""))
    return True


async def test_answers_and_refusals_are_proven_to_who_has_a_secret(client: Client) -> None:
    async with await client.enrol() as agent:
        agent.headers[NONCE_HEADER] = NONCE
        tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "10"}
        for status, call in (
            (200, agent.post(SYNC, json={"slots": 1})),
            (422, agent.post(SYNC, json={"slots": -1})),
            (413, agent.post(SYNC, content=b"x" * (1024 * 1024 + 1))),
            (404, agent.get(f"{BLOBS}/{SHA256}")),
            (201, agent.put(f"{BLOBS}/{SHA256}", content=CONTENT)),
            (200, agent.put(f"{BLOBS}/{SHA256}", content=CONTENT)),
            (200, agent.get(f"{BLOBS}/{SHA256}")),
            (416, agent.get(f"{BLOBS}/{SHA256}", headers={"Range": "bytes=100-"})),
            (422, agent.put(f"{BLOBS}/{'0' * 64}", content=CONTENT)),
            (201, agent.post(UPLOADS, headers=tus)),
            (404, agent.get("/v1/agent/nothing")),
            (415, agent.post(SYNC, content=b"", headers={"Content-Encoding": "gzip"})),
        ):
            answer = await call
            assert answer.status_code == status, answer.text
            assert proven(agent, answer), (status, answer.headers)
        stored = await agent.put(f"{BLOBS}/{SHA256}", content=CONTENT)
        assert stored.headers[STORED_HEADER] == SHA256


async def test_a_retired_volunteer_is_told_so_by_the_service_itself(client: Client) -> None:
    async with await client.enrol() as agent, client.http("admin") as admin:
        agent.headers[NONCE_HEADER] = NONCE
        volunteer_id = agent.headers["Authorization"].removeprefix("Bearer ").partition(".")[0]
        assert (await admin.post(f"/v1/volunteers/{volunteer_id}:retire", json={})).is_success
        answer = await agent.post(SYNC, json={"slots": 1})
        assert answer.status_code == 401
        assert proven(agent, answer)


async def test_a_join_token_and_a_flow_token_are_proven_to(client: Client) -> None:
    flow, run_id = await client.flow()
    async with client.http("join") as join, aclosing(flow):
        for caller, path, status in ((join, "/v1/agent/enrol", 422), (flow, f"/v1/flow/runs/{run_id}:release", 422)):
            caller.headers[NONCE_HEADER] = NONCE
            answer = await caller.post(path, json={"error": 1})
            assert answer.status_code == status
            assert proven(caller, answer)


async def test_submitters_are_proven_to_refusals_and_pages_without_a_right_included(client: Client) -> None:
    async with client.http("admin") as admin:
        admin.headers[NONCE_HEADER] = NONCE
        for status, call in (
            (200, admin.get("/v1/runs")),
            (404, admin.get("/v1/runs/none")),
            (422, admin.post("/v1/workflows", json={})),
            (201, admin.put(f"/v1/blobs/{SHA256}", content=CONTENT)),
            (200, admin.head(f"/v1/blobs/{SHA256}")),
            (401, admin.post("/v1/session", json={"name": "nobody", "password": "wrong"})),
        ):
            answer = await call
            assert (answer.status_code, proven(admin, answer)) == (status, True), answer.text


async def test_a_service_proves_nothing_to_a_secret_that_it_does_not_know(client: Client) -> None:
    async with await client.enrol() as agent:
        known = agent.headers["Authorization"]
    for secret in ("nonsense", known.removeprefix("Bearer ") + "x", "v0.x"):
        async with client.bearer(secret) as stranger:
            stranger.headers[NONCE_HEADER] = NONCE
            answer = await stranger.post(SYNC, json={"slots": 1})
            assert answer.status_code == 401
            assert not proven(stranger, answer)


async def test_agents_that_ask_for_no_proof_get_none(client: Client) -> None:
    async with await client.enrol() as agent:
        assert PROOF_HEADER not in (await agent.post(SYNC, json={"slots": 1})).headers
        for nonce in ("", "0" * 65):
            answer = await agent.post(SYNC, json={"slots": 1}, headers={NONCE_HEADER: nonce})
            assert PROOF_HEADER not in answer.headers
