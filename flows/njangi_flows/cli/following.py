"""Follow a run until it ends, through restarts of the service: bars on a terminal, lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from njangi_flows.cli.failures import UnreachableError
from njangi_flows.cli.service import Service
from njangi_flows.cli.showing import printable, state

ENDED = ("COMPLETED", "FAILED", "CANCELLED")
EXIT_CODES = {"COMPLETED": 0, "FAILED": 1, "CANCELLED": 3}
POLL_SECONDS = 1.0
MOST_POLL_SECONDS = 10.0
PATIENCE_SECONDS = 600.0
"""How long a silent service is waited for before the command gives up; the run itself goes on."""

Run = dict[str, Any]


def states(service: Service, run_id: str, pause: Callable[[float], None], say: Callable[[str], None]) -> Iterator[Run]:
    """Yield the run as it is now, about once a second, the last time when it has ended.

    While the service is away it is asked less and less often. Raises UnreachableError when it stays away.
    """
    silent = 0.0
    seconds = POLL_SECONDS
    while True:
        try:
            run = service.run(run_id)
        except UnreachableError as error:
            if silent >= PATIENCE_SECONDS:
                raise
            if not silent:
                say(f"{error.message} - still trying")
            silent += seconds
            pause(seconds)
            seconds = min(2 * seconds, MOST_POLL_SECONDS)
            continue
        if silent:
            say("the service is back")
        silent, seconds = 0.0, POLL_SECONDS
        yield run
        if run.get("status") in ENDED:
            return
        pause(seconds)


class Display(Protocol):
    """Shows a run as it goes on."""

    def __enter__(self) -> Display: ...
    def __exit__(self, *exception: object) -> None: ...
    def show(self, run: Run) -> None: ...


class Lines:
    """A line for each change, for a file, a pipe or a log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[str, str] = {}

    def __enter__(self) -> Lines:
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


class Bars:
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

    def __enter__(self) -> Bars:
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
    return Bars(console) if console.is_terminal else Lines(console)


def _line(task: dict[str, Any]) -> str:
    return f"{_status(task)} {task.get('completed', 0)}/{task.get('total', 0)}"


def _status(task: dict[str, Any]) -> str:
    """Return how a task is: before its end it may try again what has failed."""
    failed = task.get("failed", 0)
    return state(task) + (f" ({failed} failed)" if failed and not task.get("failed_parts") else "")
