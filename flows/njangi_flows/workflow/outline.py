"""What could be read of a workflow that may be broken: what checks across tasks and files look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from njangi_flows.workflow.model import LANGUAGE, TaskSpec


@dataclass(frozen=True, slots=True)
class TaskOutline:
    """What could be read of one task. `task` lacks its `broken` fields; None when too little is left."""

    index: int
    name: str | None
    dependencies: list[tuple[int, str]]
    task: TaskSpec | None
    broken: set[str]


@dataclass(frozen=True, slots=True)
class Outline:
    """What could be read of a workflow; `broken` are its own fields that could not.

    `labels` are the texts that only people read, by JSON Pointer.
    """

    inputs: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    tasks: list[TaskOutline] = field(default_factory=list)
    cleanup: str | None = None
    broken: set[str] = field(default_factory=set)
    language: int = LANGUAGE
    labels: dict[str, str] = field(default_factory=dict)
