"""A service that has never answered is given up soon, with its address; one that has answered is waited for."""

from __future__ import annotations

import httpx
import pytest
from njangi_agent.proof import NONCE_HEADER, PROOF_HEADER, key_of, proof
from njangi_flows.engine.errors import NoServiceError
from njangi_flows.engine.flow_client import FlowService
from njangi_flows.engine.settings import FlowSettings

SETTINGS = FlowSettings("http://nowhere.example:8400", "token", "holder")
PROBLEM = {"Content-Type": "application/problem+json"}


def through(service: FlowService, *answers: int | str) -> FlowService:
    """Have the service answer with these statuses, "problem 503" for its own form, "" where nothing listens."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        said = left.pop(0) if len(left) > 1 else left[0]
        if said == "":
            raise httpx.ConnectError("connection refused")
        if isinstance(said, int):
            signed = proof(key_of(SETTINGS.token), request.headers[NONCE_HEADER], said)
            return httpx.Response(said, json={"heard": 3}, headers={PROOF_HEADER: signed} if said == 200 else {})
        return httpx.Response(503, headers=PROBLEM, content=b'{"type": "urn:njangi:storage-unavailable"}')

    service._http = httpx.AsyncClient(base_url=SETTINGS.url, transport=httpx.MockTransport(answer))
    return service


@pytest.mark.parametrize("said", ["", 502, 503], ids=["nothing listens", "bad gateway", "a proxy's own answer"])
async def test_a_service_that_never_answers_is_given_up_with_its_address(said: int | str) -> None:
    async with through(FlowService(SETTINGS, first_contact=0.0), said) as service:
        with pytest.raises(NoServiceError, match=r"http://nowhere.example:8400.*NJANGI_URL"):
            await service.wait_for_flow_runs(-1, 1)


@pytest.mark.parametrize("first", [200, "problem 503"], ids=["it answered", "MongoDB was away"])
async def test_a_service_that_has_answered_once_is_waited_for(first: int | str) -> None:
    async with through(FlowService(SETTINGS, first_contact=0.0), first, "", "", 502, 200) as service:
        for _ in range(2):
            assert await service.wait_for_flow_runs(-1, 1) == 3
