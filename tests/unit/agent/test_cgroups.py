"""Control groups: real ones where this account may make them, and both layouts of the kernel's folders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from njangi_agent.sandbox import cgroups
from njangi_agent.sandbox.limits import Limits

MIB = 1024 * 1024
LIMITS = Limits(memory=64 * MIB, storage=MIB, wall=10.0, cpu=10, processes=8)


@pytest.fixture
def groups() -> cgroups.Groups:
    found = cgroups.detect()
    if found is None:
        pytest.skip("this account cannot make control groups here")
    return found


def run(group: cgroups.ControlGroup, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*group.launcher, *argv], capture_output=True, text=True, timeout=30)


def test_a_program_in_a_group_starts_no_more_processes_than_it_may(groups: cgroups.Groups) -> None:
    with groups.group(LIMITS) as group:
        done = run(group, "sh", "-c", "for i in $(seq 100); do sleep 0.1 & done; wait")
    assert "fork" in done.stderr.lower()


def test_processes_that_together_use_too_much_memory_are_ended_and_that_is_told(groups: cgroups.Groups) -> None:
    eat = "import time; x = bytearray(60 << 20); time.sleep(5)"
    with groups.group(LIMITS) as group:
        assert not group.ran_out_of_memory()
        done = run(group, "sh", "-c", f"for i in 1 2 3; do {sys.executable} -c '{eat}' & done; wait")
        assert group.ran_out_of_memory(), done


def test_a_group_is_gone_afterwards(groups: cgroups.Groups) -> None:
    with groups.group(LIMITS) as group:
        assert run(group, "true").returncode == 0
        assert all(folder.is_dir() for folder in group.folders)
    assert not any(folder.exists() for folder in group.folders)


def test_what_a_killed_agent_left_is_removed_by_the_next_one(groups: cgroups.Groups) -> None:
    with groups.group(LIMITS) as group:
        places = [folder.parent.parent for folder in group.folders]
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = [place / f"njangi-agent-{dead.pid}" / "attempt" for place in places]
    for folder in left:
        folder.mkdir(parents=True)
    cgroups.detect()
    assert not any(folder.parent.exists() for folder in left)


def test_the_second_version_has_one_folder_for_all_controllers(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    (tmp_path / "cgroup.subtree_control").touch()
    mine = tmp_path / f"njangi-agent-{os.getpid()}"
    mine.mkdir()
    (mine / "cgroup.subtree_control").touch()
    assert cgroups.detect(tmp_path) is None, "a plain folder caps nothing"
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+pids +memory"
    assert (mine / "cgroup.subtree_control").read_text() == "+pids +memory"


def test_where_nothing_is_mounted_there_are_no_groups(tmp_path: Path) -> None:
    assert cgroups.detect(tmp_path / "nothing") is None
