"""Reports that could not be sent, one file each, so that they survive a restart of the agent."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Iterable, List

from njangi_agent.logs import fields, logger
from njangi_agent.protocol import Report, read_report, to_json

log = logger(__name__)


class Spool:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def keep(self, reports: Iterable[Report]) -> None:
        """Write the reports down; repeating that is cheap. Complete on disk when it returns."""
        for report in reports:
            path = self._path(report)
            if path.exists():
                continue
            partial = path.with_suffix(".part")
            with partial.open("w") as file:
                json.dump(to_json(report), file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)

    def forget(self, reports: Iterable[Report]) -> None:
        for report in reports:
            self._path(report).unlink(missing_ok=True)

    def load(self) -> List[Report]:
        """Return what an earlier agent could not send. A file that is no report is removed."""
        found: List[Report] = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                found.append(read_report(json.loads(path.read_text())))
            except ValueError:
                log.warning("a spooled report is unreadable and is dropped", extra=fields(file=path.name))
                path.unlink()
        return found

    def _path(self, report: Report) -> Path:
        return self._folder / (hashlib.sha256(report.token.encode()).hexdigest() + ".json")
