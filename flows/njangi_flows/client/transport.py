"""Make calls that bear a bad network: each is made again, patiently, where that does no harm."""

from __future__ import annotations

import asyncio
import random
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from njangi_agent.dialect import CARRIED_DEPTH, check
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from njangi_flows.client.errors import NotFoundError, ProblemError, UnreachableError, refusal

LONGEST_PAUSE = 30.0
LARGEST_PAGE = 500
_SEGMENT = re.compile(r"[\w.~-]+")
_LATER = (423, 429, 502, 503, 504)
_VALUES = ("parameters", "payload", "spec", "document")
"""Fields of a body that hold values of people's programs."""

T = TypeVar("T")


class Backoff:
    """How long to wait before the next try, for `patience` seconds in all, with tries that came to nothing."""

    def __init__(self, patience: float) -> None:
        self._left = patience
        self._seconds = 0.25

    def spend(self, seconds: float) -> None:
        """Count the time that a try took which came to nothing."""
        self._left -= seconds

    def next(self, at_least: float = 0.0) -> float | None:
        """Return the seconds to wait, None when the patience is at its end."""
        self._seconds = min(LONGEST_PAUSE, 2 * self._seconds)
        seconds = max(at_least, self._seconds * random.uniform(0.5, 1.0))
        if seconds > self._left:
            return None
        self._left -= seconds
        return seconds


