"""Read a workflow and find the files that it names, in the same folder."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import typer
from njangi_agent.texts import NotTextError, pieces_of, text_of

from njangi_flows.cli.failures import WrongUsageError
from njangi_flows.cli.showing import printable
from njangi_flows.workflow.document import MAX_BYTES
from njangi_flows.workflow.problems import Problem
from njangi_flows.workflow.spec import (
    InvalidSpecError,
    WorkflowSpec,
    authored,
    in_order,
    needed_files,
    parse,
    unfilled,
    warnings,
)
from njangi_flows.workflow.spec import read as read_document
from njangi_flows.workflow.text_files import not_text, text_files


class FilesBeside(Collection[str]):
    """The names of the files in a folder. Each is looked up, not listed: the folder may be somebody's home."""

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
    """A checked workflow: its text, its spec, the path of each file that it names, and warnings."""

    text: str
    spec: WorkflowSpec
    files: dict[str, Path]
    warnings: list[Problem]


def read(path: Path) -> Submission:
    """Read and check the workflow at `path`. Raises WrongUsageError with all its problems."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise WrongUsageError(f"{path} is larger than a workflow may be ({MAX_BYTES} bytes)")
        text = text_in(path)
        document = read_document(text)
        spec = parse(authored(document.fields), files=FilesBeside(path.parent))
        if problems := [*unfilled(spec, spec.parameters), *_no_text(spec, path.parent)]:
            raise InvalidSpecError(problems)
    except OSError as error:
        raise WrongUsageError(f"{path} cannot be read: {error.strerror or error}") from error
    except InvalidSpecError as error:
        raise WrongUsageError(f"{path} is not a workflow yet:", error.problems) from error
    files = {name: path.parent / name for name in sorted(needed_files(spec))}
    return Submission(text, spec, files, in_order([*document.doubts, *warnings(spec, document.fields)]))


def text_in(path: Path) -> str:
    """Return the text of a file, with LF at line ends. Raises OSError, and WrongUsageError if it is not UTF-8."""
    try:
        return text_of(path.read_bytes()).replace("\r\n", "\n").replace("\r", "\n")
    except NotTextError as error:
        raise WrongUsageError(f"{path} cannot be read:", [not_text("", path.name, error)]) from error


def _no_text(spec: WorkflowSpec, folder: Path) -> Iterator[Problem]:
    """Yield the problems of the files that are read as text."""
    for place, name, reader in text_files(spec):
        with (folder / name).open("rb") as file:
            try:
                for data, final in pieces_of(file):
                    reader.read(data, final=final)
            except NotTextError as error:
                yield not_text(place, name, error)


def tell(warned: Iterable[Problem]) -> None:
    """Print warnings on standard error: the author probably meant something else there."""
    for warning in warned:
        typer.echo(printable(f"warning: {warning}"), err=True)
