"""Who may read an event: the owner and the readers of the run, workflow or schedule that it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from storage.database import Database, Document, unavailable_is_ours
from storage.ledger import Event
from storage.sharing import EVERYBODY

_SHOWN = {"owner": 1, "workflow_id": 1, "readers": 1}


@dataclass(frozen=True, slots=True)
class Audience:
    """Who may hear of something. `readers` holds names of users, or EVERYBODY; with none, only admins may."""

    owner: str | None = None
    workflow_id: str | None = None
    readers: frozenset[str] = frozenset()


NOBODY = Audience()
ALL = Audience(readers=frozenset({EVERYBODY}))


class AudienceStore:
    """Reads `runs`, `workflows` and `schedules`, never more than what a page of events tells of."""

    def __init__(self, database: Database) -> None:
        self._runs = database["runs"]
        self._workflows = database["workflows"]
        self._schedules = database["schedules"]

    async def of(self, events: Sequence[Event]) -> list[Audience]:
        """Return the audience of each event, as its readers are now. What has been deleted concerns its owner alone."""
        subjects = [_subject(event) for event in events]
        found: dict[tuple[str, str], Audience] = {}
        with unavailable_is_ours():
            for kind, collection in (
                ("run", self._runs),
                ("workflow", self._workflows),
                ("schedule", self._schedules),
            ):
                if ids := {id_ for of, id_ in subjects if of == kind}:
                    async for document in collection.find({"_id": {"$in": sorted(ids)}}, _SHOWN):
                        found[kind, document["_id"]] = _audience(kind, document)
        return [
            ALL if kind == "volunteer" else found.get((kind, id_)) or _owner_alone(event.data)
            for (kind, id_), event in zip(subjects, events, strict=True)
        ]


def _subject(event: Event) -> tuple[str, str]:
    """Return the kind and the id of what an event tells of."""
    if event.run_id is not None:
        return "run", event.run_id
    kind = event.type.partition(".")[0]
    return kind, str(event.data.get(kind, ""))


def _owner_alone(data: Mapping[str, object]) -> Audience:
    owner = data.get("owner")
    return Audience(owner, readers=frozenset({owner})) if isinstance(owner, str) else NOBODY


def _audience(kind: str, document: Document) -> Audience:
    owner: str | None = document.get("owner")
    readers: Iterable[str] = document.get("readers") or ([owner] if owner is not None else ())
    workflow_id = document["_id"] if kind == "workflow" else document.get("workflow_id")
    return Audience(owner, workflow_id, frozenset(readers))
