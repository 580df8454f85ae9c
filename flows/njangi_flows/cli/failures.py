"""What stops a command, and the exit code that a script sees.

    CommandError
    ├── UsageError            2  the command line, the file or the spec is wrong
    ├── RefusedError          2  the service understood and refused
    └── UnreachableError      4  no answer from the service, or it cannot work now

A followed run gives its own: 0 COMPLETED, 1 FAILED, 3 CANCELLED.
"""

from __future__ import annotations

from collections.abc import Sequence

from njangi_flows.workflow.problems import Problem


class CommandError(Exception):
    """The command cannot go on; the text and `problems` say why."""

    exit_code = 2

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message, problems)
        self.message = message
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  {problem}" for problem in self.problems)])


class UsageError(CommandError):
    """What the submitter gave is wrong."""


class RefusedError(CommandError):
    """The service refused the request."""


class UnreachableError(CommandError):
    """The service does not answer; the same command may work later."""

    exit_code = 4
