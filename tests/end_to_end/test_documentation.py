"""A newcomer clones the project, starts it by `make up`, and follows the quickstart and the guides word by word."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from stack.settings import free_port
from tests.page_runner import run_page
from tests.pages import CHECKOUT, pages_to_run

pytestmark = pytest.mark.long

_LEFT_OUT = ("NJANGI_", "PREFECT_", "PYTHON", "MAKE", "VIRTUAL_ENV")
"""What a newcomer's environment does not have."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A clean clone with a running service, which the environment names."""
    folder = tmp_path_factory.mktemp("newcomer") / "njangi"
    subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(folder)], check=True)
    port, prefect_port = free_port(), free_port()
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith(_LEFT_OUT)]:
            environment.delenv(name)
        environment.setenv("NJANGI_URL", f"http://127.0.0.1:{port}")
        environment.setenv("PREFECT_API_URL", f"http://127.0.0.1:{prefect_port}/api")
        environment.setenv("PATH", f"{folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}")
        command = ["make", "up", f"ARGS=--agents 2 --port {port} --prefect-port {prefect_port}"]
        with subprocess.Popen(
            command, cwd=folder, text=True, stdout=subprocess.PIPE, start_new_session=True
        ) as service:
            try:
                assert service.stdout is not None
                said = []
                for line in service.stdout:
                    said.append(line)
                    if line.startswith("Ctrl-C stops everything"):
                        break
                assert any("first admin" in line for line in said), said
                yield folder
            finally:
                os.killpg(service.pid, signal.SIGINT)


@pytest.mark.parametrize("page", pages_to_run(), ids=lambda page: page.stem)
def test_what_the_page_says_happens(clone: Path, page: Path) -> None:
    run_page(page, clone)


def test_the_service_has_the_pages(clone: Path) -> None:
    page = httpx.get(f"{os.environ['NJANGI_URL']}/docs", follow_redirects=True, trust_env=False)
    assert "<title>Njangi</title>" in page.text
