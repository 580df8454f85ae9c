"""A bar on standard error that shows how far a large upload is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress


class UploadBar:
    """Shows the progress of one file on a terminal. The bar appears with the first figures: small files have none."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, sent: int, size: int) -> None:
        """Show that `sent` of `size` bytes were sent."""
        if not sys.stderr.isatty():
            return
        if self._progress is None:
            self._progress = _begun(self._name)
        self._progress.update(self._progress.task_ids[0], completed=sent, total=size)


def _begun(name: str) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    progress = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
    progress.add_task(name)
    progress.start()
    return progress
