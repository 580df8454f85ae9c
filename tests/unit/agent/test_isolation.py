"""Calls of one bundle: what each finds, what each writes, and what they share."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from njangi_agent.cache import Cache
from njangi_agent.executors.details import lay_out
from njangi_agent.protocol import File, Outcome, Report

from .conftest import Bench, MemoryBlobs, a_lease

FOUND = """
import io, os, signal, sys, threading, time, subprocess
def found():
    umask = os.umask(0); os.umask(umask)
    files = sorted(os.path.join(place, name) for place, _, names in os.walk('.') for name in names)
    folders = [os.listdir('/tmp' if os.getcwd() == '/box' else os.environ['TMPDIR'])]
    variables = {name: value for name, value in os.environ.items() if name != 'NJANGI_HEARTBEAT'}
    alarm = signal.getitimer(signal.ITIMER_REAL)[0] > 0
    handler = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    threads = len(os.listdir('/proc/self/task'))
    traced = sys.gettrace() is not None or sys.getprofile() is not None
    streams = [sys.stdin.read(), sys.stdout.encoding, sys.stderr.line_buffering]
    interpreter = [list(sys.path), list(sys.argv), sys.getrecursionlimit(), traced]
    return [os.getcwd(), files, folders, variables, umask, alarm, handler, threads, interpreter, streams]
"""


def calls(count: int) -> list[dict[str, Any]]:
    return [{"x": number} for number in range(count)]


def values(reports: list[Report]) -> list[Any]:
    return [json.loads(report.result) if report.result else report.error for report in reports]


def given(bench: Bench, **files: bytes) -> list[File]:
    """Make blobs, named with / for __, for tasks to find."""
    refs = []
    for name, content in files.items():
        sha256 = hashlib.sha256(content).hexdigest()
        bench.blobs.content[sha256] = content
        refs.append(File(name.replace("__", "/"), sha256, len(content)))
    return refs


LEAVINGS = [
    "open('left', 'w').close(); os.makedirs('a/b'); open('data/left', 'w').close()",
    "open(os.environ['TMPDIR'] + '/left', 'w').close()",
    "os.mkdir('locked'); open('locked/in', 'w').close(); os.chmod('locked', 0o300)",
    "os.symlink('data', 'link'); os.symlink('/', os.environ['TMPDIR'] + '/root')",
    "os.makedirs('/'.join('d' * 60))",
    "os.chmod('.', 0o500); os.chmod('data', 0o500)",
    "os.mkdir('deeper'); os.chdir('deeper')",
    "os.environ['LEFT'] = '1'; os.environ['HOME'] = '/'; del os.environ['LANG']; sys.path.append('left')",
    "os.umask(0)",
    "sys.argv.append('left'); sys.setrecursionlimit(500)",
    "sys.setprofile(lambda *_: None); sys.settrace(lambda *_: None)",
    "sys.stdin = io.StringIO('left')",
    "open('left', 'w').write('one\\ntwo\\n'); os.dup2(os.open('left', os.O_RDONLY), 0); sys.stdin.readline()",
    "sys.stdin.close()",
    "sys.stdout.reconfigure(encoding='latin-1'); sys.stderr.reconfigure(line_buffering=False)",
    "sys.stdout.detach()",
    "signal.signal(signal.SIGTERM, lambda *_: None); signal.signal(signal.SIGALRM, print); signal.alarm(1)",
    "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "sys.stdout.close(); sys.stderr = None; os.dup2(0, 2)",
    "os.close(0); os.close(1); os.close(2)",
]


async def test_a_call_finds_nothing_of_what_earlier_ones_left(bench: Bench) -> None:
    left = "".join(f"\n    if x == {number}: {leaving}" for number, leaving in enumerate(LEAVINGS))
    source = f"{FOUND}\ndef f(x):\n    before = found(){left}\n    return before"
    reports = await bench.function(
        source, *calls(len(LEAVINGS) + 1), files=given(bench, data__in=b"input", top=b"other")
    )
    first, *others = values(reports)
    assert first[1] == ["./data/in", "./top"]
    for leaving, found in zip(LEAVINGS, others):
        assert found == first, leaving


async def test_input_files_are_as_they_were_given_for_each_call(bench: Bench) -> None:
    source = """
import os
def f(x):
    read = open('data/in').read(), open('top').read()
    for misdeed in (lambda: os.remove('top'), lambda: open('data/in', 'w').write('changed'),
                    lambda: os.rename('data', 'moved')):
        try: misdeed()
        except OSError: pass
    return read
"""
    files = given(bench, data__in=b"input", top=b"other")
    assert values(await bench.function(source, *calls(3), files=files)) == [["input", "other"]] * 3


async def test_a_process_that_a_call_leaves_writes_into_no_later_call(boxed: Bench) -> None:
    source = """
import os, time
def f(x):
    if os.fork() == 0:
        os.setsid()
        while True:
            open(f'/box/left-{x}', 'w').close()
            os.write(1, b'left')
            time.sleep(0.001)
    while not os.path.exists(f'left-{x}'):
        time.sleep(0.001)
    return sorted(os.listdir('.'))
"""
    reports = await boxed.function(source, *calls(3))
    assert values(reports) == [["left-0"], ["left-1"], ["left-2"]]


async def test_only_the_process_that_was_called_answers(bench: Bench) -> None:
    source = """
import os, sys
def f(x):
    if os.fork() == 0:
        if x == 0: sys.exit(3)
        if x == 1: raise ValueError('child')
        return 'child'
    return [x, os.WEXITSTATUS(os.wait()[1])]
