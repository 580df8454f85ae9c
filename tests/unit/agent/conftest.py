from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from njangi_agent.cache import Cache
from njangi_agent.executors.reports import Results
from njangi_agent.executors.slot import Slot
from njangi_agent.protocol import Lease, Report, TaskDefinition
from njangi_agent.sandbox.isolation import Bubblewrap, NoSandbox, Sandbox, base_python, detect

from .service import FakeService


class MemoryBlobs:
    """Blobs without a service: what slots fetch from and store to."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    async def fetch(self, sha256: str, path: Path) -> None:
        path.write_bytes(self.content[sha256])  # noqa: ASYNC240

    async def store(self, sha256: str, path: Path) -> None:
        self.content[sha256] = path.read_bytes()  # noqa: ASYNC240


class Bench:
    """One slot to try tasks on."""

    def __init__(self, sandbox: Sandbox, home: Path) -> None:
        self.home = home
        self.blobs = MemoryBlobs()
        self.slot = Slot(sandbox, Cache(home / "cache", self.blobs), Results(self.blobs), home / "work")

    async def command(self, *command: str, parameters: dict[str, Any] | None = None, **task: Any) -> Report:
        [report] = await self._run(TaskDefinition("t", "task", command=command, **task), [a_lease("s0", parameters)])
        return report

    async def function(self, source: str, *calls: dict[str, Any], **task: Any) -> list[Report]:
        definition = TaskDefinition(f"t{hash(source)}", "task", source=source, function="f", **task)
        return await self._run(definition, [a_lease(f"s{number}", call) for number, call in enumerate(calls)])

    async def _run(self, task: TaskDefinition, leases: list[Lease]) -> list[Report]:
        reports: list[Report] = []
        await self.slot.run(task, leases, reports.append)
        return reports


def a_lease(
    subtask_id: str, parameters: dict[str, Any] | None = None, task_id: str = "t", seconds: float = 30
) -> Lease:
    return Lease(subtask_id, task_id, f"token-of-{subtask_id}", 1, seconds, parameters or {})


@pytest.fixture
def service() -> Iterator[FakeService]:
    running = FakeService()
    yield running
    running.close()


@pytest.fixture(scope="session")
def bubblewrap(tmp_path_factory: pytest.TempPathFactory) -> Bubblewrap:
    found = detect(tmp_path_factory.mktemp("probe"))
    if isinstance(found, NoSandbox):
        if os.environ.get("CI"):
            pytest.fail(f"no bubblewrap in CI: {found.missing[0]}")
        pytest.skip(found.missing[0])
    return found


@pytest.fixture
async def boxed(bubblewrap: Bubblewrap, tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(bubblewrap, tmp_path)
    yield bench
    await bench.slot.close()


@pytest.fixture
async def capped(boxed: Bench, bubblewrap: Bubblewrap) -> Bench:
    """A sandbox in which the kernel bounds the number of processes."""
    if any("without bound" in missing for missing in bubblewrap.missing):
        pytest.skip("nothing caps processes here: a bomb would hit the host")
    return boxed


@pytest.fixture
async def bare(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(NoSandbox(base_python(), "left out for a test"), tmp_path)
    yield bench
    await bench.slot.close()


@pytest.fixture(params=["bubblewrap", "none"])
async def bench(request: pytest.FixtureRequest, bubblewrap: Bubblewrap, tmp_path: Path) -> AsyncIterator[Bench]:
    """Once with and once without a sandbox."""
    bare = NoSandbox(base_python(), "left out for a test")
    bench = Bench(bubblewrap if request.param == "bubblewrap" else bare, tmp_path)
    yield bench
    await bench.slot.close()
