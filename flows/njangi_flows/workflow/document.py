"""Read the text of a workflow, YAML 1.2 or JSON, into plain JSON values.

The text comes from strangers: its size and depth are bounded, aliases (which can grow a kilobyte into
gigabytes) and tags are refused, and a key given twice is an error rather than a silent choice.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NoReturn

from njangi_agent.dialect import CARRIED_DEPTH, MAX_DIGITS, is_text
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from njangi_flows.workflow.core_schema import (
    NEXT_LINE,
    TOO_LARGE,
    CoreConstructor,
    CoreResolver,
    doubts,
    plain,
    whole_number,
    written_float,
)
from njangi_flows.workflow.problems import InvalidSpecError, Problem, pointer
from njangi_flows.workflow.sentences import Value

MAX_BYTES = 1024 * 1024
MAX_YAML_BYTES = 256 * 1024
"""YAML takes some 15 us a byte to read; JSON, almost nothing."""
MAX_WHOLE_NUMBER = 2**63 - 1
"""Of what the service itself reads. Values, which only people's programs read, have MAX_DIGITS."""
_VALUES = frozenset({"parameters", "payload", "items", "grid"})
"""Fields that hold values."""
_MOST_DOUBTS = 100


@dataclass(frozen=True, slots=True)
class Document:
    """What a text describes. `doubts` are warnings: scalars that may be meant otherwise than they are read."""

    fields: dict[str, Any]
    doubts: list[Problem]


def load(text: str) -> dict[str, Any]:
    """Return the object that a YAML or JSON text describes. Raises InvalidSpecError, naming the line."""
    return read(text).fields


def read(text: str) -> Document:
    """Return the object that a YAML or JSON text describes, with what is doubtful. Raises InvalidSpecError."""
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        _refuse("document-too-large", limit=MAX_BYTES)
    document = _from_json(text) if text.lstrip()[:1] == "{" else None
    if document is None:
        if len(text) > MAX_YAML_BYTES:
            _refuse("yaml-too-large", limit=MAX_YAML_BYTES)
        document = _from_yaml(text)
    problems = list(unfit(document))
    if not isinstance(document, dict):
        problems.append(Problem.of("", "no-workflow"))
    if problems or not isinstance(document, dict):
        raise InvalidSpecError(problems)
    return Document(plain(document), list(islice(doubts(document), _MOST_DOUBTS)))


def load_value(text: str) -> Any:
    """Return a single value as a command line gives it: JSON where the text is JSON, else the text itself.

    Raises InvalidSpecError for JSON that is not carried, with pointers into the value.
    """
    value = _from_json(text)
    if problems := list(unfit(value, values=True)):
        raise InvalidSpecError(problems)
    return text if value is None and text != "null" else plain(value)


def unfit(value: object, *place: str | int, values: bool = False) -> Iterator[Problem]:
    """Yield what in `value` JSON cannot carry: other types, keys that are no text, not-a-number, broken text.

    Whole numbers may have MAX_DIGITS where a document holds values, and everywhere if these are `values`.
    """
    if len(place) > CARRIED_DEPTH:
        yield Problem.of(pointer(*place), "too-deep", limit=CARRIED_DEPTH)
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(key, str) and is_text(key):
                yield from unfit(item, *place, key, values=values)
            else:
                yield Problem.of(pointer(*place), "key-type", given=ascii(str(key)[:60]))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from unfit(item, *place, index, values=values)
    elif isinstance(value, str):
        if not is_text(value):
            yield Problem.of(pointer(*place), "broken-text")
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield Problem.of(pointer(*place), "not-finite", given=str(value))
    elif isinstance(value, int):
        if abs(value) >= TOO_LARGE:
            yield Problem.of(pointer(*place), "too-many-digits", limit=MAX_DIGITS)
        elif abs(value) > MAX_WHOLE_NUMBER and not values and _VALUES.isdisjoint(place):
            yield Problem.of(pointer(*place), "number-too-large", limit=str(MAX_WHOLE_NUMBER))
    elif value is not None:
        yield Problem.of(pointer(*place), "value-type", given=ascii(value))


def _from_json(text: str) -> Any:
    """Return the value of a JSON text, or None where it is none (YAML may still read it)."""
    try:
        return json.loads(text, object_pairs_hook=_each_key_once, parse_float=written_float, parse_int=whole_number)
    except InvalidSpecError:
        raise
    except (ValueError, RecursionError):
        return None


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        keys = [key for key, _ in pairs]
        _refuse("key-twice", name=repr(next(key for key in keys if keys.count(key) > 1)))
    return fields


def _from_yaml(text: str) -> Any:
    if NEXT_LINE in text:  # YAML 1.1 makes a space or a line break of it, YAML 1.2 leaves it as it is
        _refuse("yaml-next-line", line=text[: text.index(NEXT_LINE)].count("\n") + 1)
    try:
        _look_over(text)
        reader = YAML(typ="safe", pure=True)
        reader.Constructor, reader.Resolver = CoreConstructor, CoreResolver
        return reader.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = _first_line(error.problem or error.context or "this is no YAML")
        if mark is None:
            _refuse("not-yaml", why=why)
        _refuse("not-yaml-at", line=mark.line + 1, column=mark.column + 1, why=why)
    except (YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, InvalidSpecError):
            raise
        _refuse("not-yaml", why=_first_line(str(error)))


def _look_over(text: str) -> None:
    """Refuse, before anything is built, what no workflow needs: aliases, tags, depth, several documents."""
    depth = documents = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        line = event.start_mark.line + 1
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
            _refuse("yaml-alias", line=line)
        if getattr(event, "tag", None) and str(event.tag) != "!":
            _refuse("yaml-tag", line=line, tag=str(event.tag))
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if event.version not in (None, (1, 2)):
                _refuse("yaml-version", line=line)
        depth += isinstance(event, (MappingStartEvent, SequenceStartEvent))
        depth -= isinstance(event, (MappingEndEvent, SequenceEndEvent))
        if documents > 1:
            _refuse("yaml-second", line=line)
        if depth > CARRIED_DEPTH:
            _refuse("too-deep-at", line=line, limit=CARRIED_DEPTH)


def _first_line(message: str) -> str:
    return message.strip().partition("\n")[0]


def _refuse(code: str, **values: Value) -> NoReturn:
    raise InvalidSpecError([Problem.of("", code, **values)])
