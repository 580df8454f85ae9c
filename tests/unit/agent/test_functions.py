"""Python tasks for real: bundles in a warm, boxed interpreter."""

from __future__ import annotations

import json
from typing import Any

import pytest
from njangi_agent.dialect import loads
from njangi_agent.protocol import INLINE_RESULT_BYTES, Outcome, Report

from .conftest import Bench

MIB = 1024 * 1024


def calls(count: int) -> list[dict[str, Any]]:
    return [{"x": number} for number in range(count)]


def outcomes(reports: list[Report]) -> list[str | None]:
    return [report.error.type if report.error else report.result for report in reports]


async def test_a_bundle_returns_each_call_in_order(bench: Bench) -> None:
    reports = await bench.function("def f(x): return {'twice': 2 * x}", *calls(20))
    assert [json.loads(report.result or "") for report in reports] == [{"twice": 2 * x} for x in range(20)]


async def test_the_source_is_run_once_for_many_bundles(boxed: Bench) -> None:
    source = "import uuid\nmark = str(uuid.uuid4())\ndef f(x): return mark"
    first = await boxed.function(source, *calls(2))
    second = await boxed.function(source, *calls(2))
    assert len(set(outcomes(first + second))) == 1


async def test_an_error_fails_its_own_call_only(bench: Bench) -> None:
    source = "def f(x):\n    if x == 1:\n        raise KeyError('gone')\n    return x"
    reports = await bench.function(source, *calls(3))
    assert outcomes(reports) == ["0", "KeyError", "2"]
    assert reports[1].error is not None
    assert 'File "task.py", line 3, in f' in reports[1].stderr
    assert "raise KeyError" in reports[1].stderr


@pytest.mark.parametrize(
    ("misdeed", "type", "message"),
    [
        ("os.abort()", "Crashed", "SIGABRT"),
        ("os._exit(7)", "Crashed", "exit code 7"),
        ("os.kill(os.getpid(), 9)", "Crashed", "SIGKILL"),
        ("sys.exit(5)", "SystemExit", "5"),
        ("time.sleep(60)", "TimedOut", "5 seconds"),
        ("bytearray(1 << 30)", "MemoryExceeded", ""),
        ("raise Exception('long' * 10**6)", "Exception", "long"),
        ("raise Unprintable()", "Unprintable", "could not be read"),
        ("return float('nan')", "BadOutput", "JSON"),
        ("return {1, 2}", "BadOutput", "JSON"),
        ("return b'bytes'", "BadOutput", "JSON"),
        ("return deep()", "BadOutput", "JSON"),
        ("return 'a' * (4 << 20)", "OutputTooLarge", "larger than"),
        ("f()", "TypeError", "missing"),
    ],
)
async def test_a_call_that_misbehaves_fails_alone_and_says_why(
    bench: Bench, misdeed: str, type: str, message: str
) -> None:
    source = f"""
import os, sys, time
class Unprintable(Exception):
    def __str__(self): raise ValueError
def deep():
    value = []
    for _ in range(100_000): value = [value]
    return value
def f(x):
    if x == 1:
        {misdeed}
    return x
"""
    reports = await bench.function(source, *calls(4), start_to_close=5, storage=2 * MIB)
    assert outcomes(reports) == ["0", type, "2", "3"]
    assert reports[1].error is not None
    assert message in reports[1].error.message
    assert len(reports[1].error.message) <= 4096
    assert reports[1].outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("source", "type"),
    [
        ("def f(x) return x", "SyntaxError"),
        ("import no_such_module", "ModuleNotFoundError"),
        ("g = 1", "AttributeError"),
        ("import os; os._exit(0)", "Crashed"),
        ("while True: pass", "TimedOut"),
    ],
)
async def test_a_source_that_does_not_load_fails_every_call(boxed: Bench, source: str, type: str) -> None:
    assert outcomes(await boxed.function(source, *calls(2), start_to_close=0.5)) == [type, type]


async def test_prints_do_not_mix_with_answers(bench: Bench) -> None:
    source = (
        "import os, sys\ndef f(x):\n    print('[\"ok\",0]'); sys.stdout.flush(); os.write(2, b'x' * 9999)\n    return x"
    )
    assert outcomes(await bench.function(source, *calls(3))) == ["0", "1", "2"]


