"""Make calls over a bad network: a call that failed is made again, with pauses, where that does no harm."""

from __future__ import annotations

import asyncio
import os
import random
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from njangi_agent.dialect import CARRIED_DEPTH, check
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from njangi_flows.client.errors import (
    ClientError,
    DamagedError,
    MissingError,
    ProblemError,
    UnexpectedAnswerError,
    UnreachableError,
    refusal,
)
from njangi_flows.proven import ProvenToken

DEFAULT_URL = "http://127.0.0.1:8400"
LONGEST_PAUSE = 10.0
LARGEST_PAGE = 500
_SEGMENT = re.compile(r"[\w.~-]+")
_LATER = (423, 429, 502, 503, 504)
_VALUES = ("parameters", "payload", "spec", "document")
"""The fields of a body with values from users' programs."""

T = TypeVar("T")


class CallBackoff:
    """The pauses between the tries of a call. Pauses and failed tries together take at most `patience` seconds."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._spent = 0.0
        self._seconds = 0.25

    def spend(self, seconds: float) -> None:
        """Count the time that a failed try took."""
        self._spent += seconds

    def next(self, at_least: float = 0.0, *, within: float | None = None) -> float | None:
        """Return the seconds to wait, None when the patience, or the `within` that counts instead, is at its end."""
        self._seconds = min(LONGEST_PAUSE, 2 * self._seconds)
        seconds = max(at_least, self._seconds * random.uniform(0.5, 1.0))
        if self._spent + seconds > (self._patience if within is None else min(within, self._patience)):
            return None
        self._spent += seconds
        return seconds


class Transport:
    """The connection to the service.

    A call is tried again for `patience` seconds, but only for `first_contact` seconds, if that is given, as long as
    nothing has answered yet: then the address is likely wrong. `on_wait` is called with the error when a call begins to
    wait for the service, and with None when the service is back.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        patience: float,
        first_contact: float | None = None,
        on_wait: Callable[[ClientError | None], object] = lambda _: None,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.http = http
        self.pause = pause
        self._patience = patience
        self._first_contact = first_contact
        self._on_wait = on_wait
        self._met = False
        self._waiting = False

    def backoff(self) -> CallBackoff:
        return CallBackoff(self._patience)

    async def wait(self, backoff: CallBackoff, error: ClientError, at_least: float = 0.0) -> None:
        """Wait before the next try of a call that failed with `error`. Raises it when the patience is at its end."""
        seconds = backoff.next(at_least, within=None if self._met else self._first_contact)
        if seconds is None:
            raise error
        if not self._waiting:
            self._waiting = True
            self._on_wait(error)
        await self.pause(seconds)

    @property
    def url(self) -> str:
        return str(self.http.base_url)

    def _answered(self, answer: httpx.Response) -> None:
        """Note that the service answers; it is back unless it asks to come later."""
        self._met = True
        if self._waiting and answer.status_code not in _LATER:
            self._waiting = False
            self._on_wait(None)

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

        POSTs and PUTs carry an `Idempotency-Key`, so the service does a repeated call only once. A call that is not
        `repeatable` is made again only if the service did nothing. Raises ClientErrors, and NotCarriedError for a value
        that JSON has no form for.
        """
        request: dict[str, Any] = {"params": _given(query or {}), "headers": dict(headers or {})}
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
                if not repeatable:
                    raise self.unreachable(error) from error
                lost = True
                await self.wait(backoff, self.unreachable(error))
                continue
            self._answered(answer)
            if answer.is_success:
                return answer
            problem = refusal(answer)
            if method == "DELETE" and lost and isinstance(problem, MissingError):
                return answer  # an earlier try, whose answer was lost, has deleted it
            if not is_passing(problem):
                raise problem
            await self.wait(backoff, problem, after(answer))

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

    async def items(self, kind: type[T], path: str, name: str, **more: Any) -> AsyncGenerator[T, None]:
        """Yield the items of a list; its `pages` are fetched as they are needed."""
        async for page in self.pages(kind, path, name, **more):
            for item in page:
                yield item

    async def pages(
        self,
        kind: type[T],
        path: str,
        name: str,
        *,
        query: Mapping[str, Any] | None = None,
        size: str = "page_size",
        mark: tuple[str, str] = ("page_token", "next_page_token"),
        **ids: Any,
    ) -> AsyncGenerator[list[T], None]:
        """Yield the pages of a list.

        `name` is that of the list in a page, `size` the parameter that says how many it holds, and `mark` the
        parameter and the field by which the next page is asked for.
        """
        asked = {size: LARGEST_PAGE, **(query or {})}
        while True:
            page: dict[str, Any] = await self.get(dict[str, Any], path, query=asked, **ids)
            found: list[T] = self._checked(list[kind], page.get(name))  # type: ignore[valid-type]
            yield found
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
        """Open an answer that is read as it comes. If it breaks, UnreachableError is raised; it is not opened again."""
        address = filled(path, ids)
        try:
            async with self.http.stream(
                "GET", address, params=_given(query or {}), headers=dict(headers or {})
            ) as answer:
                self._answered(answer)
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
    ) -> AsyncGenerator[bytes, None]:
        """Yield an answer as it comes. If it has an `ETag`, it goes on where it stopped after a broken connection.

        `on_type` is called with its media type first.
        """
        sent, tag, backoff = 0, None, self.backoff()
        while True:
            headers: dict[str, str] = {"Range": f"bytes={sent}-", "If-Range": tag} if sent and tag else {}
            try:
                async with self.stream(path, query=query, headers=headers, **ids) as answer:
                    if sent and answer.status_code != httpx.codes.PARTIAL_CONTENT:
                        raise DamagedError(self.url, "the content has changed since it broke off; begin again")
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
                await self.wait(backoff, error)
            except ProblemError as error:
                if not is_passing(error):
                    raise
                await self.wait(backoff, error)

    def unreachable(self, error: httpx.TransportError) -> UnreachableError:
        """Return the error that a failed try stands for; its cause is `error`."""
        found = UnreachableError(self.url, _reason(error))
        found.__cause__ = error
        return found

    def _read(self, kind: type[T], answer: httpx.Response) -> T:
        try:
            value = answer.json()
        except ValueError as error:
            raise UnexpectedAnswerError(self.url, "what answers is no Njangi service") from error
        return self._checked(kind, value)

    def _checked(self, kind: type[T], value: object) -> T:
        try:
            checked: T = TypeAdapter(kind).validate_python(value)
            return checked
        except ValidationError as error:
            raise UnexpectedAnswerError(self.url, f"it is of another version, or no Njangi service: {error}") from error


def open_transport(
    url: str,
    token: str | None,
    *,
    patience: float,
    first_contact: float | None = None,
    on_wait: Callable[[ClientError | None], object] = lambda _: None,
    timeout: httpx.Timeout | None = None,
) -> Transport:
    """Return a way to the service at `url`. Raises httpx.InvalidURL; `transport.http` is to be closed at the end."""
    address = httpx.URL(url)
    http = httpx.AsyncClient(
        base_url=address,
        verify=address.scheme == "https",  # to read the authorities' certificates takes long
        auth=ProvenToken(token) if token else None,
        timeout=timeout or httpx.Timeout(30.0, connect=10.0),
    )
    return Transport(http, patience=patience, first_contact=first_contact, on_wait=on_wait)


def _reason(error: BaseException) -> str:
    """Return what the operating system says, if that is why, else the text of the error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionError) and cause.errno is not None:
            return f"[Errno {cause.errno}] {os.strerror(cause.errno)}"
        if isinstance(cause, OSError) and cause.errno is not None:
            return str(cause)
        cause = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__


def is_passing(problem: ProblemError) -> bool:
    """Whether the service did nothing and the same call may work later."""
    return problem.status in _LATER or problem.kind == "under-way"


def after(answer: httpx.Response) -> float:
    """Return the seconds that an answer asks the caller to wait."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else 0.0


def filled(path: str, ids: Mapping[str, str | int]) -> str:
    """Return `path` with each `{name}` replaced. Raises ValueError for an id that would change the route."""
    for name, value in ids.items():
        if not _SEGMENT.fullmatch(str(value)) or not str(value).strip("."):
            raise ValueError(f"{value!r} cannot be {name}: that is letters, digits, '_', '-' and '.'")
    return path.format_map({name: quote(str(value), safe="") for name, value in ids.items()})


def _check_values(body: object) -> None:
    """Raise NotCarriedError, with the path, for a value that pydantic would write as another value."""
    fields = body if isinstance(body, Mapping) else {}
    for name in _VALUES:
        value = fields.get(name)
        check({name: dict(value) if isinstance(value, Mapping) else value}, depth=CARRIED_DEPTH + 1, text_keys=True)


def _given(query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that are not None, as text."""
    return {name: to_jsonable_python(value) for name, value in query.items() if value is not None}
