"""Read a workflow's file and find the files it names beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from njangi_flows.cli.failures import UsageError
from njangi_flows.document import MAX_BYTES, load_value
from njangi_flows.spec import InvalidSpecError, WorkflowSpec, load, needed_files, parse, run_parameters


class Folder(Collection[str]):
    """The files of a folder by name, looked up rather than listed: it may be somebody's home."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (self._path / name).is_file()

    def __iter__(self) -> Iterator[str]:
        return (entry.name for entry in sorted(self._path.iterdir()) if entry.is_file())

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True)
class Submission:
    """A checked workflow: its text and what that says, and where each file that it names lies."""

    text: str
    document: dict[str, Any]
    spec: WorkflowSpec
    files: dict[str, Path]


def read(path: Path) -> Submission:
    """Read and check the workflow in the file at `path`. Raises UsageError with everything that is wrong."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path} is larger than a workflow may be ({MAX_BYTES} bytes)")
        text = path.read_text(encoding="utf-8")
        document = load(text)
        spec = parse(document, files=Folder(path.parent))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except InvalidSpecError as error:
        raise UsageError(f"{path} is not a workflow yet:", error.problems) from error
    return Submission(text, document, spec, {name: path.parent / name for name in sorted(needed_files(spec))})


def parameters(spec: WorkflowSpec, given: Sequence[str]) -> dict[str, Any]:
    """Return what `-p name=value` options give for a workflow. Raises UsageError if it has no such parameter."""
    found = values(given)
    try:
        run_parameters(spec, found)
    except InvalidSpecError as error:
        raise UsageError("a parameter is wrong:", error.problems) from error
    return found


def values(given: Sequence[str]) -> dict[str, Any]:
    """Return what `name=value` options give. A value is JSON where it reads as such, else text."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"-p needs name=value, such as -p bound=1000, not '{text}'")
        found[name] = load_value(value)
    return found