class Transport:
    """The way to the service. `patience`: for how many seconds of pauses a call is tried again."""

    def __init__(
        self, http: httpx.AsyncClient, *, patience: float, pause: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self.http = http
        self.pause = pause
        self._patience = patience

    def backoff(self) -> Backoff:
        return Backoff(self._patience)

    @property
    def url(self) -> str:
        return str(self.http.base_url)

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = True,
        **ids: str | int,
    ) -> httpx.Response:
        """Make a call to `path`, in which `{name}` stands for one of `ids`, and return its answer if that is a success.

        POSTs and PUTs carry an `Idempotency-Key`, so that a call made again after a lost answer is done once. One that
        is not `repeatable` all the same is made again only where the service did nothing. Raises ClientErrors, and
        NotCarriedError for a value that JSON has no form for.
        """
        request: dict[str, Any] = {"params": _told(query or {}), "headers": dict(headers or {})}
        if method in ("POST", "PUT"):
            request["headers"]["Idempotency-Key"] = secrets.token_hex(16)
        if body is not None:
            _check_values(body)
            request["json"] = to_jsonable_python(body, by_alias=True)
        if content is not None:
            request["content"] = content
        address, backoff, lost = filled(path, ids), self.backoff(), False
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                answer = await self.http.request(method, address, **request)
            except httpx.TransportError as error:
                backoff.spend(clock() - began)
                seconds = backoff.next() if repeatable else None
                if seconds is None:
                    raise self.unreachable(error) from error
                lost = True
            else:
                if answer.is_success:
                    return answer
                problem = refusal(answer)
                if method == "DELETE" and lost and isinstance(problem, NotFoundError):
                    return answer  # it was the try whose answer was lost that did it
                seconds = backoff.next(after(answer)) if is_passing(problem) else None
                if seconds is None:
                    raise problem
            await self.pause(seconds)

    async def get(self, kind: type[T], path: str, *, query: Mapping[str, Any] | None = None, **ids: Any) -> T:
        return self._read(kind, await self.send("GET", path, query=query, **ids))

    async def post(self, kind: type[T], path: str, body: object = None, *, repeatable: bool = True, **ids: Any) -> T:
        return self._read(kind, await self.send("POST", path, body=body, repeatable=repeatable, **ids))

    async def put(
        self, kind: type[T], path: str, body: object, *, headers: Mapping[str, str] | None = None, **ids: Any
    ) -> T:
        return self._read(kind, await self.send("PUT", path, body=body, headers=headers, **ids))

    async def delete(self, path: str, **ids: Any) -> None:
        await self.send("DELETE", path, **ids)

    async def items(
        self,
        kind: type[T],
        path: str,
        name: str,
        *,
        query: Mapping[str, Any] | None = None,
        size: str = "page_size",
        mark: tuple[str, str] = ("page_token", "next_page_token"),
        **ids: Any,
    ) -> AsyncIterator[T]:
        """Yield the items of a list, page by page as they are asked for.

        `name` is that of the list in a page, `size` the parameter that says how many it holds, and `mark` the
        parameter and the field by which the next page is asked for.
        """
        asked = {size: LARGEST_PAGE, **(query or {})}
        while True:
            page: dict[str, Any] = await self.get(dict[str, Any], path, query=asked, **ids)
            found: list[T] = self._checked(list[kind], page.get(name))  # type: ignore[valid-type]
            for item in found:
                yield item
            asked[mark[0]] = page.get(mark[1])
            if asked[mark[0]] is None:
                return

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **ids: str | int,
    ) -> AsyncIterator[httpx.Response]:
        """Open an answer that is read as it comes. What breaks it raises UnreachableError; it is not begun again."""
        address = filled(path, ids)
        try:
            async with self.http.stream(
                "GET", address, params=_told(query or {}), headers=dict(headers or {})
            ) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise refusal(answer)
                yield answer
        except httpx.TransportError as error:
            raise self.unreachable(error) from error

    async def bytes(
        self,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        on_type: Callable[[str], object] = lambda _: None,
        **ids: str | int,
    ) -> AsyncIterator[bytes]:
        """Yield an answer as it comes; one that never changes, which its `ETag` says, goes on where it broke off.

        `on_type` is told its media type first.
        """
        sent, tag, backoff = 0, None, self.backoff()
        while True:
            headers: dict[str, str] = {"Range": f"bytes={sent}-", "If-Range": tag} if sent and tag else {}
            try:
                async with self.stream(path, query=query, headers=headers, **ids) as answer:
                    if sent and answer.status_code != httpx.codes.PARTIAL_CONTENT:
                        raise UnreachableError(self.url, "what broke off has changed; begin again")
                    on_type(answer.headers.get("content-type", ""))
                    tag = answer.headers.get("etag") if "accept-ranges" in answer.headers or sent else None
                    async for piece in answer.aiter_bytes():
                        sent += len(piece)
                        backoff = self.backoff()
                        yield piece
                    return
            except UnreachableError as error:
                if not isinstance(error.__cause__, httpx.TransportError) or (sent and not tag):
                    raise
                seconds = backoff.next()
                if seconds is None:
                    raise
            except ProblemError as error:
                seconds = backoff.next() if is_passing(error) else None
                if seconds is None:
                    raise
            await self.pause(seconds)

    def unreachable(self, error: httpx.TransportError) -> UnreachableError:
        return UnreachableError(self.url, str(error) or type(error).__name__)

    def _read(self, kind: type[T], answer: httpx.Response) -> T:
        try:
            value = answer.json()
        except ValueError as error:
            raise UnreachableError(self.url, "what answers is no Njangi service") from error
        return self._checked(kind, value)

    def _checked(self, kind: type[T], value: object) -> T:
        try:
            checked: T = TypeAdapter(kind).validate_python(value)
            return checked
        except ValidationError as error:
            raise UnreachableError(self.url, f"it is of another version, or no Njangi service: {error}") from error


def is_passing(problem: ProblemError) -> bool:
    """Whether the same call may be made again after a while, and nothing was done by it."""
    return problem.status in _LATER or problem.kind == "under-way"


def after(answer: httpx.Response) -> float:
    """Return the seconds that an answer asks to wait."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else 0.0


def filled(path: str, ids: Mapping[str, str | int]) -> str:
    """Return `path` with each `{name}` replaced. Raises ValueError for an id that could reach another route."""
    for name, value in ids.items():
        if not _SEGMENT.fullmatch(str(value)) or not str(value).strip("."):
            raise ValueError(f"{value!r} cannot be {name}: that is letters, digits, '_', '-' and '.'")
    return path.format_map({name: quote(str(value), safe="") for name, value in ids.items()})


def _check_values(body: object) -> None:
    """Raise NotCarriedError, with the path, for a value that pydantic would write as something else."""
    fields = body if isinstance(body, Mapping) else {}
    for name in _VALUES:
        value = fields.get(name)
        check({name: dict(value) if isinstance(value, Mapping) else value}, depth=CARRIED_DEPTH + 1, text_keys=True)


def _told(query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that say something, as text."""
    return {name: to_jsonable_python(value) for name, value in query.items() if value is not None}
