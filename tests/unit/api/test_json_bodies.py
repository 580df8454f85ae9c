"""JSON that could not be kept, or read by others, is refused, and told where it is."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from njangi_agent.dialect import CARRIED_DEPTH, MESSAGE_DEPTH

from api.http.errors import handle_errors
from api.http.json_bodies import check_json


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.fixture
def service() -> httpx.AsyncClient:
    """A service that returns each body as it is."""
    app = FastAPI(dependencies=[Depends(check_json)])
    handle_errors(app)

    for path in ("/v1/any", "/v1/flow/any"):
        app.add_api_route(path, _takes_any, methods=["POST"])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service")


async def _takes_any(body: dict[str, Any]) -> dict[str, Any]:
    return body


@pytest.mark.parametrize(
    "body",
    [
        {"a": [None, True, 2**1279 - 1, -(2**63) - 1, 1.5, "text \u00e9 \U0001f642", {"b": "c"}]},
        {"parameters": {"x": nested(CARRIED_DEPTH)}},
        {"parameters": {"a\0b": "c\0"}},
        {"payload": "c\0"},
    ],
    ids=["plain", "depth", "NUL in a parameter", "NUL in a payload"],
)
async def test_what_can_be_kept_passes(service: httpx.AsyncClient, body: Any) -> None:
    answer = await service.post("/v1/any", json=body)
    assert answer.json() == body


async def test_bodies_of_flows_carry_values_everywhere(service: httpx.AsyncClient) -> None:
    body = {"batches": [{"parameters": {"x": "a\0b"}}]}
    assert (await service.post("/v1/flow/any", json=body)).json() == body


@pytest.mark.parametrize(
    ("text", "pointer", "word"),
    [
        pytest.param('{"a": Infinity}', "/a", "finite", id="infinity"),
        pytest.param('{"a": [1, {"b": "x\\u0000y"}]}', "/a/1/b", "NUL", id="NUL in a value"),
        pytest.param('{"a": {"\\u0000": 1}}', "/a", "NUL", id="NUL in a key"),
        pytest.param('{"a": ["\\udc00"]}', "/a/0", "surrogate", id="half a surrogate pair"),
        pytest.param('{"a": [{"b": 1, "c": 2, "b": 1}]}', "/a/0/b", "twice", id="a key twice"),
        pytest.param('{{"a": [-{}, {}]}}'.format("9" * 4300, "9" * 4301), "/a/1", "4300 digits", id="digits"),
        pytest.param('{"a": %s}' % ("[" * 100_000), "", "nested", id="nesting without end"),
    ],
)
async def test_a_fault_is_found_where_it_is(service: httpx.AsyncClient, text: str, pointer: str, word: str) -> None:
    answer = await service.post("/v1/any", content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert word in error["detail"]


@pytest.mark.parametrize("levels", [MESSAGE_DEPTH + 1, 300])
async def test_nesting_is_bounded(service: httpx.AsyncClient, levels: int) -> None:
    answer = await service.post("/v1/any", json={"a": nested(levels)})
    assert answer.status_code == 422
    assert "nested" in answer.text
