"""All programs of the project have one version, that of the agent's source."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest
from njangi_agent import __version__
from njangi_flows.cli.app import app
from typer.testing import CliRunner

from stack.__main__ import main as server


@pytest.mark.parametrize("package", ["njangi-agent", "njangi-flows", "njangi-server"])
def test_every_package_has_the_version_of_the_agents_source(package: str) -> None:
    """When this fails after a change of the version: `make install`."""
    assert metadata.version(package) == __version__


def test_every_command_tells_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"njangi {__version__}\n"
    with pytest.raises(SystemExit):
        server(["--version"])
    assert capsys.readouterr().out.endswith(f" {__version__}\n")
    agent = subprocess.run(
        [sys.executable, "-m", "njangi_agent", "--version"], capture_output=True, text=True, check=True
    )
    assert agent.stdout == f"njangi-agent {__version__}\n"
