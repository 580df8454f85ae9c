"""Differences between two versions of a spec: for machines a JSON Patch (RFC 6902), for people lines of text."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

import jsonpatch


def patch(before: Any, after: Any) -> list[dict[str, Any]]:
    """Return the operations, each with its JSON Pointer, that make `after` of `before`."""
    operations: list[dict[str, Any]] = jsonpatch.make_patch(before, after).patch
    return operations


def text(before: str, after: str, names: tuple[str, str]) -> str:
    """Return what differs between two texts as a unified diff, empty where they are the same."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm="")
    return "".join(f"{line}\n" for line in lines)


def summary(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return in a line each what differs: fields of the workflow, tasks by their names, fields of tasks."""
    lines = [f"{name} {how}" for name, how in _changed(before, after) if name != "tasks"]
    tasks, others = _tasks(before), _tasks(after)
    for name, how in _changed(tasks, others):
        if how == "changed":
            lines += [f"task {name}: {field} {what}" for field, what in _changed(tasks[name], others[name])]
        else:
            lines.append(f"task {name} {how}")
    shared = [name for name in tasks if name in others]
    if shared != [name for name in others if name in tasks]:
        lines.append("the tasks are in another order")
    return lines


def _tasks(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {task["name"]: task for task in document.get("tasks", ())}


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in before:
        if name not in after:
            yield name, "removed"
        elif before[name] != after[name]:
            yield name, "changed"
    yield from ((name, "added") for name in after if name not in before)
