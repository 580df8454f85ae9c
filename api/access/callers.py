"""Remember for a moment who owns the token that a request carries."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from storage.people.users import token_hash

T = TypeVar("T")
USER_SECONDS = 10.0
VOLUNTEER_SECONDS = 120.0
"""How long the owner of a token is remembered. Longer for volunteers: thousands of them come back once a minute only
to say that they are still there. Who is disabled, suspended or retired is forgotten at once, by every replica."""
REMEMBERED_TOKENS = 20_000


class Callers(Generic[T]):
    """Remembers for a moment whose token is whose, so that a sync need not ask the database."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._known: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._forgotten = 0

    async def find(self, token: str, look_up: Callable[[str], Awaitable[T | None]]) -> T | None:
        """Return the owner of `token`; strangers are looked up every time."""
        key, now, forgotten = token_hash(token), time.monotonic(), self._forgotten
        known = self._known.get(key)
        if known is not None and now - known[0] < self._seconds:
            return known[1]
        owner = await look_up(token)
        if owner is not None and forgotten == self._forgotten:  # what was read before may be what is no longer so
            self._known[key] = (now, owner)
            self._known.move_to_end(key)
            if len(self._known) > REMEMBERED_TOKENS:
                self._known.popitem(last=False)
        return owner

    def forget(self, which: Callable[[T], bool] = lambda owner: True) -> None:
        """Forget the owners that `which` picks, all unless told: the next call of each is looked up."""
        self._forgotten += 1
        for key in [key for key, (_, owner) in self._known.items() if which(owner)]:
            del self._known[key]
