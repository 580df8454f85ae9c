"""Group failures by cause: the same type, and messages that differ only in numbers, paths and the like.

Plain functions of plain values.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.values import Failure

EXAMPLES = 5
LONGEST_MESSAGE = 500
GROUP_ID_LENGTH = 12
_FOLDS = (
    (re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"), "<id>"),
    (re.compile(r"(?<![\w<])(?:[A-Za-z]:)?(?:[\\/][\w.@%+~-]+)+[\\/]?"), "<path>"),
    (re.compile(r"\b0[xX][0-9a-fA-F]+\b"), "<hex>"),
    (re.compile(r"\b(?=[0-9a-fA-F]*[0-9])(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{8,}\b"), "<hex>"),
    (re.compile(r"(?<![A-Za-z_])[-+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?"), "<number>"),
)


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures alike. `message` is what is common to them: what differs is folded, unless nothing does.

    `examples` are the newest, at most EXAMPLES. `id`: see `group_id`.
    """

    id: str
    type: str
    message: str
    count: int
    tasks: Mapping[str, int]
    volunteers: int
    examples: Sequence[Failure]
    last_at: datetime


def folded(message: str) -> str:
    """Return a message with its numbers, ids, hexadecimal and paths replaced by what they are."""
    text = message[:LONGEST_MESSAGE]
    for pattern, word in _FOLDS:
        text = pattern.sub(word, text)
    return text


def group_id(type_: str, message: str) -> str:
    """Return the id of the group that such a failure belongs to, the same for one cause in whatever run."""
    return hashlib.sha256(f"{type_}\n{folded(message)}".encode()).hexdigest()[:GROUP_ID_LENGTH]


def grouped(failures: Iterable[Failure]) -> list[FailureGroup]:
    """Return the failures in groups, the largest first; of groups of one size the newest."""
    alike: defaultdict[tuple[str, str], list[Failure]] = defaultdict(list)
    for failure in failures:
        alike[failure.type, folded(failure.message)].append(failure)
    groups = [_group(type_, message, found) for (type_, message), found in alike.items()]
    return sorted(groups, key=lambda group: (group.count, group.last_at), reverse=True)


def _group(type_: str, message: str, found: Sequence[Failure]) -> FailureGroup:
    newest = sorted(found, key=lambda failure: failure.at, reverse=True)
    literal = {failure.message[:LONGEST_MESSAGE] for failure in found}
    return FailureGroup(
        id=group_id(type_, found[0].message),
        type=type_,
        message=literal.pop() if len(literal) == 1 else message,
        count=len(found),
        tasks=dict(Counter(failure.task for failure in found).most_common()),
        volunteers=len({failure.volunteer_id for failure in found} - {None}),
        examples=newest[:EXAMPLES],
        last_at=newest[0].at,
    )
