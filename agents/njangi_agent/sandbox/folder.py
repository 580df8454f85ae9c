"""The folder of one attempt: what the task sees as /box, /tmp and /njangi, and what it must not see."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Iterator, Optional, Sequence, Type

from njangi_agent.sandbox import removal

HEARTBEAT = "heartbeat"
CHECKPOINT = "checkpoint"
"""In `notes`: what the attempt tells, and what an earlier one told last; of call n of a bundle, with .n at the end."""
_MOST_ENTRIES = 100_000


class Folder:
    """Made on entry, removed with everything in it on exit."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent

    def __enter__(self) -> Folder:
        self._parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = Path(tempfile.mkdtemp(dir=self._parent))
        self.box = self.path / "box"
        self.tmp = self.path / "tmp"
        self.notes = self.path / "notes"
        self.stdout = self.path / "stdout"
        self.result = self.path / "result"
        self.box.mkdir()
        self.tmp.mkdir()
        self.notes.mkdir()
        self._ours = 0
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        remove(self.path)

    def measure(self) -> None:
        """Take what is here now for ours: input files, folders, and what an earlier attempt told. No task wrote it."""
        found = self._walk(sys.maxsize)
        self._ours = found if found <= sys.maxsize else 0

    def size(self, most: int) -> int:
        """Return the bytes that the attempt's files take beyond what is ours; stops counting beyond `most`.

        Standard output is not among them: it has a limit of its own.
        """
        return self._walk(most + self._ours) - self._ours

    def _walk(self, most: int) -> int:
        total = entries = 0
        waiting = [str(place) for place in (self.box, self.tmp, self.notes)]
        while waiting and total <= most:
            try:
                with os.scandir(waiting.pop()) as listing:
                    for entry in listing:
                        entries += 1
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
                        if total > most or entries > _MOST_ENTRIES:
                            return most + 1
            except OSError:
                continue  # removed meanwhile, or made unreadable by the task
        return total

    def clear(self, keep: Sequence[str]) -> None:
        """Remove what a task left behind; `keep` are the files that belong into its box."""
        for place, files in ((self.box, keep), (self.tmp, ()), (self.notes, ())):
            with _opened(place) as handle:
                removal.empty(handle, removal.tree(files))


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; follows no link. Nothing there is fine."""
    with _opened(path.parent) as handle:
        removal.remove(path.name, handle)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)