@pytest.mark.parametrize(
    "noise",
    [
        b"garbage\n",
        b"x" * 200_000,
        b'["ok",7,0.0,0,1]\n1',
        b'["ok",0,0.0,0,99999999999]\n',
        b'["ok",0,-1.0,0,1]\n1',
        b'["ended",0,0.0,0,0]\n',
        b'["ok",0,0.0,0,3]\nNaN',
        b"[" * 60_000 + b"\n",
        b"\xff\n",
    ],
)
async def test_a_task_that_writes_into_the_answers_harms_itself_only(boxed: Bench, noise: bytes) -> None:
    source = f"""
import os, stat
def f(x):
    for handle in range(3, 20):
        try:
            if stat.S_ISFIFO(os.fstat(handle).st_mode): os.write(handle, {noise!r})
        except OSError: pass
    return x
"""
    reports = await boxed.function(source, *calls(2))
    assert len(reports) == 2
    assert {report.outcome for report in reports} <= {Outcome.FAILED, Outcome.RETURNED}
    assert any(report.error for report in reports)
    for report in reports:
        loads(report.result or "null")
    assert outcomes(await boxed.function("def f(x): return x", *calls(1))) == ["0"]


async def test_what_a_bundle_leaves_behind_is_gone_before_the_next(boxed: Bench) -> None:
    source = """
import os, time
def f(x):
    found = sorted(os.listdir('.')) + sorted(os.listdir('/tmp')) + [p for p in os.listdir('/proc') if p.isdigit()]
    if os.fork() == 0:
        os.setsid()
        time.sleep(100)
    os.mkdir('left'); open('left/file', 'w').close(); os.chmod('left', 0); os.symlink('/', '/tmp/link')
    return len(found)
"""
    first = await boxed.function(source, {"x": 1})
    second = await boxed.function(source, {"x": 1})
    assert outcomes(first) == outcomes(second) == ["2"]


async def test_a_large_result_is_stored_as_a_blob(bench: Bench) -> None:
    [report] = await bench.function("def f(x): return 'a' * x", {"x": INLINE_RESULT_BYTES})
    assert report.blob is not None
    assert json.loads(bench.blobs.content[report.blob]) == "a" * INLINE_RESULT_BYTES


async def test_a_function_in_a_box_sees_neither_network_nor_other_files(boxed: Bench) -> None:
    source = "import os, socket\ndef f(path): return os.path.exists(path), len(socket.if_nameindex())"
    [report] = await boxed.function(source, {"path": str(boxed.home)})
    assert report.result == "[false,1]"


async def test_a_function_that_starts_many_processes_fails_alone(boxed: Bench) -> None:
    source = """
import os, time
def f(x):
    for _ in range(400 if x == 0 else 0):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    time.sleep(0 if x else 60)
    return x
"""
    reports = await boxed.function(source, *calls(2), start_to_close=20, memory=4096 * MIB)
    assert reports[0].error is not None
    assert reports[0].error.type in ("TooManyProcesses", "BlockingIOError")
    assert reports[1].result == "1"


async def test_results_travel_exactly_or_fail_at_once_with_the_path_and_the_reason(boxed: Bench) -> None:
    travel = {
        "2**1279 - 1": str(2**1279 - 1),
        "(1, {2: 'a\\0b'})": '[1,{"2":"a\\u0000b"}]',
        "-0.0": "-0.0",
        "True": "true",
    }
    fail = {
        "{'rows': [1, {'when': float('nan')}]}": "rows[1].when: it is no finite number",
        "2**19937 - 1": "more than 4300 digits",
        "['ok', 'caf\\udce9']": "[1]: the text holds half a surrogate pair",
        "{1: 'a', '1': 'b'}": "both as a number and as text",
        "{1, 2}": "type set",
        "__import__('functools').reduce(lambda inner, _: [inner], range(66))": "nested deeper than 64 levels",
    }
    reports = await boxed.function("def f(x): return eval(x)", *({"x": value} for value in (*travel, *fail)))
    assert outcomes(reports) == [*travel.values(), *["BadOutput"] * len(fail)]
    for report, why in zip(reports[len(travel) :], fail.values()):
        assert report.error is not None
        assert why in report.error.message
