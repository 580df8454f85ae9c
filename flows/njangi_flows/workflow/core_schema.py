"""Resolve YAML's plain scalars as YAML 1.2's core schema says, and remember how numbers and words were written.

In the core schema only `true` and `false` are truth values, digits have no underscores, no colons and no octal by a
leading zero, and dates are text. `doubts` tells what is written one way and read another, such as 1.10.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from njangi_agent.dialect import MAX_DIGITS
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.resolver import BaseResolver, VersionedResolver
from ruamel.yaml.tag import Tag

from njangi_flows.workflow.problems import Problem, pointer

EXACT_IN_DOUBLES = 2**53
NEXT_LINE = "\x85"
"""The control character NEL: a line break in YAML 1.1, a character like others in YAML 1.2."""
TOO_LARGE: int = 10**MAX_DIGITS
"""Whole numbers from here on are not carried, and Python itself does not read them."""
_TAG = "tag:yaml.org,2002:"
_NUMBER_STARTS = "-+.0123456789"
_SCALARS = (
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list(_NUMBER_STARTS)),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list(_NUMBER_STARTS)),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list(_NUMBER_STARTS)),
)
_OLD_TRUTHS = frozenset({"yes", "no", "on", "off"})
_BY_SIXTIES = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
"""A number of YAML 1.1: 12:30:45 is 45045 there."""
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]")
_BARE_EXPONENT = re.compile(r"[-+]?[0-9]+[eE][0-9]+")
_TRAILING_ZERO = re.compile(r"\.[0-9]+0$")


class CoreResolver(BaseResolver):
    """Finds the type of a plain scalar."""

    def __init__(self, version: object = None, loader: Any = None) -> None:
        super().__init__(loader)

    @property
    def processing_version(self) -> tuple[int, int]:
        return (1, 2)


for _name, _pattern, _first in _SCALARS:
    CoreResolver.add_implicit_resolver_base(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), _first)


class CarefulResolver(VersionedResolver):
    """For writing: says of text that some reader may take it for something else, so that it gets quotes."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        found = super().resolve(kind, value, implicit)
        if kind is not ScalarNode or not implicit[0] or str(found) != str(self.DEFAULT_SCALAR_TAG):
            return found
        if value.lower() in _OLD_TRUTHS:
            return Tag(suffix=f"{_TAG}bool")
        if _BY_SIXTIES.fullmatch(value):
            return Tag(suffix=f"{_TAG}int")
        return CoreResolver().resolve(kind, value, implicit)


class WrittenInt(int):
    """A whole number that knows how it was written."""

    written: str


class WrittenFloat(float):
    """A floating-point number that knows how it was written."""

    written: str


class PlainText(str):
    """A text that was written without quotes."""


def whole_number(text: str) -> int:
    """Return a whole number of the core schema; TOO_LARGE for decimal digits that are too many to be read."""
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    if base == 10 and len(text) > MAX_DIGITS and len(text.lstrip("+-").lstrip("0")) > MAX_DIGITS:
        return TOO_LARGE
    if base != 10:
        return int(text[2:], base)
    number = int(text.lstrip("+-").lstrip("0") or "0")  # Python counts leading zeros as digits
    return -number if text.startswith("-") else number


def written_float(text: str) -> WrittenFloat:
    number = WrittenFloat(text)
    number.written = text
    return number


class CoreConstructor(SafeConstructor):
    """Makes the values that the core schema gives to scalars."""

    def construct_yaml_int(self, node: Any) -> int:
        text = self.construct_scalar(node)
        number = WrittenInt(whole_number(text))
        number.written = text
        return number

    def construct_yaml_float(self, node: Any) -> float:
        text = self.construct_scalar(node)
        return written_float(text.replace(".", "") if text[-1:].isalpha() else text)

    def construct_yaml_str(self, node: Any) -> str:
        text: str = self.construct_scalar(node)
        return PlainText(text) if isinstance(node, ScalarNode) and node.style is None else text


for _name in ("int", "float", "str"):
    CoreConstructor.add_constructor(_TAG + _name, getattr(CoreConstructor, f"construct_yaml_{_name}"))


def plain(value: Any) -> Any:
    """Return a value that was read, without what its scalars remember."""
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, WrittenInt):
        return int(value)
    if isinstance(value, WrittenFloat):
        return float(value)
    return str(value) if isinstance(value, PlainText) else value


def doubts(value: Any, *place: str | int) -> Iterator[Problem]:
    """Yield what in a value that was read may be meant otherwise than it was read."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from doubts(item, *place, key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from doubts(item, *place, index)
    elif isinstance(value, bool):
        return
    elif isinstance(value, int):
        yield from _of_whole_number(value, pointer(*place))
    elif isinstance(value, WrittenFloat):
        if code := _lost_in(value):
            yield Problem.of(pointer(*place), code, written=value.written[:60], value=repr(float(value)))
    elif isinstance(value, PlainText) and value.lower() in _OLD_TRUTHS:
        yield Problem.of(pointer(*place), "word-no-truth", written=str(value))


def _of_whole_number(value: int, place: str) -> Iterator[Problem]:
    written = value.written if isinstance(value, WrittenInt) else str(value)
    if _LEADING_ZERO.match(written):
        yield Problem.of(place, "zeros-lost", written=written[:60], value=str(int(value)))
    elif abs(value) > EXACT_IN_DOUBLES:
        yield Problem.of(place, "beyond-doubles", written=written[:60])


def _lost_in(value: WrittenFloat) -> str | None:
    written = value.written
    if _LEADING_ZERO.match(written):
        return "zeros-lost"
    if Decimal(written) != Decimal(repr(float(value))):
        return "digits-lost"
    if _TRAILING_ZERO.search(written):
        return "zeros-lost"
    return "exponent-read" if _BARE_EXPONENT.fullmatch(written) else None


def loses(text: str) -> bool:
    """Whether a floating-point number that is written so would be written otherwise once it was read."""
    return _lost_in(written_float(text)) in ("zeros-lost", "digits-lost")
