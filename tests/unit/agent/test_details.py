"""What attempts tell while they run, for real: commands and functions, with and without a sandbox."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from njangi_agent.protocol import INLINE_RESULT_BYTES, Held, Lease, Outcome, Report, TaskDefinition

from .conftest import Bench, a_lease

MIB = 1024 * 1024
WRITE = 'echo "$1" > $NJANGI_HEARTBEAT.new && mv $NJANGI_HEARTBEAT.new $NJANGI_HEARTBEAT'


def shell(script: str, *arguments: str, **fields: Any) -> TaskDefinition:
    return TaskDefinition("t", "task", command=["sh", "-c", script, "sh", *arguments], **fields)


def function(source: str, **fields: Any) -> TaskDefinition:
    return TaskDefinition(f"t{hash(source)}", "task", source=source, function="f", **fields)


async def attempt(bench: Bench, task: TaskDefinition, *leases: Lease) -> tuple[list[Held], list[Report]]:
    """Carry the leases out; return what was told meanwhile and the reports."""
    said: list[Held | Report] = []
    await bench.slot.run(task, leases or [a_lease("s0")], said.append)
    return [item for item in said if isinstance(item, Held)], [item for item in said if isinstance(item, Report)]


async def until_told(bench: Bench, task: TaskDefinition, enough: Callable[[Held], bool], *leases: Lease) -> Held:
    """Carry the leases out until one tells what is `enough`, and stop them then."""
    said: list[Held] = []
    found = asyncio.Event()

    def tell(item: Held | Report) -> None:
        assert isinstance(item, Held), item
        said.append(item)
        if enough(item):
            found.set()

    running = asyncio.ensure_future(bench.slot.run(task, leases or [a_lease("s0")], tell))
    await asyncio.wait_for(found.wait(), 60)
    told = said[-1]
    running.cancel()
    await asyncio.wait({running})
    return told


async def test_what_a_command_writes_is_told_while_it_runs(bench: Bench) -> None:
    told = await until_told(bench, shell(f"{WRITE}; sleep 600", '{"progress": 0.4, "at": [7]}'), lambda held: True)
    assert told == Held("s0", "token-of-s0", 0.4, '{"progress":0.4,"at":[7]}')


@pytest.mark.parametrize(
    ("details", "progress"),
    [
        ("0.25", 0.25),
        ('{"progress": 1}', 1.0),
        ('{"progress": 7}', None),
        ("true", None),
        ("[0.5]", None),
        ("-1", None),
    ],
)
async def test_progress_is_a_number_or_a_field_between_0_and_1(
    bare: Bench, details: str, progress: float | None
) -> None:
    [told], [report] = await attempt(bare, shell(f"{WRITE}; exit 3", details))
    assert told.progress == progress
    assert report.outcome is Outcome.FAILED


async def test_what_a_failing_command_wrote_last_is_told_before_its_report(bench: Bench) -> None:
    script = (
        "for i in 1 2 3; do echo $i > $NJANGI_HEARTBEAT.new; mv $NJANGI_HEARTBEAT.new $NJANGI_HEARTBEAT; done; exit 1"
    )
    told, [report] = await attempt(bench, shell(script))
    assert told[-1].details == "3"
    assert report.error is not None and report.error.type == "NonZeroExit"
    assert not list((bench.home / "work").iterdir())


async def test_the_next_attempt_finds_what_the_last_one_told(bench: Bench) -> None:
    script = 'test -z "$NJANGI_CHECKPOINT" || cat $NJANGI_CHECKPOINT'
    _, [first] = await attempt(bench, shell(script, parse="json"))
    assert first.error is not None, "no checkpoint: no output, which is no JSON"
    _, [second] = await attempt(bench, shell(script, parse="json"), replace(a_lease("s0"), details='{"done":3}'))
    assert second.result == '{"done":3}'


async def test_large_details_travel_as_a_blob_in_both_directions(bench: Bench) -> None:
    script = "import json, os\njson.dump('x' * 100_000, open(os.environ['NJANGI_HEARTBEAT'], 'w'))\nraise SystemExit(1)"
    task = TaskDefinition("t", "task", command=["python3", "-c", script])
    [told], _ = await attempt(bench, task)
    assert told.details is None and told.details_blob is not None
    assert len(bench.blobs.content[told.details_blob]) == 100_002
    lease = replace(a_lease("s0"), details_blob=told.details_blob)
    _, [again] = await attempt(bench, shell("wc -c < $NJANGI_CHECKPOINT", parse="json"), lease)
    assert again.result == "100002"


async def test_an_attempt_whose_checkpoint_is_gone_starts_afresh(bare: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from njangi_agent.errors import RequestRejectedError

    async def gone(sha256: str, path: object) -> None:
        raise RequestRejectedError(404, "no such blob")

    monkeypatch.setattr(bare.blobs, "fetch", gone)
    lease = replace(a_lease("s0"), details_blob=hashlib.sha256(b"1").hexdigest())
    _, [report] = await attempt(bare, shell("echo ${NJANGI_CHECKPOINT:-afresh}"), lease)
    assert report.result == '"afresh\\n"'


@pytest.mark.parametrize(
    "misdeed",
    [
        "ln -s /etc/hostname $NJANGI_HEARTBEAT",
        "mkfifo $NJANGI_HEARTBEAT",
        "mkdir $NJANGI_HEARTBEAT",
        "echo '{' > $NJANGI_HEARTBEAT",
        "echo NaN > $NJANGI_HEARTBEAT",
        "echo 1 > $NJANGI_HEARTBEAT; chmod 0 $NJANGI_HEARTBEAT; rm $NJANGI_HEARTBEAT",
        "printf '\\377' > $NJANGI_HEARTBEAT",
        ": > $NJANGI_HEARTBEAT",
        "head -c 200000 /dev/zero | tr '\\0' '[' > $NJANGI_HEARTBEAT",
    ],
    ids=["link", "fifo", "folder", "half", "NaN", "gone", "no text", "empty", "deep"],
)
async def test_what_is_no_plain_file_of_json_is_passed_over(bench: Bench, misdeed: str) -> None:
    told, [report] = await attempt(bench, shell(f"{misdeed}; exit 3"))
    assert told == []
    assert report.error is not None and report.error.message == "exit code 3"


async def test_details_beyond_the_storage_of_the_task_are_not_told(boxed: Bench) -> None:
    script = "(echo '\"'; head -c 3000000 /dev/zero | tr '\\0' x; echo '\"') > $NJANGI_HEARTBEAT; exit 3"
    told, [report] = await attempt(boxed, shell(script, storage=MIB))
    assert told == []
    assert report.outcome is Outcome.FAILED


async def test_an_attempt_that_is_stopped_tells_what_it_wrote_last(bench: Bench) -> None:
    counting = f"n=0; while :; do n=$((n+1)); set -- $n; {WRITE}; done"
    said: list[int] = []
    began = asyncio.Event()

    def tell(item: Held | Report) -> None:
        assert isinstance(item, Held)
        said.append(json.loads(item.details or "0"))
        began.set()

    def written() -> int:
        [path] = (bench.home / "work").glob("*/notes/heartbeat")
        return int(path.read_text())

    running = asyncio.ensure_future(bench.slot.run(shell(counting), [a_lease("s0")], tell))
    await asyncio.wait_for(began.wait(), 60)
    while written() <= said[0]:
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait({running})
    assert said[-1] > said[0], "told once more when it was stopped"
    assert not list((bench.home / "work").iterdir())


COUNT = """
from njangi import heartbeat, last_heartbeat
def f(x):
    done = last_heartbeat({"done": 0})["done"]
    while done < x:
        done += 1
        heartbeat({"done": done, "progress": done / 20})
        if done == 10:
            raise OSError(f"stopped at {done}")
    return [x, done]
