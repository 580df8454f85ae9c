"""Follow a run until it ends, also while the service restarts: with bars on a terminal, with lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from njangi_flows.cli.showing import printable, state

if TYPE_CHECKING:
    from njangi_flows.cli.blocking_client import BlockingClient

ENDED = ("COMPLETED", "FAILED", "CANCELLED")
EXIT_CODES = {"COMPLETED": 0, "FAILED": 1, "CANCELLED": 3}
POLL_SECONDS = 1.0

Run = dict[str, Any]


def states(service: BlockingClient, run_id: str, pause: Callable[[float], object] = time.sleep) -> Iterator[Run]:
    """Yield the run as it is now, about once a second, and at last the ended run.

    The calls wait for a service that is away. Raises NoAnswerError if it stays away.
    """
    while True:
        run = service.get("/v1/runs/{run_id}", run_id=run_id)
        yield run
        if run.get("status") in ENDED:
            return
        pause(POLL_SECONDS)


class Display(Protocol):
    """Shows a run as it goes on."""

    def __enter__(self) -> Display: ...
    def __exit__(self, *exception: object) -> None: ...
    def show(self, run: Run) -> None: ...


class LineDisplay:
    """A line for each change, for a file, a pipe or a log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[str, str] = {}

    def __enter__(self) -> LineDisplay:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def show(self, run: Run) -> None:
        for task in run.get("tasks", ()):
            self._show(f"  {printable(task['name'])}", _line(task))
        self._show("run", state(run))

    def _show(self, what: str, state: str) -> None:
        if self._shown.get(what) != state:
            self._shown[what] = state
            self._console.print(f"{what}: {state}", markup=False, highlight=False, soft_wrap=True)


class BarDisplay:
    """A bar for each task, for a terminal."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}", markup=False),
            TimeElapsedColumn(),
            console=console,
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> BarDisplay:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def show(self, run: Run) -> None:
        for task in run.get("tasks", ()):
            name = printable(task["name"])
            if name not in self._bars:
                self._bars[name] = self._progress.add_task(name, total=None, status="")
            self._progress.update(
                self._bars[name],
                total=task.get("total") or None,
                completed=task.get("completed", 0),
                status=_status(task),
            )


def display(console: Console) -> Display:
    """Return what shows a run on this console."""
    return BarDisplay(console) if console.is_terminal else LineDisplay(console)


def _line(task: dict[str, Any]) -> str:
    return f"{_status(task)} {task.get('completed', 0)}/{task.get('total', 0)}"


def _status(task: dict[str, Any]) -> str:
    """Return the status of a task, with its failures: until its end it may try them again."""
    failed = task.get("failed", 0)
    return state(task) + (f" ({failed} failed)" if failed and not task.get("failed_parts") else "")
