"""Each call of the client of flows is one of docs/openapi.json, and so is each field that it sends or reads."""

from __future__ import annotations

import hashlib
import inspect
import io
import json
import math
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import pytest_asyncio
from njangi_agent.dialect import NotCarriedError
from njangi_agent.proof import NONCE_HEADER, PROOF_HEADER, key_of, proof
from njangi_flows import protocol as messages
from njangi_flows.engine.errors import ServiceError, WrongBlobError
from njangi_flows.engine.flow_client import FlowService
from njangi_flows.engine.settings import FlowSettings
from njangi_flows.protocol import BatchInput, FileRef, RunLease, SubtaskInput, TaskChange, Wait
from pydantic import BaseModel

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[3] / "docs" / "openapi.json").read_text())
LEASE = RunLease("r1", "token")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LARGE = b"x" * (1024 * 1024 + 1)
READS: dict[str, type[BaseModel]] = {
    "flowWaitForFlowRuns": messages.Heard,
    "flowAdoptRun": messages.AdoptedRun,
    "flowHoldRun": messages.Hold,
    "flowBeatRuns": messages.Beaten,
    "flowWaitForBatches": messages.Settled,
    "flowWaitForWaits": messages.EndedWaits,
    "flowBeginWait": messages.BegunWait,
    "flowGetChild": messages.ChildRun,
    "flowListRunTaskResults": messages.ResultPage,
    "flowGetRunTaskResult": messages.TaskResult,
    "flowGetRunTaskFailed": messages.FailedParts,
    "flowChangeTask": messages.ToldTask,
    "flowListRunTaskCalls": messages.KnownCalls,
}
"""What the client reads an answer as; others it does not look into."""


def resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        found: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def kinds(schema: dict[str, Any], root: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the alternatives that a value may follow."""
    schema = resolved(schema, root)
    return [kind for part in schema.get("anyOf", [schema]) for kind in ([resolved(part, root)])]


def fields(schema: dict[str, Any], root: dict[str, Any], at: str = "") -> Iterator[str]:
    """Yield the path of each field of a schema, `[]` and `{}` for what is in lists and maps."""
    for kind in kinds(schema, root):
        for name, part in kind.get("properties", {}).items():
            yield f"{at}/{name}"
            yield from fields(part, root, f"{at}/{name}")
        if "items" in kind:
            yield from fields(kind["items"], root, f"{at}[]")
        if isinstance(kind.get("additionalProperties"), dict):
            yield from fields(kind["additionalProperties"], root, f"{at}{{}}")


def sent(value: Any, at: str = "") -> Iterator[str]:
    """Yield the path of each field of a JSON value."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield f"{at}/{name}"
            yield from sent(part, f"{at}/{name}")
    elif isinstance(value, list):
        for part in value:
            yield from sent(part, f"{at}[]")


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    for template, operations in DOCUMENT["paths"].items():
        pattern = re.sub(r"\\\{[a-z_0-9]+\\\}", "[^/:]+", re.escape(template))
        if method.lower() in operations and re.fullmatch(pattern, path):
            return dict(operations[method.lower()])
    return None


def sample(schema: dict[str, Any]) -> Any:
    """Return a value that follows a schema of the document, with the least in it."""
    kind = next(item for item in kinds(schema, DOCUMENT) if item.get("type") != "null")
    if "enum" in kind:
        return kind["enum"][0]
    match kind.get("type"):
        case "object":
            return {name: sample(kind["properties"][name]) for name in kind.get("required", ())}
        case "array":
            return [sample(part) for part in kind.get("prefixItems", [kind.get("items")])]
        case "integer" | "number":
            return 1
        case "boolean":
            return False
        case "string":
            return NOW.isoformat() if kind.get("format") == "date-time" else "text"
    return None


class Service:
    """Stands for the service: checks each request against the document, answers what that says."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.bodies: list[bytes] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        operation = operation_of(request.method, request.url.path)
        assert operation is not None, f"{request.method} {request.url.path} is no call of the document"
        name = operation["operationId"]
        self.called.append(name)
        given = {item["name"]: item for item in operation.get("parameters", ())}
        assert set(request.url.params) <= given.keys(), name
        needed = {item["name"].lower() for item in given.values() if item["in"] == "header" and item.get("required")}
        assert needed <= set(request.headers), name
        self.check_body(name, operation, request)
        if name == "flowCheckBlob":
            stored = "flowPutBlob" in self.called
            return httpx.Response(200, headers={"Content-Length": str(len(LARGE))}) if stored else httpx.Response(404)
        if name == "flowGetBlob":
            first, last = re.findall(r"\d+", request.headers.get("range", f"0-{len(LARGE)}"))
            return httpx.Response(206, content=LARGE[int(first) : int(last) + 1])
        status = min(operation["responses"])
        content = operation["responses"][status].get("content", {}).get("application/json")
        if content is None:
            return httpx.Response(int(status))
        body = sample(content["schema"])
        if name in ("flowListRunTaskResults", "flowListRunTaskCalls"):
            body["next"] = None
        return httpx.Response(int(status), json=body)

    def check_body(self, name: str, operation: dict[str, Any], request: httpx.Request) -> None:
        content = operation.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if schema is None:
            assert not request.content or "application/octet-stream" in content, name
            return
        self.bodies.append(request.content)
        body = json.loads(request.content)
        jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(body)
        inside = {field for field in sent(body) if not field.startswith(FREE)}
        assert inside <= set(fields(schema, DOCUMENT)), name


FREE = ("/definition/", "/plan/", "/parameters/", "/batches[]/subtasks[]/parameters/")
"""Fields that hold whatever JSON there is."""


@pytest.fixture
def service() -> Service:
    return Service()


@pytest_asyncio.fixture
async def flows(service: Service) -> AsyncIterator[FlowService]:
    async with FlowService(FlowSettings("http://service", "token", "holder", "ana")) as made:
        await made._http.aclose()

        async def answer(request: httpx.Request) -> httpx.Response:
            await request.aread()
            answer = service.answer(request)
            answer.headers[PROOF_HEADER] = proof(key_of("token"), request.headers[NONCE_HEADER], answer.status_code)
            return answer

        made._http = httpx.AsyncClient(base_url="http://service", transport=httpx.MockTransport(answer))
        yield made


async def call_all(flows: FlowService, service: Service) -> set[str]:
    """Make every call of the client; return their names."""
    await flows.wait_for_flow_runs(3, 1.5)
    await flows.adopt("prefect", "longest")
    await flows.hold("r1")
    await flows.beat([LEASE])
    await flows.release(LEASE, "why")
    whole = TaskChange("RUNNING", definition={"name": "t"}, plan=[1], result="1", blob="0" * 64, error="no")
    await flows.put_task(LEASE, "t", whole)
    subtasks = [SubtaskInput(0, {"x": 1}), SubtaskInput(1, parameters_blob="0" * 64)]
    await flows.put_batches(LEASE, "t", [BatchInput(0, subtasks)])
    splitting = TaskChange("SPLITTING", definition={"name": "t"}, plan=[1])
    await flows.put_batches(LEASE, "t", [BatchInput(1, subtasks)], splitting=splitting, last=True)
    await flows.settled(LEASE, ["r1/t/b0"], 1.0)
    await flows.ended_waits(
        LEASE, [Wait(task="t", signal="go"), Wait(task="u", child=True), Wait(task="v", until=NOW)], 1.0
    )
    await flows.begin_wait(LEASE, "t", None)
    await flows.start_child(LEASE, "t", "inner", {"a": 1}, "abandon")
    await flows.child(LEASE, "t")
    await flows.requeue(LEASE, "r1/t/b0", 2, ["BadInput"])
    assert [page async for page in flows.results(LEASE, "t")]
    await flows.result_rows(LEASE, "t", 3, 9)
    await flows.task_result(LEASE, "t")
    await flows.calls(LEASE, "t~2")
    await flows.failed_parts(LEASE, "t")
    await flows.put_blob(LARGE)
    await flows.get_blob(hashlib.sha256(LARGE).hexdigest())
    ref = FileRef(sha256=hashlib.sha256(LARGE).hexdigest(), size=len(LARGE))
    assert await flows.blob_size(ref.sha256) == ref.size
    copied = io.BytesIO()
    await flows.copy_blob(ref, copied)
    assert copied.getvalue() == LARGE
    with tempfile.NamedTemporaryFile() as file:
        file.write(LARGE)
        file.flush()
        service.called.remove("flowPutBlob")
        await flows.put_file(ref, Path(file.name))
    return set(re.findall(r"flows\.([a-z_]+)\(", inspect.getsource(call_all)))


async def test_every_call_of_the_client_is_in_the_document(flows: FlowService, service: Service) -> None:
    called = await call_all(flows, service)
    public = {name for name, member in vars(FlowService).items() if inspect.isfunction(member) and name[0] != "_"}
    assert called == public
    unread = {"flowReleaseRun", "flowPutBatches", "flowStartChild", "flowRequeueBatch"}
    assert set(service.called) == READS.keys() | unread | {"flowCheckBlob", "flowPutBlob", "flowGetBlob"}


async def test_what_would_not_arrive_equal_is_refused_where_it_is_given_or_arrives_as_what_it_is(
    flows: FlowService, service: Service
) -> None:
    with pytest.raises(NotCarriedError) as refused:
        await flows.start_child(LEASE, "t", "w", {"rows": [1, math.nan]}, "cancel")
    assert refused.value.path == "rows[1]"
    await flows.put_task(LEASE, "t", TaskChange("RUNNING", plan={"x": math.inf}))
    assert b'"plan":{"x":Infinity}' in service.bodies[-1], "which the service refuses; null it would take"


@pytest.mark.parametrize("name", READS)
def test_every_field_that_the_client_reads_is_in_the_document(name: str) -> None:
    [operation] = [
        operation
        for path in DOCUMENT["paths"].values()
        for operation in path.values()
        if operation["operationId"] == name
    ]
    schema = operation["responses"][min(operation["responses"])]["content"]["application/json"]["schema"]
    read = READS[name].model_json_schema()
    assert set(fields(read, read)) <= set(fields(schema, DOCUMENT))


@pytest.mark.parametrize("status", [200, 302, 401, 403, 404, 413])
async def test_what_is_not_the_services_answer_is_waited_out(status: int) -> None:
    answered: list[int] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        await request.aread()
        answered.append(status)
        if len(answered) < 3:
            return httpx.Response(status, html="<html>", headers={"Njangi-Sha256": "0" * 64})
        signed = proof(key_of("token"), request.headers[NONCE_HEADER], 201)
        return httpx.Response(201, headers={PROOF_HEADER: signed})

    async with FlowService(FlowSettings("http://service", "token", "holder", "ana")) as flows:
        await flows._http.aclose()
        flows._http = httpx.AsyncClient(base_url="http://service", transport=httpx.MockTransport(answer))
        await flows.put_blob(b"content")
    assert answered == [status] * 3


async def test_a_service_may_refuse_a_token_that_it_does_not_know() -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"type": "urn:njangi:unauthorized", "detail": "unknown token"})

    async with FlowService(FlowSettings("http://service", "token", "holder", "ana")) as flows:
        await flows._http.aclose()
        flows._http = httpx.AsyncClient(base_url="http://service", transport=httpx.MockTransport(answer))
        with pytest.raises(ServiceError, match="unknown token"):
            await flows.task_result(LEASE, "t")


async def test_another_service_at_the_address_is_waited_out_once_ours_has_answered() -> None:
    said = [200, 401, 401, 200, 401]

    async def answer(request: httpx.Request) -> httpx.Response:
        if (status := said.pop(0)) == 401:
            return httpx.Response(401, json={"type": "urn:njangi:token-unknown", "detail": "unknown token"})
        signed = proof(key_of("token"), request.headers[NONCE_HEADER], status)
        return httpx.Response(status, json={"heard": 3}, headers={PROOF_HEADER: signed})

    async with FlowService(FlowSettings("http://service", "token", "holder", "ana"), first_contact=20.0) as flows:
        await flows._http.aclose()
        flows._http = httpx.AsyncClient(base_url="http://service", transport=httpx.MockTransport(answer))
        assert [await flows.wait_for_flow_runs(1, 1.0) for _ in range(2)] == [3, 3]
        flows._first_contact = -1.0  # the time for it is over
        with pytest.raises(ServiceError, match="unknown token"):
            await flows.wait_for_flow_runs(1, 1.0)


async def test_a_blob_that_came_as_another_is_fetched_again() -> None:
    wrong = b"<" + LARGE[1:]
    ref = FileRef(sha256=hashlib.sha256(LARGE).hexdigest(), size=len(LARGE))
    said: list[bytes] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        first, _, last = request.headers.get("Range", f"bytes=0-{len(LARGE)}").removeprefix("bytes=").partition("-")
        content = said[0][int(first) : int(last) + 1]
        if int(last) + 1 >= len(LARGE):
            said.pop(0)
        signed = proof(key_of("token"), request.headers[NONCE_HEADER], 200)
        return httpx.Response(200, content=content, headers={PROOF_HEADER: signed})

    settings = FlowSettings("http://service", "token", "holder", "ana")
    async with FlowService(settings, blob_pauses=(0.0, 0.0, 0.0)) as flows:
        await flows._http.aclose()
        flows._http = httpx.AsyncClient(base_url="http://service", transport=httpx.MockTransport(answer))
        said[:] = [wrong, wrong, LARGE]
        assert await flows.get_blob(ref.sha256) == LARGE
        said[:], copied = [wrong, wrong, LARGE], io.BytesIO()
        await flows.copy_blob(ref, copied)
        assert copied.getvalue() == LARGE
        for fetching in (flows.get_blob(ref.sha256), flows.copy_blob(ref, io.BytesIO())):
            said[:] = [wrong] * 3
            with pytest.raises(WrongBlobError):
                await fetching
