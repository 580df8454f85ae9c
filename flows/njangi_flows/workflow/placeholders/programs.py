"""Find the arguments of a command that are the text of a program, whose braces are its own.

A list of interpreters that people know, so a help and not a wall: text that another program takes for code is an
argument like any other here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_VERSION = re.compile(r"-?[0-9][0-9.]*$")
_CLUSTER = re.compile(r"-[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class _Interpreter:
    """How an interpreter takes program text.

    After one of the options `code`, and in a cluster of single letters that ends in one of `letters`. With `operand`
    the first argument that is no option is a program, unless it came by an option or from a file that one of `files`
    names. `valued` are options whose next argument is something else.
    """

    code: frozenset[str] = frozenset()
    letters: str = ""
    operand: bool = False
    files: frozenset[str] = frozenset()
    valued: frozenset[str] = frozenset()


def _by(*code: str, letters: str = "", valued: Sequence[str] = ()) -> _Interpreter:
    return _Interpreter(frozenset(code), letters, valued=frozenset(valued))


_SHELL = _Interpreter()
_AWK = _Interpreter(
    frozenset({"-e", "--source"}),
    operand=True,
    files=frozenset({"-f", "--file", "-E", "--exec"}),
    valued=frozenset({"-F", "-v", "-i", "-l", "--assign", "--field-separator", "--include", "--load"}),
)
_SED = _Interpreter(
    frozenset({"-e", "--expression"}), "e", operand=True, files=frozenset({"-f", "--file"}), valued=frozenset({"-l"})
)
_JQ = _Interpreter(operand=True, files=frozenset({"-f", "--from-file"}), valued=frozenset({"--indent", "-L"}))
_NAMED = frozenset({"--arg", "--argjson", "--slurpfile", "--rawfile"})
"""Options of jq that two more arguments follow, a name and what it stands for."""
_PYTHON = _by("-c", letters="c", valued=["-W", "-X"])
_NODE = _by("-e", "--eval", "-p", "--print", "-pe", valued=["-r", "--require", "--import"])
_R = _by("-e")
_INTERPRETERS = {
    **dict.fromkeys(
        ("sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "yash", "fish", "csh", "tcsh", "rbash"), _SHELL
    ),
    **dict.fromkeys(("su", "runuser", "script"), _by("-c", "--command")),
    **dict.fromkeys(("python", "pypy", "ipython", "sage"), _PYTHON),
    "perl": _by("-e", "-E", letters="eE", valued=["-I"]),
    "ruby": _by("-e", letters="e", valued=["-r", "-I"]),
    **dict.fromkeys(("node", "nodejs", "bun", "deno"), _NODE),
    **dict.fromkeys(("R", "Rscript", "r"), _R),
    "php": _by("-r", "-B", "-R", "-E", "--run"),
    "julia": _by("-e", "-E", "--eval", "--print"),
    "octave": _by("--eval"),
    "matlab": _by("-r", "-batch"),
    **dict.fromkeys(("lua", "luajit", "gnuplot", "racket", "elixir", "scala", "groovy", "ghc"), _by("-e", "--eval")),
    "guile": _by("-c"),
    **dict.fromkeys(("pwsh", "powershell"), _by("-c", "-Command")),
    **dict.fromkeys(("awk", "gawk", "mawk", "nawk", "original-awk"), _AWK),
    **dict.fromkeys(("sed", "gsed"), _SED),
    **dict.fromkeys(("jq", "gojq", "jaq", "yq"), _JQ),
}
_STARTERS = frozenset(
    (
        *("env", "nice", "nohup", "time", "timeout", "stdbuf", "setsid", "ionice", "chrt", "taskset", "numactl"),
        *("flock", "xargs", "parallel", "find", "busybox", "exec", "command", "chronic", "unshare"),
        *("prlimit", "hyperfine", "strace", "ltrace", "perf", "valgrind", "mpirun", "mpiexec", "srun", "sudo"),
        *("docker", "podman", "apptainer", "singularity", "conda", "mamba", "uv", "poetry"),
    )
)
"""Programs whose arguments may be another command."""


def program_texts(command: Sequence[str]) -> dict[int, str]:
    """Return which arguments are program text, and of which interpreter.

    A shell with `-c` is one wherever it stands: whatever program gets it runs it.
    """
    found: dict[int, str] = {}
    starts = bool(command) and _name(command[0]) in _STARTERS
    for start in range(len(command)):
        name = _name(command[start])
        interpreter = _INTERPRETERS.get(name) or _INTERPRETERS.get(_VERSION.sub("", name))
        if interpreter is not None and start not in found and (starts or start == 0 or interpreter is _SHELL):
            texts = _of_shell(command, start + 1) if interpreter is _SHELL else _of(interpreter, command, start + 1)
            found |= {index: name for index in texts if index < len(command) and index not in found}
    return found


def _name(argument: str) -> str:
    return argument.rsplit("/", 1)[-1]


def _of_shell(command: Sequence[str], at: int) -> Iterator[int]:
    """A shell's program is its first operand where a cluster of options has a `c`."""
    code = False
    while at < len(command) and command[at][:1] in ("-", "+") and command[at] not in ("-", "--"):
        option = command[at]
        if option.startswith("--command="):
            yield at
            return
        if option == "--command" or (not option.startswith("--") and option[0] == "-" and "c" in option):
            code = True
        valued = option in ("--rcfile", "--init-file") or (not option.startswith("--") and option[-1] in "oO")
        at += 2 if valued else 1
    if at < len(command) and command[at] in ("-", "--"):
        at += 1
    if code:
        yield at


def _of(interpreter: _Interpreter, command: Sequence[str], at: int) -> Iterator[int]:
    given = False
    while at < len(command) and command[at].startswith("-") and command[at] not in ("-", "--"):
        option, equals, _ = command[at].partition("=")
        if option in interpreter.code or (
            interpreter.letters and _CLUSTER.fullmatch(command[at]) and command[at][-1] in interpreter.letters
        ):
            given = True
            yield at if equals else at + 1
            at += 1 if equals else 2
        elif not command[at].startswith("--") and command[at][:2] in interpreter.code:
            given = True
            yield at  # the program follows its option in the same argument
            at += 1
        elif command[at][:2] in interpreter.files or option in interpreter.files:
            given = True
            at += 1 if equals or (command[at][:2] != command[at] and not command[at].startswith("--")) else 2
        else:
            at += 3 if option in _NAMED else 2 if command[at] in interpreter.valued else 1
    if at < len(command) and command[at] == "--":
        at += 1
    if interpreter.operand and not given:
        yield at
