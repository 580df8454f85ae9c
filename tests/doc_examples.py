"""The YAML examples in the documentation, made whole.

A block of a page that is tagged `yaml` is a workflow (it has `tasks`), a list of tasks, or the fields of one
task. YAML of another kind is tagged `yml`. `workflow_of` makes a workflow of a part of one: it adds a name, a command,
the tasks that others depend on, a file for each pattern.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from njangi_flows.workflow.document import CoreConstructor, CoreResolver, plain
from njangi_flows.workflow.kinds import KINDS
from ruamel.yaml import YAML

from tests.pages import blocks


@dataclass(frozen=True)
class Example:
    """A piece of YAML in a page."""

    page: Path
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:\n{self.text}"

    @property
    def value(self) -> Any:
        reader = YAML(typ="safe", pure=True)
        reader.Constructor, reader.Resolver = CoreConstructor, CoreResolver
        return plain(reader.load(self.text))

    @property
    def is_whole(self) -> bool:
        return isinstance(self.value, dict) and "tasks" in self.value


def examples(page: Path) -> Iterator[Example]:
    return (Example(page, textwrap.dedent(block.text)) for block in blocks(page) if block.language == "yaml")


def workflow_of(example: Example) -> dict[str, Any]:
    """Return the workflow that an example is, or is a part of."""
    value = example.value
    if example.is_whole:
        return dict(value)
    parts = value if isinstance(value, list) else [value]
    tasks = [{"name": f"task-{index}", **part} for index, part in enumerate(parts)]
    tasks = [task if task.keys() & set(KINDS) else {**task, "command": "true"} for task in tasks]
    names = {task["name"] for task in tasks}
    missing = {name for task in tasks for name in task.get("dependencies", ()) if name not in names}
    patterns = [task["split"]["files"] for task in tasks if isinstance(task.get("split", {}).get("files"), str)]
    return {
        "name": "example",
        "files": [pattern.replace("*", "a") for pattern in patterns],
        "tasks": [*tasks, *({"name": name, "command": "true"} for name in sorted(missing))],
    }


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text in a document: each may be the name of a file."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts_in(item)
