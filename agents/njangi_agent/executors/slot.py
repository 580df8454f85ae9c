"""One slot of this machine: runs command attempts one by one and Python attempts in bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from njangi_agent.cache import Cache
from njangi_agent.executors.commands import Commands
from njangi_agent.executors.details import Tell
from njangi_agent.executors.functions import Functions
from njangi_agent.executors.reports import Results
from njangi_agent.protocol import Lease, TaskDefinition
from njangi_agent.sandbox.isolation import Sandbox


class Slot:
    def __init__(self, sandbox: Sandbox, cache: Cache, results: Results, work: Path) -> None:
        self._commands = Commands(sandbox, cache, results, work)
        self._functions = Functions(sandbox, cache, results, work)

    async def run(self, task: TaskDefinition, leases: Sequence[Lease], tell: Tell) -> None:
        """Carry out leases of one task in order and `tell` each report, and what attempts tell before it.

        Cancelling kills what runs.
        """
        if task.source is not None:
            await self._functions.run(task, leases, tell)
            return
        for lease in leases:
            tell(await self._commands.run(task, lease, tell))

    async def close(self) -> None:
        """Let go of what is kept warm; the next run starts it again."""
        await self._functions.close()
