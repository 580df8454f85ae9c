"""The typed client against a real service."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from njangi_flows.client import ConflictError, InvalidError, LoggedEvent, MissingError, Njangi, UnauthorizedError
from njangi_flows.client.models import Role, RunStatus, Scope

from tests.integration.api.conftest import Client
from tests.integration.api.people import PASSWORD

SPEC = """
language: 2
name: counted   # kept as it is written
parameters: {bound: 10}
tasks: [{name: count, command: "python3 count.py {bound}", files: [count.py]}]
"""


def njangi(client: Client, role: str = "admin") -> Njangi:
    return Njangi(client.url, (client.home / "tokens" / role).read_text().strip())


async def test_from_a_file_to_the_end_of_a_run(client: Client) -> None:
    async with njangi(client) as admin:
        assert (await admin.ready()).mongodb == "ok"
        files = await admin.workflows.upload({"count.py": b"print(1)"})
        with pytest.raises(InvalidError) as caught:
            await admin.workflows.create({"name": "x", "tasks": []}, files)
        assert caught.value.kind == "invalid-spec" and caught.value.errors
        workflow = await admin.workflows.create(SPEC, files, id="counted")
        with pytest.raises(ConflictError):
            await admin.workflows.create(SPEC, files, id="counted")
        edited = await admin.workflows.edit("counted", workflow.version, SPEC.replace("10", "20"), files)
        with pytest.raises(ConflictError) as stale:
            await admin.workflows.edit("counted", workflow.version, SPEC, files)
        assert (edited.version, stale.value.kind) == (2, "stale-version")
        assert [version.version async for version in admin.workflows.versions("counted")] == [2, 1]
        assert (await admin.workflows.difference("counted", 1, 2)).summary
        text = b"".join([piece async for piece in admin.workflows.export("counted", version=1)])
        assert text.decode() == SPEC

        run = await admin.workflows.start("counted", {"bound": 3}, deadline="6h")
        assert [item.id async for item in admin.runs.list(status=[RunStatus.SUBMITTED], workflow_id="counted")] == [
            run.id
        ]
        first = await anext(admin.runs.follow(run.id))
        assert isinstance(first, LoggedEvent) and first.run_id == run.id
        assert (await admin.runs.cancel(run.id)).cancel_requested
        told = [event.type async for event in admin.runs.history(run.id)]
        assert told == [event.type async for event in admin.runs.events(run.id)]
        assert told[0] == "run.submitted" and "run.cancel_requested" in told
        assert (await admin.runs.grid(run.id)).cells == b""
        with pytest.raises(MissingError):
            await admin.runs.get("nothing")


async def test_lists_are_read_over_their_pages(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("njangi_flows.client.transport.LARGEST_PAGE", 2)
    async with njangi(client) as admin:
        for number in range(5):
            await admin.workflows.create({"name": f"w{number}", "tasks": [{"name": "t", "command": "true"}]})
        assert [item.name async for item in admin.workflows.list(sort="name")] == [f"w{n}" for n in range(5)]
        assert len([entry async for entry in admin.audit.list(action="/workflows")]) == 5


async def test_large_files_are_stored_once_and_fetched_whole(client: Client, tmp_path: Path) -> None:
    content = os.urandom(3 * 1024 * 1024)
    file = tmp_path / "large"
    file.write_bytes(content)
    async with njangi(client) as admin:
        sha256 = await admin.blobs.put(file)
        assert sha256 == hashlib.sha256(content).hexdigest()
        assert await admin.blobs.put(content) == sha256
        assert b"".join([piece async for piece in admin.blobs.get(sha256)]) == content
        assert await admin.uploads.largest() > len(content)


async def test_people_come_in_and_make_tokens(client: Client) -> None:
    async with njangi(client) as admin, Njangi(client.url, "") as ada:
        invited = await admin.invitations.create(Role.SUBMITTER, "ada")
        me = await ada.account.accept_invitation(invited.code, PASSWORD)
        assert (me.name, me.role) == ("ada", Role.SUBMITTER)
        made = await ada.tokens.create("nightly", [Scope.READ], expires_in="30d")
        await admin.users.set_quota("ada", {"runs": 3})
        assert (await ada.account.get()).quotas["runs"]["allowed"] == 3
        async with Njangi(client.url, made.token) as script:
            assert [run async for run in script.runs.list()] == []
            await admin.users.disable("ada")
            with pytest.raises(UnauthorizedError):
                await script.account.get()
