"""A short storm over the whole stack: see `make chaos` for longer ones."""

from __future__ import annotations

from pathlib import Path

from tests.faults.chaos import Storm, chaos

STORM = Storm(runs=6, seed=172, every=4.0, longest_seconds=18.0)
"""It kills an agent, MongoDB, a flow worker and an API; a run is cancelled, one tolerates failures, one has a child."""


async def test_every_run_survives_a_storm(tmp_path: Path) -> None:
    said: list[str] = []
    report = await chaos(tmp_path / "home", STORM, said.append)
    story = "\n".join(said)
    assert report.audit.problems == [], story
    assert report.audit.runs == report.audit.ended >= STORM.runs, story
    assert sum(report.faults.values()) > 0, "nothing was struck"
