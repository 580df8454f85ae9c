"""The errors of the embedded stack. Each is a sentence for the person at the terminal."""

from __future__ import annotations

from pathlib import Path


class StackError(Exception):
    """The stack cannot run; the text says why and what would help."""


class AlreadyRunningError(StackError):
    """Another supervisor holds the home directory."""

    def __init__(self, home: Path, pid: str) -> None:
        super().__init__(home, pid)
        self.home = home
        self.pid = pid

    def __str__(self) -> str:
        return f"a stack already runs on {self.home} (process {self.pid}): stop it first, or give another --home"


class PortTakenError(StackError):
    """Something else listens where one of ours should."""

    def __init__(self, port: int, option: str) -> None:
        super().__init__(port, option)
        self.port = port
        self.option = option

    def __str__(self) -> str:
        return f"port {self.port} is taken: stop what listens there, or give another {self.option} (0: any free one)"


class ServiceFailedError(StackError):
    """A process of the stack ended, or was not ready in time, while it was being started."""

    def __init__(self, name: str, reason: str, log: Path, last_lines: str) -> None:
        super().__init__(name, reason, log, last_lines)
        self.name = name
        self.reason = reason
        self.log = log
        self.last_lines = last_lines

    def __str__(self) -> str:
        lines = "".join(f"\n    {line}" for line in self.last_lines.splitlines())
        return f"{self.name} did not start: {self.reason}. The end of {self.log}:{lines or ' (empty)'}"
