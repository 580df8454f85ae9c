"""Events over a WebSocket: one connection, several subscriptions that come and go.

Each message is a JSON object with `op`. The client sends `auth`, `subscribe` and `unsubscribe`; the service
`subscribed`, `event`, `resync` and `error`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from contextlib import aclosing
from typing import Annotated, Literal
from urllib.parse import urlsplit

import orjson
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.websockets import WebSocketState

from api.access.event_access import EventFilter, WrongFilterError, types_of
from api.access.rights import AccessDecision, Action, decide
from api.dependencies import DECLARED, user_of
from api.http.rate_limits import SESSION_COOKIE
from api.live.feed import EmittedEvent, Listener, listen
from api.services import Services
from storage.errors import StorageUnavailableError
from storage.people.users import User

log = logging.getLogger(__name__)

router = APIRouter(tags=["events"])

FIRST_MESSAGE_SECONDS = 10.0
MOST_SUBSCRIPTIONS = 32
LARGEST_MESSAGE = 64 * 1024
"""Bytes; a larger one closes the connection."""
NOT_ALLOWED, COME_AGAIN = 4401, 1012
"""Codes that a connection is closed with: without a good token; when it has lasted or the service leaves."""


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Auth(_Message):
    op: Literal["auth"]
    token: str


class Subscribe(_Message):
    op: Literal["subscribe"]
    id: Annotated[str, Field(min_length=1, max_length=64)]
    types: list[str] = []
    run_id: str | None = None
    workflow_id: str | None = None
    owner: str | None = None
    after: Annotated[int, Field(ge=0, lt=2**63)] | None = None


class Unsubscribe(_Message):
    op: Literal["unsubscribe"]
    id: str


_MESSAGES: TypeAdapter[Auth | Subscribe | Unsubscribe] = TypeAdapter(
    Annotated[Auth | Subscribe | Unsubscribe, Field(discriminator="op")]
)


class Conversation:
    """One connection's subscriptions, each told by a task of its own."""

    def __init__(self, socket: WebSocket, app: Services, user: User, tasks: asyncio.TaskGroup) -> None:
        self._socket = socket
        self._app = app
        self._user = user
        self._tasks = tasks
        self._subscriptions: dict[str, asyncio.Task[None]] = {}

    async def take(self, message: Auth | Subscribe | Unsubscribe) -> None:
        match message:
            case Subscribe():
                await self._subscribe(message)
            case Unsubscribe():
                if task := self._subscriptions.pop(message.id, None):
                    task.cancel()

    async def _subscribe(self, message: Subscribe) -> None:
        if message.id not in self._subscriptions and len(self._subscriptions) >= MOST_SUBSCRIPTIONS:
            await self.error(f"a connection has at most {MOST_SUBSCRIPTIONS} subscriptions", message.id)
            return
        try:
            wanted = EventFilter(types_of(message.types), message.run_id, message.workflow_id, message.owner)
            after = await self._app.stores.ledger.last_seq() if message.after is None else message.after
        except (WrongFilterError, StorageUnavailableError) as error:
            await self.error(str(error), message.id)
            return
        if before := self._subscriptions.pop(message.id, None):
            before.cancel()
        await self._say({"op": "subscribed", "id": message.id, "after": after})
        listener = Listener(self._app.feed, self._user, wanted, after)
        self._subscriptions[message.id] = self._tasks.create_task(self._tell(message.id, listener))

    async def _tell(self, id_: str, listener: Listener) -> None:
        name = orjson.dumps(id_)
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the reader of messages sees that it is closed
            async with aclosing(listen(self._app.feed, listener)) as batches:
                async for batch in batches:
                    for told in batch:
                        form = b'{"op":"event","id":%s,"event":%s}' if isinstance(told, EmittedEvent) else _RESYNC
                        await self._socket.send_text((form % (name, told.json)).decode())
            await self._socket.close(COME_AGAIN)

    def end(self) -> None:
        """Tell nothing more."""
        for task in self._subscriptions.values():
            task.cancel()

    async def error(self, detail: str, id_: str | None = None) -> None:
        await self._say({"op": "error", "id": id_, "detail": detail})

    async def _say(self, message: dict[str, object]) -> None:
        await self._socket.send_text(orjson.dumps(message).decode())


_RESYNC = b'{"op":"resync","id":%s,"resync":%s}'


@router.websocket("/v1/ws")
async def socket(socket: WebSocket) -> None:
    """Tell events to whoever has subscribed; the token comes in the header Authorization or in the first message."""
    if not _same_origin(socket):
        await socket.close()  # before it is accepted: 403
        return
    app: Services = socket.app.state.services
    user = await _user(socket, _bearer(socket))
    if user is None and _bearer(socket):
        await socket.close()
        return
    await socket.accept()
    try:
        user = user or await _introduced(socket)
        if user is None:
            await socket.close(NOT_ALLOWED, "say first: op auth, with a token that reads")
        else:
            async with asyncio.TaskGroup() as tasks:
                conversation = Conversation(socket, app, user, tasks)
                try:
                    await _converse(socket, conversation)
                finally:
                    conversation.end()
    except* WebSocketDisconnect:
        log.debug("a listener has closed its connection")
    except* RuntimeError:  # what Starlette says when one of us closed it while another was about to send or receive
        if _is_open(socket):
            raise


DECLARED[socket] = Action.READ


async def _introduced(socket: WebSocket) -> User | None:
    """Return whose token the first message brings, None if it brings none that is good."""
    try:
        message = _MESSAGES.validate_json(await asyncio.wait_for(_received(socket), FIRST_MESSAGE_SECONDS))
    except (TimeoutError, ValidationError):
        return None
    return await _user(socket, message.token) if isinstance(message, Auth) else None


async def _converse(socket: WebSocket, conversation: Conversation) -> None:
    """Take messages until the connection ends."""
    while True:
        received = await _received(socket)
        try:
            message = _MESSAGES.validate_json(received)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            await conversation.error(
                f"a message is a JSON object with op subscribe or unsubscribe; {where}: {first['msg']}"
            )
            continue
        await conversation.take(message)


async def _received(socket: WebSocket) -> str | bytes:
    """Return the next message, as text or as bytes. Raises WebSocketDisconnect when the client has closed."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005), message.get("reason"))
    received: str | bytes = message.get("text") or message.get("bytes") or b""
    return received


async def _user(socket: WebSocket, token: str) -> User | None:
    """Return who may read under this token."""
    if not token:
        return None
    app: Services = socket.app.state.services
    try:
        user = await user_of(app, token)
    except StorageUnavailableError:
        return None
    return user if user is not None and decide(user, Action.READ) is AccessDecision.ALLOWED else None


def _is_open(socket: WebSocket) -> bool:
    return socket.client_state is WebSocketState.CONNECTED is socket.application_state


def _same_origin(socket: WebSocket) -> bool:
    """Whether the page that opened this came from here; programs send no origin."""
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == socket.headers.get("host")


def _bearer(socket: WebSocket) -> str:
    """Return the token of the header, else of the console's cookie: the page is one of ours (`_same_origin`)."""
    scheme, _, token = socket.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else socket.cookies.get(SESSION_COOKIE, "")
