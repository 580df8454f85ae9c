"""Every call that docs/openapi.json has for submitters and admins is in the typed client, with all its parameters."""

from __future__ import annotations

import enum
import hashlib
import inspect
import json
import typing
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import UnionType
from typing import Any

import httpx
import jsonschema
import pytest
from njangi_flows.client import Njangi, models
from njangi_flows.client.transport import Transport, filled
from pydantic import BaseModel

from tests.unit.flows.test_client_contract import DOCUMENT, fields, operation_of, sample, sent

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOT_OF_SUBMITTERS = ("flow", "agent")
FREE = ("/spec/", "/files/", "/parameters/", "/document/", "/payload/")
"""Fields that hold whatever JSON there is."""
GIVEN: dict[str, Any] = {
    "since": NOW,
    "spec": {"name": "squares", "tasks": [{"name": "greet", "command": "echo hello"}]},
    "url": "https://example.org/hook",
    "size": 2 * 1024 * 1024,
    "scale": 0.5,
    "sha256": hashlib.sha256(b"").hexdigest(),
    "error_group": "0" * 12,
    "password": "long enough",
    "new": "long enough",
}
EXCLUSIVE = {"interval"}
"""Fields that do not go with others: a schedule has a cron or an interval."""


def schemas() -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["components"]["schemas"]
    return found


def for_submitters() -> dict[str, dict[str, Any]]:
    """Return the calls of submitters and admins by name."""
    return {
        operation["operationId"]: operation
        for operations in DOCUMENT["paths"].values()
        for operation in operations.values()
        if not operation["operationId"].startswith(NOT_OF_SUBMITTERS)
    }


