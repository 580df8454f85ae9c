"""A short storm over the whole stack: see `make chaos` for longer ones."""

from __future__ import annotations

from pathlib import Path

from tests.faults.chaos import Storm, chaos


async def test_every_run_survives_a_storm(tmp_path: Path) -> None:
    said: list[str] = []
    report = await chaos(tmp_path / "home", Storm(runs=8, seed=20, every=4.0, longest_seconds=30.0), said.append)
    story = "\n".join(said)
    assert report.audit.problems == [], story
    assert report.audit.runs == report.audit.ended >= 8, story
    assert sum(report.faults.values()) > 0, "nothing was struck"
