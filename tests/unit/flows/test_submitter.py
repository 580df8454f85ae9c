"""The typed client on a bad network: what is made again, what goes on, and what its errors tell."""

from __future__ import annotations

import datetime
import decimal
import hashlib
import json
import math
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from njangi_agent.dialect import NotCarriedError
from njangi_flows.client import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    LoggedEvent,
    Missed,
    MissingError,
    Njangi,
    UnavailableError,
    UnreachableError,
)
from njangi_flows.client.transport import Transport

Answer = httpx.Response | httpx.TransportError


class Line:
    """Stands for the network: answers one after another, and keeps what was sent and how long was waited."""

    def __init__(self) -> None:
        self.answers: list[Answer | Callable[[httpx.Request], Answer]] = []
        self.sent: list[httpx.Request] = []
        self.paused: list[float] = []

    async def carry(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.sent.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        answer = answer(request) if callable(answer) else answer
        if isinstance(answer, httpx.TransportError):
            raise answer
        return answer

    async def pause(self, seconds: float) -> None:
        self.paused.append(seconds)


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
async def njangi(line: Line) -> AsyncIterator[Njangi]:
    async with Njangi("http://service", "token") as made:
        await made.transport.http.aclose()
        made.transport.http = httpx.AsyncClient(base_url="http://service", transport=httpx.MockTransport(line.carry))
        made.transport.pause = line.pause
        yield made


def problem(status: int, kind: str, *, wait: int | None = None, **more: Any) -> httpx.Response:
    body = {"type": f"urn:njangi:{kind}", "title": "No", "status": status, "detail": "not now", **more}
    return httpx.Response(status, json=body, headers={"Retry-After": str(wait)} if wait is not None else {})


def cut() -> httpx.TransportError:
    return httpx.ReadError("cut off")


def sent_signal() -> httpx.Response:
    return httpx.Response(202, json={"run_id": "r1", "name": "go", "number": 1, "at": "2026-06-01T12:00:00Z"})


async def test_a_post_is_made_again_under_the_same_key_after_the_time_asked_for(line: Line, njangi: Njangi) -> None:
    line.answers = [
        problem(503, "storage-unavailable", wait=7),
        cut(),
        problem(409, "under-way", wait=1),
        sent_signal(),
    ]
    assert (await njangi.runs.signal("r1", "go", {"by": "Ana"})).number == 1
    keys = {request.headers["idempotency-key"] for request in line.sent}
    assert (len(line.sent), len(keys)) == (4, 1)
    assert line.paused[0] == 7
    line.answers = [sent_signal()]
    await njangi.runs.signal("r1", "go", {"by": "Ana"})
    assert line.sent[-1].headers["idempotency-key"] not in keys


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([1, math.nan], "parameters.x[1]"),
        ({"when": datetime.date(2026, 1, 1)}, "parameters.x.when"),
        ({1, 2}, "parameters.x"),
        (decimal.Decimal("1.10"), "parameters.x"),
        (b"ab", "parameters.x"),
        ({1: "a", "1": "b"}, "parameters.x"),
        ({None: 1}, "parameters.x"),
        ("caf\udce9", "parameters.x"),
    ],
    ids=repr,
)
async def test_a_value_that_would_arrive_as_another_is_refused_with_the_path_to_it(
    line: Line, njangi: Njangi, value: Any, path: str
) -> None:
    line.answers = [problem(409, "run-ended")]
    with pytest.raises(NotCarriedError) as caught:
        await njangi.workflows.start("w1", {"x": value})
    assert (caught.value.path, line.sent) == (path, [])


async def test_values_travel_as_json_has_them(line: Line, njangi: Njangi) -> None:
    line.answers = [sent_signal()]
    payload: Any = {"at": (1, 2), "by": {7: 2**1279}}
    await njangi.runs.signal("r1", "go", payload)
    assert json.loads(line.sent[0].content)["payload"] == {"at": [1, 2], "by": {"7": 2**1279}}


async def test_what_makes_a_secret_is_not_made_again_when_its_answer_is_lost(line: Line, njangi: Njangi) -> None:
    line.answers = [problem(429, "too-many-requests", wait=2), cut()]
    with pytest.raises(UnreachableError, match="cut off"):
        await njangi.tokens.create("nightly")
    assert (len(line.sent), line.paused) == (2, [2])


async def test_a_service_that_stays_away_is_given_up(line: Line, njangi: Njangi) -> None:
    line.answers = [cut()]
    with pytest.raises(UnreachableError):
        await njangi.runs.get("r1")
    assert 30 < sum(line.paused) <= 60
    line.answers, line.paused = [problem(503, "storage-unavailable", wait=50)], []
    with pytest.raises(UnavailableError) as caught:
        await njangi.runs.get("r1")
    assert (line.paused, caught.value.kind) == ([50], "storage-unavailable")


async def test_a_service_that_never_answered_is_given_up_sooner(line: Line) -> None:
    http = httpx.AsyncClient(base_url="http://service", transport=httpx.MockTransport(line.carry))
    waits: list[Exception | None] = []
    to = Transport(http, patience=60.0, first_contact=3.0, on_wait=waits.append, pause=line.pause)
    line.answers = [cut()]
    with pytest.raises(UnreachableError):
        await to.send("GET", "/v1/runs")
    assert 0 < sum(line.paused) <= 3
    line.answers = [httpx.Response(200), cut()]
    await to.send("GET", "/v1/runs")
    line.paused.clear()
    with pytest.raises(UnreachableError):
        await to.send("GET", "/v1/runs")
    assert 30 < sum(line.paused) <= 60
    assert [type(error) for error in waits] == [UnreachableError, type(None), UnreachableError]
    await http.aclose()


