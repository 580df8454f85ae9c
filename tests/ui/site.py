"""A whole service for browsers: the embedded stack with two agents, and people who can sign in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from stack.settings import StackSettings
from stack.supervisor import Stack

T = TypeVar("T")

PEOPLE = {"ada": "admin", "kofi": "submitter", "esi": "viewer"}
PASSWORD = "correct horse battery"
COOKIE = "njangi_session"
START_SECONDS = 300.0
WORK_SECONDS = 300.0


class Site:
    """Runs its stack on a thread with a loop of its own, since a browser is waited for on the caller's.

    The thread lives as long as the stack: its processes die with the thread that started them.
    """

    def __init__(self, home: Path, *, agents: int = 2) -> None:
        self.stack = Stack(StackSettings(home=home, port=0, prefect_port=0, agents=agents))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stack", daemon=True)
        self._sessions: dict[str, httpx.Client] = {}

    @property
    def url(self) -> str:
        return self.stack.settings.url

    def do(self, work: Coroutine[Any, Any, T], seconds: float = WORK_SECONDS) -> T:
        """Run a coroutine on the stack's loop and return what it returns."""
        done: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return done.result(seconds)

    def __enter__(self) -> Self:
        self._thread.start()
        self.do(self.stack.start(), START_SECONDS)
        for name, role in PEOPLE.items():
            self._invite(name, role)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for session in self._sessions.values():
            session.close()
        self.do(self.stack.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    def token(self, role: str) -> str:
        """Return the service's own token for `admin`, `flow` or `join`."""
        return (self.stack.settings.home / "tokens" / role).read_text().strip()

    def bearer(self, token: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def _invite(self, name: str, role: str) -> None:
        with self.bearer(self.token("admin")) as admin, httpx.Client(base_url=self.url, timeout=60) as nobody:
            made = admin.post("/v1/invitations", json={"name": name, "role": role}).raise_for_status().json()
            accepted = {"code": made["code"], "password": PASSWORD}
            nobody.post("/v1/invitations:accept", json=accepted).raise_for_status()

    def session(self, name: str) -> httpx.Client:
        """Return a client that is signed in as `name`, as a browser is: by cookie, with the header of writes.

        The same one every time, unless it was signed out meanwhile: sign-ins are counted.
        """
        known = self._sessions.get(name)
        if known is not None and known.get("/v1/me").status_code == 200:
            return known
        session = httpx.Client(base_url=self.url, timeout=60)
        me = session.post("/v1/session", json={"name": name, "password": PASSWORD}).raise_for_status().json()
        session.headers["Njangi-CSRF"] = me["csrf_token"]
        self._sessions[name] = session
        return session

    def cookies(self, name: str) -> list[dict[str, Any]]:
        """Return what a browser needs to be signed in as `name`."""
        secret = self.session(name).cookies[COOKIE]
        return [{"name": COOKIE, "value": secret, "url": self.url, "httpOnly": True, "sameSite": "Lax"}]