"""


async def test_a_function_goes_on_from_what_it_told_last(bench: Bench) -> None:
    told, [report] = await attempt(bench, function(COUNT), a_lease("s0", {"x": 20}))
    assert told[-1].details == '{"done":10,"progress":0.5}' and told[-1].progress == 0.5
    assert report.error is not None and report.error.message == "stopped at 10"
    again = replace(a_lease("s0", {"x": 20}), details=told[-1].details)
    _, [report] = await attempt(bench, function(COUNT), again)
    assert report.result == "[20,20]"


async def test_each_call_of_a_bundle_tells_for_itself_and_finds_its_own(bench: Bench) -> None:
    source = """
import os
from njangi import heartbeat, last_heartbeat
def f(x):
    before = last_heartbeat()
    if x is not None:
        heartbeat(x)
        raise ValueError(str(before))
    return [before, os.path.exists(os.environ["NJANGI_HEARTBEAT"])]
"""
    leases = [a_lease("s0", {"x": 1}), replace(a_lease("s1", {"x": None}), details='"mine"'), a_lease("s2", {"x": 3})]
    told, reports = await attempt(bench, function(source), *leases)
    assert [(item.subtask_id, item.details) for item in told] == [("s0", "1"), ("s2", "3")]
    assert [report.error.message if report.error else report.result for report in reports] == [
        "None",
        '["mine",false]',
        "None",
    ]
    _, [report] = await attempt(bench, function(source), a_lease("s3", {"x": None}))
    assert report.result == "[null,false]", "nothing is left of the bundle before"


async def test_a_call_whose_process_dies_leaves_its_details(bench: Bench) -> None:
    source = (
        "import os\nfrom njangi import heartbeat\ndef f(x):\n    heartbeat([x])\n    if x: os._exit(7)\n    return x"
    )
    told, reports = await attempt(bench, function(source), *(a_lease(f"s{x}", {"x": x}) for x in range(3)))
    assert [report.outcome for report in reports] == [Outcome.RETURNED, Outcome.FAILED, Outcome.FAILED]
    assert [(item.subtask_id, item.details) for item in told][-2:] == [("s1", "[1]"), ("s2", "[2]")]


async def test_a_function_tells_while_it_runs(boxed: Bench) -> None:
    source = "import time\nfrom njangi import heartbeat\ndef f(x):\n    heartbeat('y' * x)\n    time.sleep(600)"
    small = await until_told(boxed, function(source), lambda held: True, a_lease("s0", {"x": 3}))
    assert small.details == '"yyy"'
    large = await until_told(boxed, function(source), lambda held: True, a_lease("s0", {"x": INLINE_RESULT_BYTES}))
    assert large.details_blob in boxed.blobs.content


async def test_a_command_is_told_of_what_it_wrote_in_vain(bare: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("njangi_agent.executors.details.LOOK_SECONDS", 0.02)
    told, [report] = await attempt(bare, shell("echo '[NaN]' > $NJANGI_HEARTBEAT; sleep 0.5; echo done"))
    assert told == []
    assert report.result == '"done\\n"'
    assert report.stderr.startswith("njangi: what it wrote to NJANGI_HEARTBEAT is not kept: ")
    assert "finite" in report.stderr


@pytest.mark.parametrize("value", ["2**1279 - 1", "'a\\0b'", "[[]]"], ids=["digits", "NUL", "lists"])
async def test_a_function_goes_on_from_whatever_the_dialect_carries(boxed: Bench, value: str) -> None:
    source = f"from njangi import heartbeat\ndef f(x):\n    heartbeat({value})\n    raise OSError('later')"
    [held], _ = await attempt(boxed, function(source), a_lease("s0", {"x": 1}))
    source = f"from njangi import last_heartbeat\ndef f(x):\n    return last_heartbeat() == {value}"
    _, [report] = await attempt(boxed, function(source), replace(a_lease("s1", {"x": 1}), details=held.details))
    assert report.result == "true"


async def test_what_is_no_json_is_the_functions_own_error(boxed: Bench) -> None:
    source = "from njangi import heartbeat\ndef f(x):\n    heartbeat(float('nan'))"
    told, [report] = await attempt(boxed, function(source), a_lease("s0", {"x": 1}))
    assert told == []
    assert report.error is not None and report.error.type == "NotCarriedError"
