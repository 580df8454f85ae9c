"""The errors that stop a command, and the exit codes that a script sees.

    CommandError
    ├── WrongUsageError       2  the command line, the file or the spec is wrong
    ├── RefusedError          2  the service understood and refused
    └── NoAnswerError         4  the service gives no answer, or cannot work now

A followed run has its own exit codes: 0 COMPLETED, 1 FAILED, 3 CANCELLED.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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


class WrongUsageError(CommandError):
    """The command line, or a file that it names, is wrong."""


class RefusedError(CommandError):
    """The service refused the request."""


class NoAnswerError(CommandError):
    """The service does not answer; the same command may work later."""

    exit_code = 4
