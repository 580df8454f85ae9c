"""One child process: its readiness, its end, its log."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from stack.errors import ServiceFailedError
from stack.process import ChildProcess, Ready, answers, last_lines, rotate
from stack.settings import free_port


def a_process(directory: Path, code: str, ready: Ready | None = None) -> ChildProcess:
    return ChildProcess(
        "child",
        [sys.executable, "-c", code],
        lambda: os.environ,
        directory / "child.log",
        directory=directory,
        ready=ready,
    )


async def never(instance: str) -> bool:
    return False


async def test_start_returns_when_the_program_says_that_it_is_ready(tmp_path: Path) -> None:
    async def ready(instance: str) -> bool:
        return (tmp_path / "ready").exists()

    process = a_process(tmp_path, "import time; open('ready', 'w').close(); time.sleep(60)", ready)
    await process.start()
    try:
        assert process.pid is not None
        assert (tmp_path / "ready").exists()
    finally:
        await process.stop()
    assert process.pid is None


async def test_a_program_that_ends_before_it_is_ready_shows_its_last_words(tmp_path: Path) -> None:
    process = a_process(tmp_path, "print('no licence'); raise SystemExit(3)", never)
    with pytest.raises(ServiceFailedError, match=r"code 3[\s\S]*no licence"):
        await process.start()
    assert process.pid is None


async def test_run_raises_unless_the_program_ends_well(tmp_path: Path) -> None:
    await a_process(tmp_path, "").run()
    with pytest.raises(ServiceFailedError, match="code 2"):
        await a_process(tmp_path, "raise SystemExit(2)").run()


async def test_a_program_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    async def ready(instance: str) -> bool:
        return (tmp_path / "ready").exists()

    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); open('ready', 'w').close(); time.sleep(60)"
    process = a_process(tmp_path, deaf, ready)
    await process.start()
    await process.stop(grace=0.05)
    assert await process.wait() == -signal.SIGKILL


async def test_it_starts_again_after_its_end(tmp_path: Path) -> None:
    process = a_process(tmp_path, "import time; time.sleep(60)")
    await process.start()
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await process.wait()
    await process.start()
    assert process.pid not in (None, first)
    await process.stop()


def test_a_log_that_grew_too_large_is_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_text("old\n")
    rotate(log, 100)
    assert log.exists()
    rotate(log, 3)
    assert not log.exists()
    assert (tmp_path / "api.log.1").read_text() == "old\n"


def test_the_end_of_a_log_is_shown_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    (tmp_path / "api.log").write_text("".join(f"{number}\n" for number in range(100)))
    assert last_lines(tmp_path / "api.log", 2) == "98\n99"
    assert last_lines(tmp_path / "none.log") == ""


async def test_what_another_program_answers_on_the_same_port_is_not_taken_for_ours(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        process = a_process(tmp_path, "raise SystemExit('cannot listen')", answers(f"http://127.0.0.1:{port}/"))
        with pytest.raises(ServiceFailedError, match="cannot listen"):
            await process.start()


async def test_a_child_is_known_by_the_word_that_it_was_given(tmp_path: Path) -> None:
    port = free_port()
    serve = f"""
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Njangi-Instance", os.environ["NJANGI_INSTANCE"])
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", {port}), Handler).serve_forever()
"""
    process = a_process(tmp_path, serve, answers(f"http://127.0.0.1:{port}/"))
    await process.start()
    await process.stop()
