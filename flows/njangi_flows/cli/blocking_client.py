"""The typed client's transport for commands: each call blocks until its answer is there, and its errors are sentences.

Commands show answers as the service gave them, so answers stay documents here (decision 0143).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import httpx
import typer
from njangi_agent.dialect import NotCarriedError

from njangi_flows.cli.failures import CommandError, NoAnswerError, RefusedError, WrongUsageError
from njangi_flows.cli.showing import printable
from njangi_flows.cli.uploading import UploadBar
from njangi_flows.client import events as streams
from njangi_flows.client.blobs import BlobCalls
from njangi_flows.client.errors import (
    ClientError,
    DamagedError,
    ProblemError,
    UnauthorizedError,
    UnexpectedAnswerError,
    UnreachableError,
)
from njangi_flows.client.transport import DEFAULT_URL, LARGEST_PAGE, Transport, filled, open_transport
from njangi_flows.proven import NotProvenError

Method = Literal["GET", "POST", "PUT", "DELETE"]
T = TypeVar("T")


class BlockingClient:
    """The service's calls, one after another. `{name}` in a path stands for the keyword argument of that name."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._runner.run(self.transport.http.aclose())
        self._runner.close()

    def get(self, path: str, query: Mapping[str, Any] | None = None, **ids: str | int) -> dict[str, Any]:
        return self._object("GET", path, ids, query=query)

    def post(self, path: str, body: object = None, *, repeatable: bool = True, **ids: str | int) -> dict[str, Any]:
        return self._object("POST", path, ids, body=body, repeatable=repeatable)

    def put(
        self, path: str, body: object, *, headers: Mapping[str, str] | None = None, **ids: str | int
    ) -> dict[str, Any]:
        return self._object("PUT", path, ids, body=body, headers=headers)

    def delete(self, path: str, **ids: str | int) -> None:
        self._send("DELETE", path, ids)

    def send(self, path: str, body: object, *, repeatable: bool = True) -> None:
        """POST `body` to a path whose answer is empty."""
        self._send("POST", path, {}, body=body, repeatable=repeatable)

    def items(
        self,
        path: str,
        name: str,
        query: Mapping[str, Any] | None = None,
        *,
        page: int = LARGEST_PAGE,
        size: str = "page_size",
        mark: tuple[str, str] = ("page_token", "next_page_token"),
        **ids: str | int,
    ) -> Iterator[dict[str, Any]]:
        """Yield the items of the list `name`, `page` of them a call; see `Transport.pages`."""
        _check(path, ids)
        kind = dict[str, Any]
        wanted = {size: page, **(query or {})}
        return self._flat(self.transport.pages(kind, path, name, query=wanted, size=size, mark=mark, **ids))

    def first(self, limit: int, path: str, name: str, query: Mapping[str, Any] | None = None, **more: Any) -> Items:
        """Return the first `limit` items of a list."""
        return list(islice(self.items(path, name, query, page=min(LARGEST_PAGE, limit), **more), limit))

    def content(
        self,
        path: str,
        query: Mapping[str, Any] | None = None,
        *,
        on_type: Callable[[str], object] = lambda _: None,
        **ids: str | int,
    ) -> Iterator[bytes]:
        """Yield an answer piece by piece: it may be large. `on_type` is called with its media type first."""
        _check(path, ids)
        return self._each(self.transport.bytes(path, query=query, on_type=on_type, **ids))

    def history(self, run_id: str, after: int) -> Generator[bytes, None, None]:
        """Yield the run's events numbered above `after`, each a line of JSON."""
        path = "/v1/runs/{run_id}/history"
        _check(path, {"run_id": run_id})
        return self._flat(streams.lines(self.transport, path, after, run_id=run_id))

    def events(self, query: Mapping[str, str | None], after: int | None) -> Iterator[streams.ServerSentEvent]:
        """Yield events as they happen, from now on or from the number `after` on; this never ends."""
        return self._each(streams.frames(self.transport, "/v1/events", query, after, endless=True))

    def upload(self, path: Path) -> str:
        """Store a file unless the service has it, and return its SHA-256. Raises OSError if it cannot be read."""
        with UploadBar(path.name) as bar:
            return self._run(BlobCalls(self.transport).put(path, bar.show))

    def blob(self, sha256: str) -> Iterator[bytes]:
        """Yield a stored file piece by piece. Raises NoAnswerError at the end if the content is another."""
        _check("{sha256}", {"sha256": sha256})
        return self._each(BlobCalls(self.transport).get(sha256))

    def _object(self, method: Method, path: str, ids: Mapping[str, Any], **request: Any) -> dict[str, Any]:
        answer = self._send(method, path, ids, **request)
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise _no_njangi(self.transport.url)
        return body

    def _send(self, method: Method, path: str, ids: Mapping[str, Any], **request: Any) -> httpx.Response:
        _check(path, ids)
        return self._run(self.transport.send(method, path, **request, **ids))

    def _each(self, items: AsyncGenerator[T, None]) -> Generator[T, None, None]:
        try:
            while True:
                try:
                    yield self._run(_next(items))
                except StopAsyncIteration:
                    return
        finally:
            self._run(_close(items))

    def _flat(self, lists: AsyncGenerator[list[T], None]) -> Generator[T, None, None]:
        """Yield the items of the lists. To enter the event loop takes some 50 µs, so it is done once for each list."""
        with closing(self._each(lists)) as fetched:
            for items in fetched:
                yield from items

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        try:
            return self._runner.run(call)
        except ClientError as error:
            raise in_words(error, self.transport.url) from error
        except NotCarriedError as error:
            raise WrongUsageError(f"this cannot be sent: {error}") from error


