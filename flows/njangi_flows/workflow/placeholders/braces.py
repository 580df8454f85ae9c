"""Read the braces in a text: which of them are placeholders, which stand doubled for braces, which are the text's own.

Braces are matched in pairs. Of pairs that stand directly within each other, two by two are one pair of literal braces;
a pair that is left over is a placeholder if a known name is in it, else it stays as it is. So `{n}` is a placeholder,
`{{n}}` is the text `{n}`, `{{{n}}}` is a placeholder in braces, and of `{"a":{"b":{n}}}` only `{n}` is changed.
`${n}` is never a placeholder: shells and other programs have that form for names of their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pydantic import JsonValue

_NAME = re.compile(r"[^{}\s,:\"']+")
_WHOLE = re.compile(r"\{([^{}\s,:\"']+)\}")
Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Named:
    """A name in braces. `shell` says that a dollar sign stands before them."""

    name: str
    shell: bool = False


@dataclass(frozen=True, slots=True)
class _Group:
    """Pairs of braces directly within each other: `depth` of them open from `start` and close from `stop` on."""

    start: int
    stop: int
    depth: int

    def first(self, count: int) -> range:
        """Return where the outermost opening braces stand."""
        return range(self.start, self.start + count)

    def last(self, count: int) -> range:
        """Return where the outermost closing braces stand."""
        return range(self.stop + self.depth - count, self.stop + self.depth)


def whole(text: str) -> str | None:
    """Return the name in a text that is a placeholder and nothing else, or None."""
    found = _WHOLE.fullmatch(text)
    return found[1] if found else None


def pieces(text: str) -> list[str | Named]:
    """Return a text as what stays as it is, without the doubling of its literal braces, and the names in braces."""
    if "{" not in text:
        return [text]
    dropped: set[int] = set()
    named: dict[int, tuple[Named, int]] = {}
    for group in _groups(text):
        literal = group.depth // 2
        dropped.update(group.first(literal), group.last(literal))
        content = text[group.start + group.depth : group.stop]
        if group.depth % 2 and _NAME.fullmatch(content):
            shell = group.depth == 1 and text[group.start - 1 : group.start] == "$"
            named[group.start + group.depth - 1] = (Named(content, shell), group.stop + 1)
    return _joined(text, dropped, named)


def in_program(text: str, known: Collection[str]) -> list[str | Named]:
    """Return the text of a program likewise: its braces stay as they are but for those around names that are known.

    Doubled ones around a known name are literal braces; a name in single ones is named: a mistake there.
    """
    dropped: set[int] = set()
    named: dict[int, tuple[Named, int]] = {}
    for group in _groups(text) if "{" in text else ():
        content = text[group.start + group.depth : group.stop]
        if content not in known:
            continue
        literal = group.depth // 2
        dropped.update(group.first(literal), group.last(literal))
        shell = group.depth == 1 and text[group.start - 1 : group.start] == "$"
        if group.depth % 2 and not shell:
            named[group.start + group.depth - 1] = (Named(content), group.stop + 1)
    return _joined(text, dropped, named)


def contents(text: str) -> Iterator[tuple[str, int]]:
    """Yield what is within each group of braces, and how many pairs stand directly within each other there."""
    for group in _groups(text) if "{" in text else ():
        yield text[group.start + group.depth : group.stop], group.depth


def escaped(text: str) -> str:
    """Return the text that stands for `text` itself: whatever is named in its braces, they stay braces."""
    partners = _partners(text)
    return "".join(character * 2 if index in partners else character for index, character in enumerate(text))


def scalar_text(value: Scalar) -> str:
    """Return what a value is inside longer text: text as it is, anything else as JSON writes it (10.0, 1e+22, true)."""
    return value if isinstance(value, str) else json.dumps(value)


def is_scalar(value: JsonValue) -> bool:
    return not isinstance(value, list | dict)


def _partners(text: str) -> dict[int, int]:
    """Return where the partner of each brace that has one stands, both ways."""
    partners: dict[int, int] = {}
    open_: list[int] = []
    for found in re.finditer(r"[{}]", text):
        if found[0] == "{":
            open_.append(found.start())
        elif open_:
            start = open_.pop()
            partners[start], partners[found.start()] = found.start(), start
    return partners


def _groups(text: str) -> Iterator[_Group]:
    partners = _partners(text)
    within: set[int] = set()
    for start in sorted(index for index, partner in partners.items() if partner > index):
        if start in within:
            continue
        depth = 1
        while partners.get(start + depth) == partners[start] - depth and text[start + depth] == "{":
            within.add(start + depth)
            depth += 1
        yield _Group(start, partners[start] - depth + 1, depth)


def _joined(text: str, dropped: set[int], named: dict[int, tuple[Named, int]]) -> list[str | Named]:
    found: list[str | Named] = []
    own: list[str] = []
    at = 0
    while at < len(text):
        if at in named:
            name, at = named[at]
            found += ["".join(own), name] if own else [name]
            own = []
            continue
        if at not in dropped:
            own.append(text[at])
        at += 1
    return [*found, "".join(own)] if own or not found else found
