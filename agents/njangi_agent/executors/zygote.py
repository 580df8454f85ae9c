"""A warm interpreter that forks a child for each bundle of calls of one task's function.

Runs inside the sandbox as a program of its own (`python -IS -c <this source>`, see `warm`), so of the agent it imports
only modules whose source travels with it. Requests arrive on standard input, one JSON line each: first the task, then
bundles, each a list of parameter objects. Answers leave on what was standard output, as frames: a header line, the
JSON list [kind, number, cpu seconds, peak bytes, length], then `length` bytes of payload. After each call both standard
output and standard error carry the task's `mark`.

    ready                    the task's source has been run once and its function is there
    broken                   it has not; the payload is the error
    ok, error                call `number` of the bundle returned the payload, or failed with it
    spoiled                  call `number` and those after it need a new interpreter: the task moved its input files
    ended                    the bundle's last child is gone with wait status `number`, in a sandbox with all it left

The code may `from njangi import heartbeat, last_heartbeat`, a module that is made here.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import signal
import sys
from typing import Any, Callable, Dict, List, NoReturn, Optional, Tuple

from njangi_agent import codec, dialect
from njangi_agent.executors.fresh import StartState
from njangi_agent.executors.installed import Installed

MESSAGE_CHARACTERS = 4096
_HAS_MORE_POSITIONAL, _HAS_MORE_NAMED = 4, 8  # flags of code: *args, **kwargs
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    _make_module()
    sys.meta_path.append(Installed())
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.dup(1)
    task = json.loads(requests.readline())
    start = StartState(
        boxed=task["boxed"], files=task["files"], output=task["output"], mark=task["mark"].encode("ascii")
    )
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(task["output"], 1)
    try:
        _limit(task)
        function = _load(task)
    except BaseException as error:
        payload = _described(error, task)
        start.end_output()
        _send(answers, "broken", 0, payload)
        return
    start.end_output()
    start.remember()
    gc.collect()
    gc.freeze()
    _send(answers, "ready", 0, b"")
    while True:
        line = requests.readline()
        if not line:
            return
        calls = json.loads(line)
        following: Optional[int] = 0
        while following is not None:
            child = os.fork()
            if child == 0:
                requests.close()
                _run_bundle(function, calls, following, task, start, answers)
                os._exit(0)
            _, status, usage = os.wait4(child, 0)
            if task["boxed"] and os.getpid() == 1:
                _sweep()
            following = start.handed_on()
        _send(answers, "ended", status, b"", usage)


def _limit(task: Dict[str, Any]) -> None:
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_DATA, task["memory"])
    _set(resource.RLIMIT_FSIZE, task["storage"])
    if task["processes"]:
        _set(resource.RLIMIT_NPROC, task["processes"])


def _set(limit: int, value: int) -> None:
    hard = resource.getrlimit(limit)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (value, value))


def _load(task: Dict[str, Any]) -> Callable[..., Any]:
    module = type(sys)("task")
    sys.modules["task"] = module
    own = task["values"] == "python"  # such a source says itself whether its annotations are evaluated
    code = compile(task["source"], "task.py", "exec", dont_inherit=own)
    exec(code, module.__dict__)  # noqa: S102 - what a sandbox is for
    function: Callable[..., Any] = getattr(module, task["function"])
    return function


def _run_bundle(
    function: Callable[..., Any],
    calls: List[Dict[str, Any]],
    first: int,
    task: Dict[str, Any],
    start: StartState,
    answers: int,
) -> None:
    """In the child: answer the calls from `first` on in turn, as long as they may share this process."""
    cpu = (len(calls) - first) * int(task["cpu"])
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    notes = os.path.dirname(os.environ["NJANGI_HEARTBEAT"])
    start.forked()
    process, spent = os.getpid(), 0.0
    for number in range(first, len(calls)):
        if number > first and (task["isolate"] or start.is_left_over()):
            start.hand_on(number)
            return
        variables = {"NJANGI_HEARTBEAT": f"{notes}/heartbeat.{number}"}
        if os.path.exists(f"{notes}/checkpoint.{number}"):
            variables["NJANGI_CHECKPOINT"] = f"{notes}/checkpoint.{number}"
        if not start.restore(**variables):
            _send(answers, "spoiled", number, b"")
            return
        try:
            kind, payload = "ok", _called(function, calls[number], task)
        except BaseException as error:
            if os.getpid() != process:
                _leave(error, task)
            kind, payload = "error", _described(error, task)
        if os.getpid() != process:
            _leave(None, task)
        start.end_output()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        _send(answers, kind, number, payload, usage, spent)
        spent = usage.ru_utime + usage.ru_stime


def _leave(ended: Optional[BaseException], task: Dict[str, Any]) -> NoReturn:
    """End a process that the function forked and that came out of it: only the one that was called answers."""
    code = ended.code if isinstance(ended, SystemExit) else 0 if ended is None else 1
    if ended is not None and not isinstance(ended, SystemExit):
        _described(ended, task)
    with contextlib.suppress(BaseException):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0 if code is None else code if isinstance(code, int) else 1)


def _called(function: Callable[..., Any], parameters: Dict[str, Any], task: Dict[str, Any]) -> bytes:
    """Call the function and return its result ready to be sent."""
    if task["values"] != "python":
        return _encoded(function(**parameters), task["result"])
    positional, named = arguments(function, {name: codec.unpack(value) for name, value in parameters.items()})
    value = function(*positional, **named)
    try:
        value = codec.pack(value)
    except dialect.NotCarriedError as error:
        raise _BadOutput(f"its result does not travel: {error}") from None
    return _encoded(value, task["result"])


def arguments(function: Callable[..., Any], parameters: Dict[str, Any]) -> Tuple[List[Any], Dict[str, Any]]:
    """Return the positional and the named arguments that give the function these parameters, each by its name."""
    code = function.__code__
    names, first = code.co_varnames, code.co_argcount
    last = first + code.co_kwonlyargcount
    positional = [parameters[name] for name in names[:first]]
    named = {name: parameters[name] for name in names[first:last]}
    if code.co_flags & _HAS_MORE_POSITIONAL:
        positional += parameters.get(names[last], ())
        last += 1
    if code.co_flags & _HAS_MORE_NAMED:
        named.update(parameters.get(names[last], {}))
    return positional, named


def _make_module() -> None:
    module = type(sys)("njangi")
    module.heartbeat = _heartbeat  # type: ignore[attr-defined]
    module.last_heartbeat = _last_heartbeat  # type: ignore[attr-defined]
    sys.modules["njangi"] = module


def _heartbeat(details: Any) -> None:
    """Tell how far the call is, as any JSON value; the last one is what `last_heartbeat` gives the next attempt.

    Raises ValueError, with the path to it, for what JSON has no form for.
    """
    path = os.environ["NJANGI_HEARTBEAT"]
    text = dialect.dumps(details, text_keys=True)
    with open(f"{path}.new", "w") as file:
        file.write(text)
    os.replace(f"{path}.new", path)


def _last_heartbeat(default: Any = None) -> Any:
    """Return what an earlier attempt at this call told last, or `default` if there was none."""
    path = os.environ.get("NJANGI_CHECKPOINT")
    if path is None:
        return default
    with open(path) as file:
        return json.load(file)


class _BadOutput(Exception):
    pass


class _OutputTooLarge(Exception):
    pass


def _encoded(value: Any, most: int) -> bytes:
    try:
        payload = dialect.dumps(value, text_keys=True).encode("ascii")
    except dialect.NotCarriedError as error:
        raise _BadOutput(f"its result is not JSON: {error}") from None
    if len(payload) > most:
        raise _OutputTooLarge(f"its result is larger than {most} bytes")
    return payload


def _described(error: BaseException, task: Dict[str, Any]) -> bytes:
    """Return an error as a payload, and write its trace to standard error, as any Python program does."""
    import linecache
    import traceback

    linecache.cache["task.py"] = (len(task["source"]), None, task["source"].splitlines(True), "task.py")
    name = {"MemoryError": "MemoryExceeded"}.get(type(error).__name__, type(error).__name__.lstrip("_"))
    try:
        message = str(error)
    except BaseException:
        message = "(its message could not be read)"
    inner = error.__traceback__
    while inner is not None and inner.tb_frame.f_globals is globals():
        inner = inner.tb_next  # our own frames tell the task's author nothing
    if inner is not None:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.write("".join(traceback.format_exception(type(error), error, inner, limit=-20)))
    fields = {"type": name[:200], "message": message[:MESSAGE_CHARACTERS]}
    if isinstance(error, ImportError) and isinstance(error.name, str):
        fields["module"] = error.name[:200]
    return json.dumps(fields).encode("ascii")


def _sweep() -> None:
    """Kill what a bundle left running. Only process 1 of a sandbox may say "everyone but me"."""
    try:
        os.kill(-1, signal.SIGKILL)
        while True:
            os.wait4(-1, 0)
    except (ProcessLookupError, ChildProcessError):
        return  # nobody left


def _send(answers: int, kind: str, number: int, payload: bytes, usage: Any = None, spent: float = 0.0) -> None:
    """Write a frame; the CPU seconds that it tells are those beyond what was `spent` before."""
    cpu, memory = (usage.ru_utime + usage.ru_stime - spent, usage.ru_maxrss * _MAXRSS_UNIT) if usage else (0.0, 0)
    data = b'["%s",%d,%.6f,%d,%d]\n%s' % (kind.encode(), number, max(0.0, cpu), memory, len(payload), payload)
    while data:
        data = data[os.write(answers, data) :]


if __name__ == "__main__":
    main()
