"""Lists of documents, page by page: filtered, sorted, each page read along one index.

Which index serves a list is decided here and told to MongoDB, not left to its planner: that would at times sort in
memory. What the index does not decide is looked up in the documents that it leads to.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pymongo import IndexModel

from storage.database import Collection, Document, unavailable_is_ours
from storage.errors import BadPageTokenError
from storage.sharing import EVERYBODY

_AFTER_EVERY_TEXT = "\U0010ffff"
Step = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Sort:
    """By which field, and whether the largest come first."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list: at most `size`, from where `token`, given with the page before, says."""

    size: int = 50
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list shows; None leaves a criterion out.

    `reader` sees what names it or everybody among its readers, None sees all. `equal` are fields and their values (a
    list: any of them), `name` a part of the name in any case, `prefix` how it begins, `text` a part of any of the
    fields that the list is searched by. Of the times `since` is included, `until` is not.
    """

    reader: str | None = None
    equal: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    prefix: str | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListQuery:
    """One query of a list: in which order, along which index."""

    query: Document
    order: list[Step]
    index: list[Step]


class Listing:
    """How one collection is listed: by which fields it is sorted, and which fields lead to an index of their own."""

    def __init__(
        self,
        collection: Collection,
        *,
        sorts: Sequence[str],
        leading: Sequence[str] = (),
        searched: Sequence[str] = ("_id", "name"),
        readers: bool = True,
        left_out: Sequence[str] = (),
    ) -> None:
        """`leading` fields have an index of their own, the most telling first; `left_out` are too large for a list.

        `sorts[0]` is the time that lists are sorted by where nothing else is said. Every index ends in the id, so that
        a page ends at one document and the next begins after it.
        """
        self._collection = collection
        self._time = sorts[0]
        self._leading = leading
        self._searched = searched
        self._shown = dict.fromkeys(left_out, 0) or None
        self._indexes: dict[tuple[str | None, str], list[Step]] = {}
        for name in sorts:
            direction = 1 if name == "name" else -1
            for lead in (None, *(["readers"] if readers else [])):
                self._indexes[lead, name] = _index(lead, name, direction)
        for lead in leading:
            self._indexes[lead, self._time] = _index(lead, self._time, -1)

    async def prepare(self) -> None:
        """Create the indexes that the pages below are read along."""
        await self._collection.create_indexes([IndexModel(keys) for keys in self._indexes.values()])

    async def page(self, filter_: Filter, sort: Sort, page: Page) -> tuple[list[Document], str | None]:
        """Return a page's documents and the token of the next one, None after the last.

        Raises BadPageTokenError for a token that this list, sorted so, never gave.
        """
        found: list[Document] = []
        for part in self.parts(filter_, sort, page):
            wanted = page.size + 1 - len(found)
            if wanted > 0:
                cursor = self._collection.find(part.query, self._shown, hint=part.index).sort(part.order).limit(wanted)
                with unavailable_is_ours():
                    found += await cursor.to_list()
        if len(found) <= page.size:
            return found, None
        return found[: page.size], _token(sort, found[page.size - 1])

    async def ids(self, filter_: Filter, *, limit: int) -> list[str]:
        """Return the ids of what a filter selects, the newest first, at most `limit`."""
        [part] = self.parts(filter_, Sort(self._time, True), Page())
        found = self._collection.find(part.query, {"_id": 1}, hint=part.index).sort(part.order).limit(limit)
        with unavailable_is_ours():
            return [document["_id"] async for document in found]

    def parts(self, filter_: Filter, sort: Sort, page: Page) -> list[ListQuery]:
        """Return the queries that make a page, to be read one after the other.

        Later pages begin with what is left of the documents whose value is that of the last one shown: so said,
        each part is one stretch of the index, however many documents share the value.
        """
        direction = -1 if sort.descending else 1
        by_id: Step = ("_id", direction)
        order: list[Step] = [(sort.field, direction), by_id]
        conditions = self._conditions(filter_)
        index = self._index(filter_, sort)
        if sort.field in filter_.equal:
            order = [by_id]
        if page.token is None:
            return [ListQuery(_all(conditions), order, index)]
        value, id_ = _place(sort, page.token)
        beyond = "$lt" if sort.descending else "$gt"
        others = [condition for condition in conditions if sort.field not in condition]  # the last one met the rest
        tied = ListQuery(_all([*others, {sort.field: value}, {"_id": {beyond: id_}}]), [by_id], index)
        if sort.field in filter_.equal:
            return [tied]
        return [tied, ListQuery(_all([*conditions, {sort.field: {beyond: value}}]), order, index)]

    def _index(self, filter_: Filter, sort: Sort) -> list[Step]:
        lead = next((name for name in self._leading if name in filter_.equal), None)
        if sort.field == self._time and lead is not None:
            return self._indexes[lead, self._time]
        scope = "readers" if filter_.reader is not None else None
        return self._indexes[scope, sort.field]

    def _conditions(self, filter_: Filter) -> list[Document]:
        conditions: list[Document] = []
        if filter_.reader is not None:
            conditions.append({"readers": {"$in": [filter_.reader, EVERYBODY]}})
        for name, value in filter_.equal.items():
            conditions.append({name: {"$in": list(value)} if isinstance(value, list | tuple) else value})
        if filter_.prefix is not None:
            conditions.append({"name": {"$gte": filter_.prefix, "$lt": filter_.prefix + _AFTER_EVERY_TEXT}})
        if filter_.name is not None:
            conditions.append({"name": _contains(filter_.name)})
        if filter_.text is not None:
            conditions.append({"$or": [{name: _contains(filter_.text)} for name in self._searched]})
        if filter_.since is not None:
            conditions.append({self._time: {"$gte": filter_.since}})
        if filter_.until is not None:
            conditions.append({self._time: {"$lt": filter_.until}})
        return conditions


def index_token(index: int) -> str:
    """Return the token of the page that begins after an index, for lists in the order of their indexes."""
    return base64.urlsafe_b64encode(f"after {index}".encode()).decode().rstrip("=")


def index_of(token: str | None) -> int:
    """Return the index that a page begins after, -1 without a token. Raises BadPageTokenError."""
    if token is None:
        return -1
    try:
        word, _, number = (
            base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True).decode().partition(" ")
        )
        if word == "after" and number.isdecimal() and len(number) < 10:
            return int(number)
    except ValueError as error:
        raise BadPageTokenError from error
    raise BadPageTokenError


def _index(lead: str | None, name: str, direction: int) -> list[Step]:
    return [*([(lead, 1)] if lead is not None else []), (name, direction), ("_id", direction)]


def _all(conditions: Sequence[Document]) -> Document:
    return {"$and": list(conditions)} if conditions else {}


def _contains(text: str) -> Document:
    return {"$regex": re.escape(text), "$options": "i"}


def _token(sort: Sort, last: Document) -> str:
    value = last[sort.field]
    place = [value.isoformat() if isinstance(value, datetime) else value, last["_id"]]
    text = json.dumps([sort.field, sort.descending, isinstance(value, datetime), *place], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(sort: Sort, token: str) -> tuple[Any, str]:
    """Return the value and the id of the last document that was shown."""
    try:
        padded = token + "=" * (-len(token) % 4)
        match json.loads(base64.b64decode(padded, altchars=b"-_", validate=True)):
            case [str(name), bool(descending), bool(time), str() | int() as value, str(id_)]:
                if (name, descending) == (sort.field, sort.descending):
                    return (datetime.fromisoformat(str(value)) if time else value), id_
    except ValueError as error:
        raise BadPageTokenError from error
    raise BadPageTokenError