Items = list[dict[str, Any]]


@contextmanager
def open_client(
    url: str, token: str, *, patience: float, first_contact: float, seconds: float | None
) -> Iterator[BlockingClient]:
    """Open the service at `url`; see `connect`. Raises WrongUsageError for an address that cannot be one."""

    def tell(error: ClientError | None) -> None:
        text = "the service is back" if error is None else f"{in_words(error, url).message} - still trying"
        typer.echo(printable(text), err=True)

    try:
        address = httpx.URL(url)
        if address.scheme not in ("http", "https") or not address.host:
            raise WrongUsageError(f"the service's address must be like {DEFAULT_URL}, not {url}")
        transport = open_transport(
            url,
            token,
            patience=patience,
            first_contact=first_contact,
            on_wait=tell,
            timeout=httpx.Timeout(seconds) if seconds else httpx.Timeout(30.0, connect=5.0),
        )
    except (httpx.InvalidURL, UnicodeEncodeError) as error:
        raise WrongUsageError(f"the address {url} or the token cannot be sent: {error}") from error
    with BlockingClient(transport) as client:
        yield client


def in_words(error: ClientError, url: str) -> CommandError:
    """Return the error that ends a command when a call to the service at `url` failed with `error`."""
    if isinstance(error, UnexpectedAnswerError):
        return _no_njangi(url)
    if isinstance(error, DamagedError):
        return NoAnswerError(f"the service at {url}: {error.why}")
    if isinstance(error, ProblemError):
        return _refusal(error)
    cause = error.__cause__
    if isinstance(cause, NotProvenError):
        return NoAnswerError(f"the service cannot be reached at {url}: {cause}")
    why = error.why if isinstance(error, UnreachableError) else str(error)
    return NoAnswerError(f"the service at {url} does not answer ({why}); is it up? `njangi up` starts one")


def _refusal(error: ProblemError) -> CommandError:
    message = error.detail if error.problem.get("detail") or error.kind else f"{error.status} {error.detail}"
    if isinstance(error, UnauthorizedError):
        message += "; sign in by `njangi login`, or give a token by --token, NJANGI_TOKEN or .njangi/tokens/admin"
    if error.status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return NoAnswerError(f"the service cannot do this now: {message}", error.errors)
    return RefusedError(f"the service refused: {message}", error.errors)


def _no_njangi(url: str) -> RefusedError:
    return RefusedError(f"what answers at {url} is not a Njangi service, or one of another version")


async def _next(items: AsyncGenerator[T, None]) -> T:
    return await anext(items)


async def _close(items: AsyncGenerator[T, None]) -> None:
    await items.aclose()


def _check(path: str, ids: Mapping[str, str | int]) -> None:
    """Raise WrongUsageError for an id that could reach another route."""
    for name, value in ids.items():
        try:
            filled("{id}", {"id": value})
        except ValueError as error:
            what = _KINDS.get(name, "the id of a run, workflow, schedule or webhook, nor the name of a task")
            raise WrongUsageError(f"'{value}' is not {what}") from error


_KINDS = {"user": "the name of a user"}
