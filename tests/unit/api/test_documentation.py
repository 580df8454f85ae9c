"""The documentation's site at /docs, as a browser gets it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from api.documentation import Documentation

PAGE = "<!doctype html><title>Njangi</title><script>one()</script><script src='search.js'></script>"


def client_of(folder: Path) -> httpx.AsyncClient:
    app = Starlette(routes=[Documentation(folder)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service")


@pytest.fixture
def site(tmp_path: Path) -> httpx.AsyncClient:
    return client_of(tmp_path)


async def test_without_a_site_the_page_says_how_to_build_it(tmp_path: Path) -> None:
    answer = await client_of(tmp_path / "nothing").get("/docs/quickstart.html")
    assert answer.status_code == 404 and "make docs" in answer.text


async def test_the_address_leads_to_the_first_page(site: httpx.AsyncClient, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(PAGE)
    answers = [await site.get(address, follow_redirects=True) for address in ("/docs", "/docs/", "/docs/index.html")]
    assert [answer.text for answer in answers] == [PAGE] * 3


async def test_a_page_runs_no_inline_script_but_its_own(site: httpx.AsyncClient, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(PAGE)
    policy = (await site.get("/docs/index.html")).headers["content-security-policy"]
    digest = "'sha256-HR7iaask9daLMRRskMI++QeJtjWDOjyPA6lGzYGzKW4='"
    assert f"script-src 'self' {digest};" in policy and "default-src 'none'" in policy


@pytest.mark.parametrize("name", ["nothing.html", "../secret.txt", "%2e%2e/secret.txt"])
async def test_no_other_file_is_sent(site: httpx.AsyncClient, tmp_path: Path, name: str) -> None:
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path.parent / "secret.txt").write_text("secret")
    assert (await site.get(f"/docs/{name}")).status_code == 404
