"""A warm interpreter that forks a child for each bundle of calls of one task's function.

Runs inside the sandbox as a program of its own (`python -IS -c <this source>`), so it imports nothing
of the agent. Requests arrive on standard input, one JSON line each: first the task, then bundles, each a
list of parameter objects. Answers leave on what was standard output, as frames: a header line, the
JSON list [kind, number, cpu seconds, peak bytes, length], then `length` bytes of payload.

    ready                    the task's source has been run once and its function is there
    broken                   it has not; the payload is the error
    ok, error                call `number` of the bundle returned the payload, or failed with it
    ended                    the bundle's child is gone with wait status `number`, and in a sandbox so is all it left

The code may `from njangi import heartbeat, last_heartbeat`, a module that is made here.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
from typing import Any, Callable, Dict, List

STDERR_TAIL_BYTES = 4096
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    _make_module()
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    task = json.loads(requests.readline())
    try:
        _limit(task)
        function = _load(task)
    except BaseException as error:
        _send(answers, "broken", 0, _described(error, task))
        return
    gc.collect()
    gc.freeze()
    _send(answers, "ready", 0, b"")
    while True:
        line = requests.readline()
        if not line:
            return
        child = os.fork()
        if child == 0:
            requests.close()
            _run_bundle(function, json.loads(line), task, answers)
            os._exit(0)
        _, status, usage = os.wait4(child, 0)
        if task["boxed"] and os.getpid() == 1:
            _sweep()
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
    exec(compile(task["source"], "task.py", "exec"), module.__dict__)  # noqa: S102 - what a sandbox is for
    function: Callable[..., Any] = getattr(module, task["function"])
    return function


def _run_bundle(function: Callable[..., Any], calls: List[Dict[str, Any]], task: Dict[str, Any], answers: int) -> None:
    """In the child: answer each call in turn."""
    cpu = len(calls) * int(task["cpu"])
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    notes = os.path.dirname(os.environ["NJANGI_HEARTBEAT"])
    for number, parameters in enumerate(calls):
        os.environ["NJANGI_HEARTBEAT"] = f"{notes}/heartbeat.{number}"
        os.environ.pop("NJANGI_CHECKPOINT", None)
        if os.path.exists(f"{notes}/checkpoint.{number}"):
            os.environ["NJANGI_CHECKPOINT"] = f"{notes}/checkpoint.{number}"
        try:
            kind, payload = "ok", _encoded(function(**parameters), task["result"])
        except BaseException as error:
            kind, payload = "error", _described(error, task)
        _send(answers, kind, number, payload, resource.getrusage(resource.RUSAGE_SELF))


def _make_module() -> None:
    module = type(sys)("njangi")
    module.heartbeat = _heartbeat  # type: ignore[attr-defined]
    module.last_heartbeat = _last_heartbeat  # type: ignore[attr-defined]
    sys.modules["njangi"] = module


def _heartbeat(details: Any) -> None:
    """Tell how far the call is, as any JSON value; the last one is what `last_heartbeat` gives the next attempt."""
    path = os.environ["NJANGI_HEARTBEAT"]
    with open(f"{path}.new", "w") as file:
        json.dump(details, file, allow_nan=False)
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
        payload = json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise _BadOutput(f"its result is not JSON: {error}") from None
    if len(payload) > most:
        raise _OutputTooLarge(f"its result is larger than {most} bytes")
    return payload


def _described(error: BaseException, task: Dict[str, Any]) -> bytes:
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
    try:
        trace = "".join(traceback.format_exception(type(error), error, inner, limit=-20)) if inner else ""
    except BaseException:
        trace = ""
    fields = {"type": name[:200], "message": message[:STDERR_TAIL_BYTES], "stderr": trace[-STDERR_TAIL_BYTES:]}
    return json.dumps(fields).encode("ascii")


def _sweep() -> None:
    """Kill what a bundle left running. Only process 1 of a sandbox may say "everyone but me"."""
    try:
        os.kill(-1, signal.SIGKILL)
        while True:
            os.wait4(-1, 0)
    except (ProcessLookupError, ChildProcessError):
        return  # nobody left


def _send(answers: int, kind: str, number: int, payload: bytes, usage: Any = None) -> None:
    cpu, memory = (usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _MAXRSS_UNIT) if usage else (0.0, 0)
    data = b'["%s",%d,%.6f,%d,%d]\n%s' % (kind.encode(), number, cpu, memory, len(payload), payload)
    while data:
        data = data[os.write(answers, data) :]


if __name__ == "__main__":
    main()
