"""Recognize attempts that failed because this machine lacks a program or a module.

Such an attempt is refused, with the reason, and lent to another machine; what is wrong with the task itself is not.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from pathlib import Path
from typing import Collection, Optional

_NEWER = ("_zstd", "annotationlib", "compression", "graphlib", "string.templatelib", "tomllib", "zoneinfo")
_GONE = (
    *("aifc", "asynchat", "asyncore", "audioop", "binhex", "cgi", "cgitb", "chunk", "crypt", "distutils", "formatter"),
    *("imghdr", "imp", "lib2to3", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev", "parser", "pipes", "smtpd"),
    *("sndhdr", "spwd", "sunau", "symbol", "telnetlib", "uu", "xdrlib"),
)
"""Modules that Python 3.9 does not have yet, or a later one has no more."""
_STANDARD = frozenset(
    [
        *(*_NEWER, *_GONE, *sys.builtin_module_names, *getattr(sys, "stdlib_module_names", ())),
        *(path.stem for path in Path(os.__file__).parent.glob("[a-z_]*")),  # before Python 3.10 there is no list
    ]
)
_NO_MODULE = re.compile(r"^ModuleNotFoundError: No module named '([\w.]+)'", re.MULTILINE)
_NO_PROGRAM = (
    re.compile(r"^[\w./-]+: (?:line )?\d+: (.+): not found$"),  # dash
    re.compile(r"^[\w./-]+: (?:line \d+: )?(.+): command not found$"),  # bash, busybox
    re.compile(r"^(?:[\w./-]+/)?env: [‘'\"]?(.+?)[’'\"]?: No such file or directory$"),
)
_LAST_WORDS = 2000


def module_lacking(type: str, message: str, module: str) -> Optional[str]:
    """Return what this machine's Python lacks when a call ended with an ImportError about `module`, None if nothing."""
    if type == "ModuleNotFoundError":
        return _no_module(module)
    if type == "ImportError" and _is_standard(module):
        return f"{_python()} of this machine has another {module!r} than the task wants: {message}"
    return None


def _no_module(name: str) -> str:
    if _is_standard(name):
        return f"{_python()} of this machine has no module {name!r}, which other versions or installations have"
    return (
        f"{_python()} of this machine has no module {name!r}. A task can rely on Python's standard library, "
        "not on what some machines have besides. "
        f"If the module is yours, give {name.partition('.')[0]}.py as a file of the task"
    )


def _python() -> str:
    return "Python " + ".".join(platform.python_version_tuple()[:2])


def _is_standard(name: str) -> bool:
    return name in _STANDARD or name.partition(".")[0] in _STANDARD


def lack_of_command(code: int, stderr: str, files: Collection[str]) -> Optional[str]:
    """Return what the machine lacked when a command ended with this exit code; None if it seems to lack nothing.

    `files` are the task's own: a program that is missing in the task's folder is missing everywhere.
    """
    lines = stderr[-_LAST_WORDS:].rstrip().splitlines()
    if code == 127 and lines:
        for sign in _NO_PROGRAM:
            found = sign.match(lines[-1])
            if found is not None:
                return _no_program(found.group(1), files)
    if code == 1 and lines and (module := _NO_MODULE.match(lines[-1])) is not None:
        return _no_module(module.group(1))
    return None


def _no_program(name: str, files: Collection[str]) -> Optional[str]:
    own = name[2:] if name.startswith("./") else name
    if own in files:
        return f"this machine lacks what {name!r} needs to run: the program that its first line names, or a library"
    if "/" in name and not name.startswith("/"):
        return None
    return f"this machine has no program {name!r}, or does not show it to tasks"
