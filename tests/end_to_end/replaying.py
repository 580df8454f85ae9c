"""The check that a run's log is complete: export it, rebuild the run from it, compare with what is stored."""

from __future__ import annotations

import asyncio
from pathlib import Path

from njangi_flows.cli.app import app
from typer.testing import CliRunner, Result

from tests.end_to_end.submitting import Running


async def command(stack: Running, *arguments: str) -> Result:
    """Run `njangi` with these arguments against the stack."""
    token = (stack.settings.home / "tokens" / "admin").read_text().strip()
    return await asyncio.to_thread(
        CliRunner().invoke, app, [*arguments, "--url", stack.settings.url, "--token", token], catch_exceptions=False
    )


async def check_history(stack: Running, run_id: str, folder: Path) -> Path:
    """Assert that the run, which has ended, can be rebuilt from its history; return the file."""
    file = folder / f"{run_id}.jsonl"
    exported = await command(stack, "history", run_id, "-o", str(file))
    assert exported.exit_code == 0, exported.output
    replayed = await command(stack, "replay", str(file))
    assert replayed.exit_code == 0, replayed.output
    assert "as stored" in replayed.output
    return file