class Service:
    """Stands for the service: checks each request against the document, answers what that says."""

    def __init__(self) -> None:
        self.parameters: dict[str, set[str]] = {}
        self.fields: dict[str, set[str]] = {}
        self.answered: str | None = None  # the schema of the last answer

    async def answer(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        operation = operation_of(request.method, request.url.path)
        assert operation is not None, f"{request.method} {request.url.path} is no call of the document"
        name = operation["operationId"]
        known = {item["name"] for item in operation.get("parameters", ()) if item["in"] == "query"}
        needed = {
            item["name"].lower()
            for item in operation.get("parameters", ())
            if item["in"] == "header" and item.get("required")
        }
        assert set(request.url.params) <= known, name
        assert needed <= set(request.headers), name
        assert request.method not in ("POST", "PUT") or request.headers["idempotency-key"], name
        self.parameters.setdefault(name, set()).update(request.url.params)
        answer = operation["responses"][min(operation["responses"])].get("content", {}).get("application/json", {})
        self.answered = answer.get("schema", {}).get("$ref", "").rpartition("/")[2]
        if name == "checkBlob":
            return httpx.Response(404)
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is not None:
            value = json.loads(request.content or b"null")
            jsonschema.Draft202012Validator({**body["schema"], "components": DOCUMENT["components"]}).validate(value)
            inside = {field for field in sent(value) if not field.startswith(FREE)}
            assert inside <= set(fields(body["schema"], DOCUMENT)), name
            self.fields.setdefault(name, set()).update(inside)
        return _answered(name, operation)


def _answered(name: str, operation: dict[str, Any]) -> httpx.Response:
    status = min(operation["responses"])
    if name == "getRunGrid":
        return httpx.Response(200, content=b'{"v": 1, "seq": 1, "tasks": []}\n')
    if name == "getRunHistory":
        return httpx.Response(200, content=b"")
    headers = {"location": "/v1/uploads/u1", "upload-offset": "0", "tus-max-size": "9"}
    if name == "appendUpload":
        headers["upload-offset"] = str(2 * 1024 * 1024)
    content = operation["responses"][status].get("content", {}).get("application/json")
    if content is None:
        return httpx.Response(int(status), headers=headers)
    value = sample(content["schema"])
    if name in (
        "listTokens",
        "listUsers",
        "listInvitations",
        "listJoinTokens",
        "listWebhooks",
        "listWebhookDeliveries",
    ):
        value = {_LISTS[name]: [sample(content["schema"]["additionalProperties"]["items"])]}
    if name == "testWebhook":
        value = {"delivery": "d1"}
    for last in ("next_page_token", "next"):
        if isinstance(value, dict) and last in value:
            value[last] = {"listEvents": 0}.get(name)
    if name in ("listEvents", "listRunEvents"):
        value["events"] = []
    return httpx.Response(int(status), content=json.dumps(value), headers=headers)


_LISTS = {
    "listTokens": "tokens",
    "listUsers": "users",
    "listInvitations": "invitations",
    "listJoinTokens": "join_tokens",
    "listWebhooks": "webhooks",
    "listWebhookDeliveries": "deliveries",
}


@pytest.fixture
async def service() -> AsyncIterator[tuple[Service, Njangi]]:
    service = Service()
    async with Njangi("http://service", "token") as njangi:
        await njangi.transport.http.aclose()
        njangi.transport.http = httpx.AsyncClient(
            base_url="http://service", transport=httpx.MockTransport(service.answer)
        )
        yield service, njangi


def some(kind: Any, name: str) -> Any:
    """Return a value of a parameter's type."""
    if name in GIVEN:
        return GIVEN[name]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if typing.is_typeddict(kind):
        return {field: some(of, field) for field, of in typing.get_type_hints(kind).items() if field not in EXCLUSIVE}
    if origin in (typing.Union, UnionType):
        if float in arguments:  # a duration, within all limits
            return 3600.0
        return some(next(item for item in arguments if item is not type(None)), name)
    if origin is typing.Literal:
        return arguments[0]
    if origin in (Mapping, dict):
        return dict.fromkeys(typing.get_args(arguments[0]), 1) if name == "quota" else {"a": "0" * 64}
    if origin in (Sequence, list):
        return [some(arguments[0], "item")]
    if kind is bytes or kind is Path:
        return b"x" * (2 * 1024 * 1024)
    if inspect.isclass(kind) and issubclass(kind, enum.Enum):
        return next(iter(kind))
    return {str: "x1", int: 1, float: 1.0, bool: True, datetime: NOW}.get(kind, {"a": 1})


async def call(method: Any) -> object:
    """Call a method of the client with a value for each of its parameters; return its answer if it is one."""
    hints = typing.get_type_hints(method)
    given: dict[str, Any] = {}
    for name, parameter in inspect.signature(method).parameters.items():
        if name == "on_progress":
            continue
        if parameter.kind is parameter.VAR_KEYWORD:
            [kind] = typing.get_args(hints[name])
            given |= some(kind, name)
        else:
            given[name] = some(hints[name], name)
    made = method(**given)
    if inspect.isawaitable(made):
        return await made
    if method.__qualname__ != "EventCalls.follow":  # it has no end
        async for _ in made:
            pass
    return None


def methods(njangi: Njangi) -> list[Any]:
    nouns = [noun for name, noun in vars(njangi).items() if not isinstance(noun, Transport) and name[0] != "_"]
    return [
        member
        for noun in [njangi, *nouns]
        for name, member in inspect.getmembers(noun, inspect.ismethod)
        if name[0] != "_" and not isinstance(member.__self__, Transport)
    ]


async def test_every_call_of_a_submitter_is_in_the_client_with_all_that_it_takes(
    service: tuple[Service, Njangi],
) -> None:
    told, njangi = service
    for method in methods(njangi):
        if method.__name__ in ("wait", "follow", "upload", "send"):  # made of the others
            continue
        answer = await call(method)
        if isinstance(answer, BaseModel) and told.answered in vars(models):
            assert type(answer).__name__ == told.answered, f"{method.__qualname__} drops a part of its answer"
    await njangi.runs.pause("r1")
    await njangi.runs.resume("r1")
    await njangi.runs.result("r1", "t")
    await njangi.schedules.create("w1", interval=3600.0)
    await njangi.blobs.put(b"small")
    await njangi.blobs.put(b"x" * 2 * 1024 * 1024)
    assert for_submitters().keys() - told.parameters.keys() == set()
    for name, operation in for_submitters().items():
        known = {item["name"] for item in operation.get("parameters", ()) if item["in"] == "query"}
        assert known - told.parameters[name] - {"page_token"} == set(), name
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is not None and name not in ("editSchedule",):
            wanted = {field for field in fields(body["schema"], DOCUMENT) if field.count("/") == 1 and "[" not in field}
            assert wanted - told.fields[name] == set(), name


@pytest.mark.parametrize("name", [name for name in vars(models) if name in schemas()])
def test_a_model_has_the_fields_of_its_schema(name: str) -> None:
    """When this fails: `make models`."""
    model = getattr(models, name)
    if issubclass(model, BaseModel):
        schema = schemas()[name]
        known = {field.alias or key for key, field in model.model_fields.items()}
        assert known == set(schema["properties"])
        needed = {field.alias or key for key, field in model.model_fields.items() if field.is_required()}
        assert needed == set(schema.get("required", ()))
    else:
        assert {member.value for member in model} == set(schemas()[name]["enum"])


@pytest.mark.parametrize("text", ["", "..", ".", "a/b", "a?b", "a%2Fb", "a b", "x\n"])
def test_an_id_that_could_reach_another_route_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be run_id"):
        filled("/v1/runs/{run_id}", {"run_id": text})