"""
    assert values(await bench.function(source, *calls(4))) == [[0, 3], [1, 1], [2, 0], [3, 0]]


@pytest.mark.parametrize("isolate", [False, True], ids=["bundled", "isolated"])
async def test_no_two_calls_draw_the_same_random_numbers(boxed: Bench, isolate: bool) -> None:
    source = "import random\nrandom.seed(1)\ndef f(x):\n    y = random.random()\n    random.seed(2)\n    return y"
    reports = [*await boxed.function(source, *calls(4), isolate=isolate), *await boxed.function(source, *calls(4))]
    assert len(set(values(reports))) == 8


async def test_the_globals_of_a_task_are_shared_unless_each_call_is_isolated(boxed: Bench) -> None:
    source = "import os\nseen = []\ndef f(x):\n    seen.append(x)\n    return seen"
    assert values(await boxed.function(source, *calls(3))) == [[0], [0, 1], [0, 1, 2]]
    assert values(await boxed.function(source + "\n", *calls(3), isolate=True)) == [[0], [1], [2]]


@pytest.mark.parametrize("isolate", [False, True], ids=["bundled", "isolated"])
async def test_each_call_has_its_own_output_whoever_wrote_it(bench: Bench, isolate: bool) -> None:
    source = """
import os, subprocess, sys
print('loaded')
def f(x):
    print('printed', x); print('said', x, file=sys.stderr)
    subprocess.run(['sh', '-c', f'echo child {x}; echo child err {x} >&2'])
    os.write(2, b'\\xff')
    if x == 1:
        raise ValueError('one')
"""
    reports = await bench.function(source, *calls(3), isolate=isolate)
    assert [report.stdout for report in reports] == [f"printed {x}\nchild {x}\n" for x in range(3)]
    for x in (0, 2):
        assert reports[x].stderr == f"said {x}\nchild err {x}\n\ufffd"
        assert reports[x].stderr_bytes == len(f"said {x}\nchild err {x}\n") + 1
    assert reports[1].error is not None
    assert reports[1].stderr.startswith("said 1\nchild err 1\n\ufffdTraceback")
    assert reports[1].stderr.endswith("ValueError: one\n")


@pytest.mark.parametrize(
    "end",
    ["os.abort()", "os._exit(3)", "time.sleep(60)", "print('.' * 100, end='', flush=True); os.kill(os.getpid(), 9)"],
)
async def test_what_a_call_wrote_before_its_process_died_is_kept(bench: Bench, end: str) -> None:
    source = f"import os, sys, time\ndef f(x):\n    print('so far', x)\n    print('err', x, file=sys.stderr)\n    {end}"
    reports = await bench.function(source, *calls(2), start_to_close=0.5)
    assert [report.outcome for report in reports] == [Outcome.FAILED] * 2
    for x, report in enumerate(reports):
        assert report.stdout.startswith(f"so far {x}\n")
        assert report.stderr.startswith(f"err {x}\n")
        assert f"{1 - x}" not in report.stdout.partition(".")[0]


async def test_only_the_end_of_much_output_is_kept_and_nothing_of_it_takes_storage(boxed: Bench) -> None:
    source = """
import os
def f(x):
    for _ in range(3000):
        os.write(1, b'a' * 1000); os.write(2, b'b' * 1000)
    os.write(1, 'é'.encode() * 70_000)
    print('end')
"""
    [report] = await boxed.function(source, {"x": 0}, storage=1 << 20)
    assert report.outcome is Outcome.RETURNED, report.error
    assert report.stdout.endswith("éend\n")
    assert len(report.stdout.encode()) <= 64 * 1024
    assert report.stdout_bytes == 3_000_000 + 140_000 + 4
    assert report.stderr == "b" * 64 * 1024


async def test_a_call_that_writes_for_ever_ends_and_leaves_its_last_words(boxed: Bench) -> None:
    reports = await boxed.function(
        "import os\ndef f(x):\n    while x: os.write(1, b'spam')", {"x": 1}, {"x": 0}, start_to_close=0.5
    )
    assert reports[0].error is not None
    assert reports[0].error.type == "TimedOut"
    assert reports[0].stdout.endswith("spam")
    assert (reports[1].outcome, reports[1].stdout) == (Outcome.RETURNED, "")


async def test_nothing_that_is_cleaned_or_laid_out_follows_a_link_that_a_task_planted(
    bare: Bench, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    source = f"""
import os
def f(x):
    notes = os.path.dirname(os.environ['NJANGI_HEARTBEAT'])
    os.symlink({str(outside)!r}, 'link')
    os.mkdir('deep'); os.symlink({str(outside)!r}, 'deep/link'); os.chmod('deep', 0o300)
    os.symlink({str(outside / "kept")!r}, notes + '/checkpoint.0')
    os.symlink({str(outside / "made")!r}, notes + '/heartbeat.0')
"""
    await bare.function(source, *calls(2))
    await bare.function(source, *calls(2))
    await bare.slot.close()
    assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("kept", "kept")]
    assert not list((bare.home / "work").iterdir())


async def test_details_of_an_earlier_attempt_are_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "checkpoint").symlink_to(tmp_path / "kept")
    lease = replace(a_lease("s"), details="{}")
    await lay_out(lease, tmp_path / "checkpoint", Cache(tmp_path / "cache", MemoryBlobs()))
    assert ((tmp_path / "kept").read_text(), (tmp_path / "checkpoint").read_text()) == ("kept", "{}")
