"""The workflows that ship with the project: a folder each, with workflow.yaml and the files it names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from njangi_flows.workflow.spec import WorkflowSpec, authored, load, needed_files, parse

from api.shipped_files import LIBRARY
from storage.errors import NotFoundError

_SPEC = "workflow.yaml"


@dataclass(frozen=True, slots=True)
class Template:
    """One template; `name` is its workflow's, `source` the text of its spec, comments and all."""

    name: str
    source: str
    document: Mapping[str, Any]
    spec: WorkflowSpec
    files: Mapping[str, bytes]

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each file."""
        return {name: hashlib.sha256(content).hexdigest() for name, content in self.files.items()}


class Templates:
    """Those of one folder, read when they are first asked for; they change with the program alone."""

    def __init__(self, folder: Path = LIBRARY) -> None:
        self._folder = folder
        self._known: dict[str, Template] | None = None

    def all(self) -> Mapping[str, Template]:
        """Return the templates by name, in the order of their names. Reads files: call it in a thread."""
        if self._known is None:
            found = [_read(path.parent) for path in sorted(self._folder.glob(f"*/{_SPEC}"))]
            self._known = {template.name: template for template in found}
        return self._known

    def get(self, name: str) -> Template:
        """Raises NotFoundError."""
        found = self.all().get(name)
        if found is None:
            raise NotFoundError("template", name)
        return found


def _read(folder: Path) -> Template:
    source = (folder / _SPEC).read_text(encoding="utf-8")
    document = authored(load(source))
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    spec = parse(document, files=names)
    files = {name: (folder / name).read_bytes() for name in sorted(needed_files(spec))}
    return Template(spec.name, source, document, spec, files)
