"""Start a command with any number of arguments.

bubblewrap takes 9,000 arguments: its own, three for each file of the task, and the command's. A longer command goes by
way of a file: a few lines of Python inside the sandbox read it and become the program. What Linux itself refuses
fails the attempt.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, List, Mapping, Sequence

from njangi_agent.errors import AttemptFailedError
from njangi_agent.sandbox.limits import LAUNCHER

LONGEST_ARGUMENT = 128 * 1024 - 1
"""Bytes of one argument, in Linux."""
_MANY = 1000
_LONG = 512 * 1024  # bytes; every program on the way to the command gets them
_FILE = "arguments"
_READER = f"""
import errno, os, sys
path = os.path.join(os.path.dirname(os.environ["NJANGI_HEARTBEAT"]), "{_FILE}")
with open(path, "rb") as file:
    argv = file.read().split(b"\\0")
os.unlink(path)
try:
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        os.execv("/bin/sh", [b"/bin/sh", *argv])
except OSError as error:
    sys.stderr.write("{LAUNCHER}: %s: %s\\n" % (os.fsdecode(argv[0])[:200], error.strerror))
    sys.exit(127 if error.errno == errno.ENOENT else 126)
"""


def render(command: Sequence[str], parameters: Mapping[str, Any], paths: Mapping[str, str]) -> List[str]:
    """Fill the placeholders `{name}` that are whole arguments; all other text stays as it is.

    A list fills one argument per item. Text is taken as it is, any other value as its JSON.
    """
    argv: List[str] = []
    for argument in command:
        name = argument[1:-1] if argument.startswith("{") and argument.endswith("}") else None
        if name is not None and name in parameters:
            value = parameters[name]
            argv.extend(map(_argument, value) if isinstance(value, list) else [_argument(value)])
        else:
            argv.append(paths.get(name, argument) if name is not None else argument)
    return argv


def startable(argv: Sequence[str], notes: Path, python: str) -> List[str]:
    """Return arguments that the sandbox can be started with, which become `argv`; a long one is laid down in `notes`.

    `python` is the interpreter inside the sandbox. Raises AttemptFailedError for what no machine can start.
    """
    encoded = [os.fsencode(argument) for argument in argv]
    if any(b"\0" in argument for argument in encoded):
        raise AttemptFailedError("CannotStart", "an argument cannot hold the character NUL")
    longest = max(map(len, encoded), default=0)
    if longest > LONGEST_ARGUMENT:
        raise AttemptFailedError(
            "CannotStart", f"an argument has {longest} bytes, and Linux allows {LONGEST_ARGUMENT}; pass it as a file"
        )
    if len(encoded) <= _MANY and sum(map(len, encoded)) <= _LONG:
        return list(argv)
    (notes / _FILE).write_bytes(b"\0".join(encoded))
    return [python, "-IS", "-c", _READER]


def _argument(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
