"""Commands for real: in bubblewrap, and where it matters without any sandbox."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import socket
from pathlib import Path

import pytest
from njangi_agent.errors import AttemptFailedError
from njangi_agent.executors.output import answer_of
from njangi_agent.protocol import INLINE_RESULT_BYTES, OUTPUT_TAIL_BYTES, File, Outcome
from njangi_agent.sandbox.arguments import LONGEST_ARGUMENT, render

from .conftest import Bench

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        (["run", "{n}"], ["run", "3"]),
        (["run", "{text}"], ["run", "; rm -rf {n} $HOME"]),
        (["run", "{list}", "end"], ["run", "a b", "2", "null", "end"]),
        (["run", "{empty}"], ["run"]),
        (["run", "{flag}", "{object}"], ["run", "true", '{"k":[1]}']),
        (["run", "{part}"], ["run", "part.txt"]),
        (["run", "--n={n}", "x{n}"], ["run", "--n={n}", "x{n}"]),
        (["awk", "{print}", "{}"], ["awk", "{print}", "{}"]),
    ],
    ids=["number", "text", "list", "empty list", "JSON", "path", "inside other text", "no such name"],
)
def test_placeholders_fill_whole_arguments(command: list[str], argv: list[str]) -> None:
    values = {"n": 3, "text": "; rm -rf {n} $HOME", "list": ["a b", 2, None], "empty": []}
    values |= {"flag": True, "object": {"k": [1]}}
    assert render(command, values, {"part": "part.txt", "n": "shadowed"}) == argv


@pytest.mark.parametrize(
    ("parse", "output", "result"),
    [
        ("text", b"caf\xc3\xa9\r\n\0\n", "caf\u00e9\r\n\0\n"),
        ("text", b"\xef\xbb\xbfcaf\xc3\xa9", "\ufeffcaf\u00e9"),
        ("json", b' {"a": [1, 2.5]}\n', {"a": [1, 2.5]}),
        ("lines", b"one\ntwo\n\nlast", ["one", "two", "", "last"]),
        ("lines", b"", []),
        ("lines", b"\xef\xbb\xbfone\r\ntwo\rthree\xe2\x80\xa8\x0c\n\r", ["one", "two", "three\u2028\x0c", ""]),
        ("json", b"\xef\xbb\xbf[1]", [1]),
        ("csv", b'\xef\xbb\xbfa,b\r1,"x\r\ny"\r\r2\n', [["a", "b"], ["1", "x\r\ny"], [], ["2"]]),
        ("csv", b'a,"b, c"\r\n1,2\r\n', [["a", "b, c"], ["1", "2"]]),
    ],
    ids=[
        "text",
        "text with a byte order mark",
        "json",
        "lines",
        "no lines",
        "lines of every kind",
        "json after a byte order mark",
        "csv of every kind",
        "csv",
    ],
)
def test_standard_output_becomes_the_result(tmp_path: Path, parse: str, output: bytes, result: object) -> None:
    (tmp_path / "stdout").write_bytes(output)
    answer = answer_of(parse, tmp_path / "stdout", tmp_path / "spill")
    assert answer.text is not None
    assert json.loads(answer.text) == result


@pytest.mark.parametrize("parse", ["text", "json", "lines", "csv"])
@pytest.mark.parametrize(
    ("output", "says"),
    [
        (gzip.compress(b"1,2\n"), "byte 0x8b at offset 1 is not UTF-8; it looks like gzip. Keep the bytes"),
        (b"a,b\n" * 20_000 + "Yaound\u00e9\n".encode("latin-1"), "offset 80006 is not UTF-8; it looks like Latin-1"),
        ("Yaound\u00e9\n".encode("utf-16"), "it looks like UTF-16"),
        (b"Yaound\xc3", "at offset 6 is not UTF-8; it looks like UTF-8 that is cut off"),
    ],
    ids=["gzip", "Latin-1", "UTF-16", "cut off"],
)
def test_output_that_is_no_text_is_refused_and_never_replaced(
    tmp_path: Path, parse: str, output: bytes, says: str
) -> None:
    (tmp_path / "stdout").write_bytes(output)
    with pytest.raises(AttemptFailedError) as failed:
        answer_of(parse, tmp_path / "stdout", tmp_path / "spill")
    assert failed.value.type == "BadOutput"
    assert says in failed.value.message
    assert "`parse: bytes`" in failed.value.message


@pytest.mark.parametrize("output", [b"", b"text\n", bytes(range(256)) * 1000])
def test_bytes_are_kept_as_they_are(tmp_path: Path, output: bytes) -> None:
    (tmp_path / "stdout").write_bytes(output)
    answer = answer_of("bytes", tmp_path / "stdout", tmp_path / "spill")
    assert (answer.text, answer.path, answer.size) == (None, tmp_path / "stdout", len(output))
    assert answer.sha256 == hashlib.sha256(output).hexdigest()


@pytest.mark.parametrize("output", [b'a,"b"c\n', b'a,"b\n1,2\n'], ids=["text after a quote", "no end of a quote"])
def test_csv_that_could_be_read_in_two_ways_is_refused(tmp_path: Path, output: bytes) -> None:
    (tmp_path / "stdout").write_bytes(output)
    with pytest.raises(AttemptFailedError, match="BadOutput"):
        answer_of("csv", tmp_path / "stdout", tmp_path / "spill")


async def test_the_bytes_of_a_command_become_a_blob_as_they_are(boxed: Bench) -> None:
    report = await boxed.command("sh", "-c", "seq 1000 | gzip -n", parse="bytes")
    assert report.outcome is Outcome.RETURNED and report.result is None and report.blob is not None
    assert gzip.decompress(boxed.blobs.content[report.blob]).split()[-1] == b"1000"
    assert report.size == len(boxed.blobs.content[report.blob])


@pytest.mark.parametrize(
    "output",
    [
        b"{",
        b"NaN",
        b"1e999",
        b"\xff",
        b"",
        b"[" * 200_000,
        b"[" * 65 + b"]" * 65,
        b'"\\ud800"',
        b"9" * 4301,
        b'{"a":1,"a":2}',
    ],
)
def test_what_is_not_json_is_bad_output(tmp_path: Path, output: bytes) -> None:
    (tmp_path / "stdout").write_bytes(output)
    with pytest.raises(AttemptFailedError, match="BadOutput"):
        answer_of("json", tmp_path / "stdout", tmp_path / "spill")


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_an_output_that_is_no_plain_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "stdout"
    if kind == "link":
        (tmp_path / "secret").write_text("secret")
        path.symlink_to(tmp_path / "secret")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(AttemptFailedError, match="not a plain file"):
        answer_of("text", path, tmp_path / "spill")


async def test_a_command_finds_its_files_and_its_parameters(boxed: Bench) -> None:
    sha256 = hashlib.sha256(b"from afar").hexdigest()
    boxed.blobs.content[sha256] = b"from afar"
    file = File("data/in.txt", sha256, 9)
    task = {"files": [file], "paths": {"part": file.name}, "parse": "lines"}
    report = await boxed.command("tail", "-c", "{n}", "{part}", parameters={"n": 4}, **task)
    assert report.result == '["afar"]'
    assert report.outcome is Outcome.RETURNED


async def test_a_file_cannot_be_changed_by_the_task_that_reads_it(boxed: Bench) -> None:
    sha256 = hashlib.sha256(b"original").hexdigest()
    boxed.blobs.content[sha256] = b"original"
    files = [File("in.txt", sha256, 8)]
    report = await boxed.command("sh", "-c", "echo changed > in.txt", files=files)
    assert report.error is not None
    again = await boxed.command("cat", "in.txt", files=files)
    assert again.result == '"original"'


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/../../up", ""])
async def test_a_file_name_that_leaves_the_folder_is_refused(boxed: Bench, name: str) -> None:
    report = await boxed.command("true", files=[File(name, "0" * 64, 1)])
    assert report.outcome is Outcome.REFUSED


async def test_a_large_result_is_stored_as_a_blob(boxed: Bench) -> None:
    report = await boxed.command("head", "-c", str(INLINE_RESULT_BYTES), "/dev/zero")
    assert report.result is None
    assert report.blob is not None
    assert json.loads(boxed.blobs.content[report.blob]) == "\0" * INLINE_RESULT_BYTES
    assert report.size == len(boxed.blobs.content[report.blob])


@pytest.mark.parametrize(
    ("command", "limits", "type", "message"),
    [
        ("exit 3", {}, "NonZeroExit", "exit code 3"),
        ("kill -SEGV $$", {}, "NonZeroExit", "killed by SIGSEGV"),
        ("exec sleep 60", {"start_to_close": 0.2}, "TimedOut", "0.2 seconds"),
        ("yes", {"storage": MIB}, "OutputTooLarge", "1048576 bytes"),
        ("trap '' XFSZ; yes", {"storage": MIB}, "OutputTooLarge", "1048576 bytes"),
        ("yes >&2", {"start_to_close": 0.3}, "TimedOut", "0.3 seconds"),
        ("python3 -c 'x = b\"a\" * (1 << 30)'", {"memory": 64 * MIB}, "MemoryExceeded", "67108864 bytes"),
        ("python3 -c 'import mmap; m = mmap.mmap(-1, 1 << 28); m.write(b\"a\" * (1 << 28)); input() or 1'"
         " < /dev/zero", {"memory": 512 * MIB}, "MemoryExceeded", ""),
        ("i=0; while :; do i=$((i+1)); head -c 400000 /dev/zero > f$i; done", {"storage": MIB}, "StorageExceeded", ""),
        ("for i in $(seq 400); do sleep 60 & done; wait", {}, "TooManyProcesses", "256"),
    ],
    ids=["exit", "signal", "wall time", "stdout", "stdout, deaf", "stderr", "memory", "shared", "storage", "processes"],
)  # fmt: skip
async def test_what_goes_beyond_its_limits_ends_with_a_reason(
    bench: Bench, command: str, limits: dict[str, float], type: str, message: str
) -> None:
    report = await bench.command("sh", "-c", command, **{"start_to_close": 30, **limits})
    assert report.outcome is Outcome.FAILED
    assert report.error is not None
    assert report.error.type == type, report.error
    assert message in report.error.message
    assert len(report.stderr) <= OUTPUT_TAIL_BYTES
    assert not list((bench.home / "work").iterdir())


async def test_the_end_of_what_a_failed_command_wrote_is_told_and_how_much_it_was(boxed: Bench) -> None:
    script = "seq 100000; echo 'a\\0b' >&2; exit 3"
    report = await boxed.command("sh", "-c", script)
    assert (len(report.stdout), report.stdout_bytes) == (OUTPUT_TAIL_BYTES, 588_895)
    assert report.stdout.endswith("99999\n100000\n")
    assert (report.stderr, report.stderr_bytes) == ("a\u2400b\n", 4)


async def test_a_command_whose_output_is_no_result_tells_what_it_wrote(boxed: Bench) -> None:
    report = await boxed.command("sh", "-c", "echo 1; echo oops; echo why >&2", parse="json")
    assert report.error is not None
    assert (report.error.type, report.stdout, report.stderr) == ("BadOutput", "1\noops\n", "why\n")


async def test_standard_output_that_is_the_result_is_not_told_a_second_time(boxed: Bench) -> None:
    report = await boxed.command("sh", "-c", "echo 42; echo careful >&2")
    assert report.result == '"42\\n"'
    assert (report.stdout, report.stdout_bytes, report.stderr, report.stderr_bytes) == ("", 3, "careful\n", 8)


@pytest.mark.parametrize(
    ("program", "outcome"), [("no-such-program", Outcome.REFUSED), ("./no-such-file", Outcome.FAILED)]
)
async def test_a_program_that_is_not_there_cannot_start(boxed: Bench, program: str, outcome: Outcome) -> None:
    report = await boxed.command(program)
    assert report.error is not None
    assert (report.outcome, report.error.type) == (outcome, "CannotStart")
    assert program in report.error.message


async def test_a_null_character_in_an_argument_cannot_start(boxed: Bench) -> None:
    report = await boxed.command("echo", "{x}", parameters={"x": "a\0b"})
    assert report.error is not None
    assert report.error.type == "CannotStart"


async def test_a_fork_bomb_ends_and_leaves_nothing(capped: Bench) -> None:
    report = await capped.command("sh", "-c", "b() { b | b & }; b; sleep 30", start_to_close=20)
    assert report.error is not None
    assert report.error.type in ("TooManyProcesses", "NonZeroExit", "TimedOut")
    assert (await capped.command("echo", "alive")).result == '"alive\\n"'


async def test_a_daemon_dies_with_its_task_and_holds_nothing_up(boxed: Bench) -> None:
    mark = f"sleep 5{os.getpid()}"
    report = await boxed.command("sh", "-c", f"setsid {mark} & setsid {mark} & echo done")
    assert report.result == '"done\\n"'
    assert mark not in running()


async def test_without_a_sandbox_what_stays_in_the_session_dies_with_the_task(bare: Bench) -> None:
    mark = f"sleep 6{os.getpid()}"
    report = await bare.command("sh", "-c", f"{mark} & echo done")
    assert report.result == '"done\\n"'
    assert mark not in running()


async def test_a_boxed_task_cannot_read_the_agents_identity_nor_the_home_of_its_owner(boxed: Bench) -> None:
    (boxed.home / "identity.json").write_text("secret")
    for path in (boxed.home / "identity.json", Path.home(), "/etc/shadow", "/etc/hostname", "/proc/1/root/etc/shadow"):
        report = await boxed.command("sh", "-c", f"ls -d {path}/. || cat {path}")
        shown = report.result or ""
        assert "secret" not in shown
        assert report.error is not None or str(path) == str(Path.home()), path
    accounts = await boxed.command("cat", "/etc/passwd", "/etc/group", "/etc/hosts")
    assert accounts.result is not None
    assert "root" not in accounts.result and "box" in accounts.result
    assert (await boxed.command("sh", "-c", "whoami; cd ~ && pwd", parse="lines")).result == '["box","/box"]'
    empty = await boxed.command("sh", "-c", f"ls -A {Path.home()} || true")
    assert "ssh" not in (empty.result or "")


async def test_a_boxed_task_cannot_write_outside_its_folder(boxed: Bench) -> None:
    for place in ("/", "/usr", "/dev", "/proc/sys/kernel", "/etc", "/lib/", "/home"):
        report = await boxed.command("sh", "-c", f"echo x > {place}/njangi-was-here")
        assert report.error is not None, place
        assert report.error.type == "NonZeroExit"
    assert (await boxed.command("sh", "-c", "echo x > here && echo y > /tmp/there")).error is None


async def test_a_boxed_task_has_no_network(boxed: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        script = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
        report = await boxed.command("python3", "-c", script)
    assert report.error is not None
    assert "refused" in report.stderr


async def test_a_boxed_task_sees_no_other_processes_and_no_environment_of_ours(
    boxed: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NJANGI_TEST_TOKEN", "secret")
    report = await boxed.command("sh", "-c", "env; cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    assert report.result is not None
    assert "secret" not in report.result
    assert "pytest" not in report.result


async def test_cpu_time_is_accounted(boxed: Bench) -> None:
    report = await boxed.command("python3", "-c", "sum(range(5_000_000))")
    assert report.cpu_seconds > 0.02
    assert report.seconds > 0.02


def running() -> str:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(lines)


async def test_a_submitted_program_runs_by_its_name_and_from_a_script(bench: Bench) -> None:
    files = []
    for name, text in (("mc", b"#!/bin/sh\necho $1\n"), ("bin/all", b"#!/bin/sh\n./mc a && exec ./mc b\n")):
        sha256 = hashlib.sha256(text).hexdigest()
        bench.blobs.content[sha256] = text
        files.append(File(name, sha256, len(text)))
    (bench.home / "cache").mkdir()
    (bench.home / "cache" / files[0].sha256).write_bytes(bench.blobs.content[files[0].sha256])  # of an older agent
    assert (await bench.command("./mc", "12", files=files)).result == '"12\\n"'
    assert (await bench.command("bin/all", files=files, parse="lines")).result == '["a","b"]'


@pytest.mark.parametrize(
    ("memory", "storage"), [(65536, MIB), (256 * MIB, 8192), (1, 0)], ids=["memory", "storage", "hardly anything"]
)
async def test_limits_leave_what_starting_takes(bench: Bench, memory: int, storage: int) -> None:
    script = "import json, subprocess, time; time.sleep(0.3); print(json.dumps(1))"
    report = await bench.command("python3", "-c", script, memory=memory, storage=storage, parse="json")
    assert report.result == "1", report.error
    source = "import json, subprocess, time\ndef f(): time.sleep(0.3); return subprocess.run(['true']).returncode"
    [report] = await bench.function(source, {}, memory=memory, storage=storage)
    assert report.result == "0", report.error


async def test_what_was_given_to_a_task_does_not_count_as_its_files(bench: Bench) -> None:
    data = b"x" * 2 * MIB
    sha256 = hashlib.sha256(data).hexdigest()
    bench.blobs.content[sha256] = data
    files = [File(f"d{number}/data", sha256, len(data)) for number in range(2)]
    report = await bench.command("sh", "-c", "sleep 0.5; echo done", files=files, storage=MIB)
    assert report.result == '"done\\n"', report.error
    report = await bench.command("sh", "-c", "head -c 900000 /dev/zero > a; cp a b; sleep 9", files=files, storage=MIB)
    assert report.error is not None
    assert report.error.type == "StorageExceeded"


COUNT = "import sys; print(len(sys.argv) - 1, sum(map(len, sys.argv[1:])))"


@pytest.mark.parametrize("items", [8000, 130_000], ids=["beyond bubblewrap's", "near Linux' own"])
async def test_a_command_takes_as_many_arguments_as_linux_does(bench: Bench, items: int) -> None:
    parameters = {"part": list(range(items))}
    report = await bench.command("python3", "-c", COUNT, "{part}", "é \n'", parameters=parameters)
    assert report.error is None
    length = sum(len(str(item)) for item in range(items))
    assert json.loads(report.result or "") == f"{items + 1} {length + 4}\n"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (["x" * 100] * 30_000, "python3: Argument list too long"),
        ("é" * 65_536, f"an argument has 131072 bytes, and Linux allows {LONGEST_ARGUMENT}; pass it as a file"),
        ("a\0b", "an argument cannot hold the character NUL"),
    ],
    ids=["all", "one", "nul"],
)
async def test_arguments_that_no_machine_takes_fail_at_once(bench: Bench, argument: object, message: str) -> None:
    report = await bench.command("python3", "-c", COUNT, "{part}", parameters={"part": argument})
    assert (report.outcome, report.error and report.error.type) == (Outcome.FAILED, "CannotStart")
    assert report.error is not None and report.error.message == message


async def test_a_long_command_is_the_same_command(bench: Bench) -> None:
    sha256 = hashlib.sha256(b"echo $#; ls; exit 3").hexdigest()
    bench.blobs.content[sha256] = b"echo $#; ls; exit 3"
    part = {"part": ["x"] * 5000}
    report = await bench.command("sh", "run.sh", "{part}", parameters=part, files=[File("run.sh", sha256, 19)])
    assert report.error is not None and report.error.message == "exit code 3"
    assert report.stdout == "5000\nrun.sh\n"
    missing = await bench.command("no-such-program", "{part}", parameters=part)
    assert (missing.outcome, missing.error and missing.error.type) == (Outcome.FAILED, "CannotStart")
    assert missing.error is not None and "no-such-program" in missing.error.message
