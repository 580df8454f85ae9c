"""The `njangi` commands about people and machines, against a real service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from njangi_flows.cli import saved_tokens as remembered
from njangi_flows.cli.app import app
from typer.main import get_command

from tests.integration.api.conftest import Client
from tests.integration.api.people import PASSWORD, a_run, a_workflow

Command = Callable[..., Any]
COMMANDS = get_command(app)
"""Made once: to make all commands takes longer than most of them."""


@pytest.fixture
def njangi(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return what runs a command as its user would; `admin=True` runs it under the token of the server's file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("NJANGI_URL", client.url)
    monkeypatch.delenv("NJANGI_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)

    async def run(*arguments: str, admin: bool = False, typed: str = "", code: int = 0) -> str:
        token = ["--token", (client.home / "tokens" / "admin").read_text().strip()] if admin else []
        result = await asyncio.to_thread(CliRunner().invoke, COMMANDS, [*arguments, *token], typed)
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return str(result.stdout if code == 0 else result.stderr)

    return run


async def test_the_first_day_of_somebody_new(client: Client, njangi: Command) -> None:
    code = (await njangi("users", "invite", "ada", "--role", "submitter", admin=True)).strip()
    assert "signed in" in await njangi("login", "--code", code, typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert remembered.place().stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in remembered.place().read_text()
    me = json.loads(await njangi("whoami", "-o", "json"))
    assert (me["name"], me["role"], me["scopes"]) == ("ada", "submitter", ["read", "write"])
    assert "no limit" in await njangi("whoami", admin=True)

    made = (await njangi("tokens", "create", "nightly", "--scope", "read", "--expires-in", "1d")).strip()
    async with client.bearer(made) as http:
        assert (await http.get("/v1/runs")).status_code == 200
    listed = json.loads(await njangi("tokens", "list", "-o", "json"))
    assert [item["name"].split(" on ")[0] for item in listed] == ["nightly", "njangi"]
    assert "revoked" in await njangi("tokens", "revoke", listed[0]["id"])

    secret = remembered.token_for(client.url)
    assert secret is not None
    assert "signed out" in await njangi("logout")
    async with client.bearer(secret) as http:
        assert (await http.get("/v1/me")).status_code == 401
    assert "njangi login" in await njangi("whoami", code=2)
    assert "wrong" in await njangi("login", "ada", typed="not the password\n", code=2)
    await njangi("login", "ada", typed=f"{PASSWORD}\n")
    assert json.loads(await njangi("whoami", "-o", "json"))["name"] == "ada"


async def test_admins_see_and_change_what_people_may_do(client: Client, njangi: Command) -> None:
    code = (await njangi("users", "invite", "ada", admin=True)).strip()
    await njangi("login", "--code", code, typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert "ada" in await njangi("users", "list", admin=True)
    await njangi("users", "quota", "ada", "--set", "runs=3", "--set", "leased=none", admin=True)
    quotas = json.loads(await njangi("users", "quota", "ada", "--set", "queued=7", "-o", "json", admin=True))["quotas"]
    assert [quotas[name]["allowed"] for name in ("runs", "leased", "queued")] == [3, None, 7]
    quotas = json.loads(await njangi("users", "quota", "ada", "--reset", "-o", "json", admin=True))["quotas"]
    assert quotas["runs"]["allowed"] == 100
    assert "--set takes" in await njangi("users", "quota", "ada", "--set", "cats=3", admin=True, code=2)
    assert "viewer" in await njangi("users", "role", "ada", "viewer", admin=True)

    async with client.http("admin") as http:
        workflow = await a_workflow(http)
        run = await a_run(http, workflow)
    assert "there is no run" in await njangi("show", run, code=2)
    assert "ada" in await njangi("share", workflow, "ada", admin=True)
    assert run in await njangi("show", run)
    await njangi("unshare", workflow, "ada", admin=True)
    assert "there is no run" in await njangi("show", run, code=2)

    await njangi("users", "disable", "ada", admin=True)
    assert "njangi login" in await njangi("whoami", code=2)
    await njangi("users", "enable", "ada", admin=True)
    log = json.loads(await njangi("audit", "--on", "ada", "-n", "2", "-o", "json", admin=True))
    assert [item["action"].rpartition("/")[2] for item in log] == ["{name}:enable", "{name}:disable"]
    assert "PUT /v1/users/{name}/role" in await njangi("audit", "--action", "/role", admin=True)
    assert "submitter" in await njangi("users", "role", "ada", "flow", admin=True, code=2)
    assert "not the name" in await njangi("users", "disable", "../tokens", admin=True, code=2)


async def test_machines_are_let_in_and_sent_away(client: Client, njangi: Command) -> None:
    token = (await njangi("join-tokens", "create", "room 4", "--uses", "3", admin=True)).strip()
    assert token.startswith("njangi-join-")
    [listed] = json.loads(await njangi("join-tokens", "list", "-o", "json", admin=True))
    assert (listed["name"], listed["uses"], listed["used"]) == ("room 4", 3, 0)
    assert "revoked" in await njangi("join-tokens", "revoke", listed["id"], admin=True)
    await (await client.enrol("old laptop")).aclose()
    [machine] = json.loads(await njangi("volunteers", "-o", "json", admin=True))
    assert "old laptop" in await njangi("volunteers", "list", admin=True)
    assert "suspended" in await njangi("volunteers", "suspend", machine["id"], "--note", "too hot", admin=True)
    assert "too hot" in await njangi("volunteers", "show", machine["id"], admin=True)
    assert "lent to again" in await njangi("volunteers", "resume", machine["id"], admin=True)
    assert "retired" in await njangi("volunteers", "retire", machine["id"], admin=True)
    assert "is retired" in await njangi("volunteers", "resume", machine["id"], admin=True, code=2)
