"""Decide which events a caller may read and wants to read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from api.access.rights import AccessDecision, Action, decide
from storage.audiences import Audience
from storage.errors import NjangiError
from storage.people.users import User
from storage.sharing import Owned

_TYPE = re.compile(r"^[a-z_]+(\.[a-z_]+)*(\.\*)?$|^\*$")
MOST_TYPES = 50


class WrongFilterError(NjangiError):
    """A filter of events that could never be meant."""

    code = "no-event-type"
    says = "{given!r} is no type of events; write one as run.completed, many as run.* or *"
    names = ("given",)


def may_hear(user: User, audience: Audience) -> bool:
    """Whether `user` may read what has this audience. Everything that tells events asks here."""
    return decide(user, Action.READ, Owned(audience.owner or "", tuple(audience.readers))) is AccessDecision.ALLOWED


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events somebody asks for. A type that ends in `.*` stands for all that begin so; None asks for any."""

    types: tuple[str, ...] = ()
    run_id: str | None = None
    workflow_id: str | None = None
    owner: str | None = None

    def covers(self, type_: str, run_id: str | None, audience: Audience) -> bool:
        if self.run_id is not None and run_id != self.run_id:
            return False
        if self.workflow_id is not None and audience.workflow_id != self.workflow_id:
            return False
        if self.owner is not None and audience.owner != self.owner:
            return False
        return not self.types or any(_matches(wanted, type_) for wanted in self.types)


def _matches(wanted: str, type_: str) -> bool:
    return type_.startswith(wanted[:-1]) if wanted.endswith("*") else type_ == wanted


def types_of(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the types that a filter names, separated by commas or apart. Raises WrongFilterError."""
    types = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    for type_ in types[:MOST_TYPES]:
        if not _TYPE.match(type_):
            raise WrongFilterError(type_[:80])
    if len(types) > MOST_TYPES:
        raise WrongFilterError(f"a filter of {len(types)} types")
    return () if "*" in types else tuple(dict.fromkeys(types))
