"""docs/cli.md tells what the commands' help says, and every command's help has an example."""

from __future__ import annotations

import importlib.metadata
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
from njangi_flows.cli import commands as package
from njangi_flows.cli import completion as completing
from njangi_flows.cli import reference
from njangi_flows.cli.app import COMMANDS, app
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from tests.unit.flows.test_command_line import FakeService, service

__all__ = ["service"]  # a fixture


def commands(group: object, path: str = "njangi") -> dict[str, TyperCommand]:
    if isinstance(group, TyperGroup):
        found: dict[str, TyperCommand] = {}
        for name, member in group.commands.items():
            found |= commands(member, f"{path} {name}")
        return found
    assert isinstance(group, TyperCommand)
    return {path: group}


ALL = commands(get_command(app))


def test_the_page_is_that_of_the_commands() -> None:
    """When this fails: `make cli-docs`."""
    assert (Path(__file__).parents[3] / "docs" / "cli.md").read_text() == reference.text()


def test_every_module_of_commands_is_in_the_table_of_contents() -> None:
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert modules == {module.__name__.rpartition(".")[2] for module in COMMANDS}


def test_help_and_version_load_nothing_that_takes_long() -> None:
    slow = "{'httpx', 'asyncio', 'pydantic', 'ruamel.yaml', 'njangi_flows.client'}"
    run = "import sys, njangi_flows.cli.app as cli; cli.app(['--version'], standalone_mode=False)"
    code = f"{run}; print({slow} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    version, loaded = done.stdout.splitlines()
    assert (version, loaded) == (f"njangi {importlib.metadata.version('njangi-flows')}", "set()")


def test_a_call_loads_no_models_of_answers() -> None:
    code = "import sys, njangi_flows.cli.blocking_client; sys.exit('njangi_flows.client.models' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("path", ALL)
def test_a_command_says_what_it_does_by_an_example(path: str) -> None:
    said, _, example = (ALL[path].help or "").partition("Example: ")
    assert said.strip()
    assert example.startswith(path)


@pytest.mark.parametrize("path", ALL)
def test_an_answer_can_be_had_for_programs(path: str) -> None:
    """What shows something shows it as JSON too: `-o json`, or as what it is in a file."""
    silent = ("up", "login", "logout", "password", "revoke", "delete", "withdraw")
    if path.split()[-1] not in silent:
        assert any("-o" in getattr(item, "opts", ()) for item in ALL[path].params)


def test_ids_are_completed_from_the_service(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NJANGI_URL", service.url)
    run, other = ({"id": name, "name": "squares", "status": "FAILED"} for name in ("r12", "r2"))
    service.answers["GET /v1/runs"] = (200, {"runs": [run, other], "next_page_token": None})
    service.answers["GET /v1/workflows"] = (200, {"workflows": [{"id": "w1", "name": "squares"}]})
    assert completing.runs("r1") == [("r12", "squares, FAILED")]
    assert completing.workflows("") == [("w1", "squares")]
    shell = {"_NJANGI_COMPLETE": "complete_bash", "COMP_WORDS": "njangi show r1", "COMP_CWORD": "2"}
    assert CliRunner().invoke(app, [], env=shell, prog_name="njangi").stdout.split() == ["r12"]


def test_a_service_that_is_away_offers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NJANGI_URL", "http://127.0.0.1:9")
    assert completing.runs("") == completing.workflows("") == []
