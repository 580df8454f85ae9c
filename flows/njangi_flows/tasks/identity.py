"""The identity of a call of an engineer's flow: what it computes, not when it was made.

A definition is the code that travels with the resources and limits it asks for, and is named by its digest. A call is
a definition, the digest of its parameters, and how many equal calls of its flow came before it. So a flow that begins
anew adopts whatever equals what it had before, in any order, and what has changed is computed anew.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from njangi_flows.protocol import KnownCall, TaskState


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """The function called `name`, ready to travel: `fields` are those of a TaskDefinition, `digest` is of them all."""

    name: str
    digest: str
    fields: Mapping[str, Any]

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> FunctionDefinition:
        """Return a definition for the fields, which have a name and are JSON."""
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).hexdigest()
        return cls(fields["name"], digest, {**fields, "digest": digest})


def task_name(definition: FunctionDefinition, known: Mapping[str, str | None]) -> str:
    """Return which task of a run the definition is; `known` are the digests of the run's tasks by their names.

    The first definition of a name is the task of that name, others are NAME~2, NAME~3, ...
    """
    for name, digest in known.items():
        if digest == definition.digest:
            return name
    name, number = definition.name, 1
    while name in known:
        number += 1
        name = f"{definition.name}~{number}"
    return name


@dataclass(frozen=True, slots=True)
class CallPlace:
    """Where a call is: `index` in its task. `tries` are those of it that failed before the flow began this time."""

    task: str
    index: int
    tries: int


class Places:
    """Gives each call of a task its place: that of an equal call from before the flow began anew, or the next one."""

    def __init__(self, task: str, known: Iterable[KnownCall] = ()) -> None:
        self._task = task
        self._kept: defaultdict[str, deque[KnownCall]] = defaultdict(deque)
        self._next = 0
        for call in known:
            if call.contents is not None:
                self._kept[call.contents].append(call)
            self._next = max(self._next, call.index + 1)

    def take(self, contents: str) -> CallPlace:
        """Return the place of the next call whose parameters have that SHA-256."""
        kept = self._kept.get(contents)
        if kept:
            call = kept.popleft()
            return CallPlace(self._task, call.index, call.tries)
        self._next += 1
        return CallPlace(self._task, self._next - 1, 0)


class Occurrences:
    """Counts equal calls. One per start of a flow, for the threads that hold its lock."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def name(self, key: str) -> str:
        """Return a name for a call: the same for the n-th one with that key in every start of the flow."""
        self._counts[key] += 1
        return f"{key}/{self._counts[key] - 1}"


class WaitNames:
    """Gives each wait of a flow its task: that of a like one from before the flow began anew, or the next free one."""

    def __init__(self, known: Iterable[TaskState] = ()) -> None:
        self._known = {task.name: task for task in known}
        self._taken: set[str] = set()

    def take(self, prefix: str, seconds: float | None) -> str:
        """Return the name of the task, which begins with `prefix`; like ones wait as many seconds at most."""
        names = (f"{prefix}{index}" for index in itertools.count())
        name = next(name for name in names if self._is_free(name, seconds))
        self._taken.add(name)
        return name

    def _is_free(self, name: str, seconds: float | None) -> bool:
        known = self._known.get(name)
        return name not in self._taken and (known is None or _waited(known, seconds) == seconds)


def _waited(task: TaskState, unsaid: float | None) -> object:
    """Return how long a task was to wait; of one that began before that was kept, `unsaid`."""
    return task.plan.get("seconds", unsaid) if isinstance(task.plan, dict) else unsaid