async def test_a_deletion_whose_answer_was_lost_is_done(line: Line, njangi: Njangi) -> None:
    line.answers = [cut(), problem(404, "not-found")]
    await njangi.schedules.delete("s1")
    line.answers = [problem(404, "not-found")]
    with pytest.raises(MissingError):
        await njangi.schedules.delete("s1")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(409, "run-ended", run_status="FAILED"), ConflictError),
        (problem(412, "stale-version"), ConflictError),
        (problem(403, "quota-exceeded", quota="runs", used=3, allowed=3), ForbiddenError),
        (problem(422, "invalid-spec", errors=[{"pointer": "/tasks/0", "detail": "no command"}]), InvalidError),
    ],
    ids=lambda value: value.json()["type"] if isinstance(value, httpx.Response) else "",
)
async def test_a_refusal_says_of_which_type_it_is(
    line: Line, njangi: Njangi, answer: httpx.Response, kind: type[Exception]
) -> None:
    line.answers = [answer]
    with pytest.raises(kind) as caught:
        await njangi.runs.cancel("r1")
    error: Any = caught.value
    assert f"urn:njangi:{error.kind}" == answer.json()["type"]
    assert len(line.sent) == 1
    for name in error.more:
        assert error.more[name] == answer.json()[name]
    assert [str(item) for item in error.errors] == (["/tasks/0: no command"] if kind is InvalidError else [])


async def test_what_is_no_njangi_is_told_so(line: Line, njangi: Njangi) -> None:
    line.answers = [httpx.Response(200, text="<html>")]
    with pytest.raises(UnreachableError, match="no Njangi"):
        await njangi.runs.get("r1")
    line.answers = [httpx.Response(200, json={"runs": "many"})]
    with pytest.raises(UnreachableError, match="another version"):
        await anext(njangi.runs.list())


async def test_a_list_asks_for_a_page_when_it_is_read(line: Line, njangi: Njangi) -> None:
    user = {"id": "e1", "request_id": None, "at": "2026-06-01T12:00:00Z", "who": "ada", "address": "", "action": "x"}
    entry = {**user, "on": {}, "status": 200}
    line.answers = [
        httpx.Response(200, json={"entries": [entry, entry], "next_page_token": "further"}),
        httpx.Response(200, json={"entries": [entry], "next_page_token": None}),
    ]
    entries = njangi.audit.list(who="ada")
    await anext(entries)
    assert len(line.sent) == 1
    assert len([entry async for entry in entries]) == 2
    assert [request.url.params.get("page_token") for request in line.sent] == [None, "further"]
    assert all(request.url.params["who"] == "ada" for request in line.sent)


def frames(*numbers: int) -> httpx.Response:
    told = [{"seq": n, "v": 1, "type": "run.failed", "at": "2026-06-01T12:00:00Z", "run_id": "r1"} for n in numbers]
    text = "".join(f"id: {it['seq']}\nevent: run.failed\ndata: {json.dumps(it)}\n\n" for it in told)
    return httpx.Response(200, text=f"retry: 1000\n\n{text}id: {numbers[-1] + 5}\n: still here\n\n")


async def test_events_go_on_after_the_last_number_each_once(line: Line, njangi: Njangi) -> None:
    missed = 'id: 40\nevent: resync\ndata: {"after": 13, "seq": 40}\n\n'
    line.answers = [
        frames(7, 8),
        problem(503, "storage-unavailable"),
        cut(),
        httpx.Response(200, text=missed),
        frames(41),
    ]
    seen: list[LoggedEvent | Missed] = []
    async for event in njangi.events.follow(types="run.*"):
        seen.append(event)
        if event.seq == 41:
            break
    assert [event.seq for event in seen] == [7, 8, 40, 41]
    assert isinstance(seen[2], Missed)
    assert [request.headers.get("last-event-id") for request in line.sent] == [None, "13", "13", "13", "40"]


async def test_a_large_file_goes_on_where_it_broke_off(line: Line, njangi: Njangi, tmp_path: Path) -> None:
    content = bytes(range(256)) * 8192
    file = tmp_path / "large"
    file.write_bytes(content)
    half = str(len(content) // 2)
    line.answers = [
        httpx.Response(404),
        httpx.Response(201, headers={"location": "/v1/uploads/u1", "upload-offset": "0"}),
        cut(),
        httpx.Response(200, headers={"upload-offset": half}),
        problem(409, "upload-offset"),
        httpx.Response(404),
        httpx.Response(201, headers={"location": "/v1/uploads/u2", "upload-offset": half}),
        lambda request: httpx.Response(204, headers={"upload-offset": str(len(content))}),
    ]
    assert await njangi.blobs.put(file) == hashlib.sha256(content).hexdigest()
    assert [request.method for request in line.sent] == [
        "HEAD",
        "POST",
        "PATCH",
        "HEAD",
        "PATCH",
        "HEAD",
        "POST",
        "PATCH",
    ]
    assert line.sent[-1].url.path == "/v1/uploads/u2"
    assert line.sent[-1].content == content[len(content) // 2 :]


async def test_a_blob_is_fetched_from_where_the_line_broke(line: Line, njangi: Njangi) -> None:
    class Broken(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"first "
            raise cut()

    headers = {"etag": '"x"', "accept-ranges": "bytes"}
    rest = httpx.Response(206, headers=headers, content=b"second")
    line.answers = [httpx.Response(200, headers=headers, stream=Broken()), problem(503, "storage-unavailable"), rest]
    sha256 = hashlib.sha256(b"first second").hexdigest()
    assert b"".join([piece async for piece in njangi.blobs.get(sha256)]) == b"first second"
    assert (line.sent[-1].headers["range"], line.sent[-1].headers["if-range"]) == ("bytes=6-", '"x"')
