"""The `njangi` command reaches every call of a submitter and an admin, against a real service."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from tests.integration.api.conftest import Client
from tests.integration.api.people import PASSWORD
from tests.integration.api.test_commands import Command, njangi
from tests.unit.flows.test_submitter_contract import DOCUMENT, for_submitters

__all__ = ["njangi"]  # a fixture

NOT_OF_A_COMMAND = {
    "getHealth": "for what restarts processes; `njangi status` asks whether it is ready",
    "getMetrics": "for Prometheus",
    "getWorkflowSchema": "for editors, which fetch it by its address",
    "listRunEvents": "`njangi events --run` asks for the same of all events",
    "describeUploads": "of the protocol of uploads, which `njangi upload` need not ask",
    "checkUpload": "likewise: it asks where an upload is by beginning it again",
    "deleteUpload": "likewise: what is left of one expires",
}
WORKFLOW = """
name: counted
parameters: {bound: 10}
tasks: [{name: count, command: "python3 count.py {bound}", files: [count.py]}]
"""


async def reached(client: Client) -> set[str]:
    """Return the names of the calls that the service has counted."""
    async with client.http("admin") as http:
        text = (await http.get("/metrics")).text
    counted = set(re.findall(r'_count\{method="([A-Z]+)",route="([^"]+)"', text))
    return {
        operation["operationId"]
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
        if (method.upper(), path) in counted
    }


async def test_every_call_has_a_command(client: Client, njangi: Command, tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(WORKFLOW)
    (tmp_path / "count.py").write_text("print(1)")
    (tmp_path / "large").write_bytes(os.urandom(2 * 1024 * 1024))

    async def admin(*arguments: str, code: int = 0, typed: str = "") -> str:
        return str(await njangi(*arguments, admin=True, code=code, typed=typed))

    async def made(*arguments: str, name: str = "id") -> str:
        return str(json.loads(await admin(*arguments, "-o", "json"))[name])

    assert "ok" in await admin("status")
    code = await made("users", "invite", "ada", name="code")
    await njangi("login", "--code", code, typed=f"{PASSWORD}\n{PASSWORD}\n")
    await njangi("password", typed=f"ada\n{PASSWORD}\n{PASSWORD}2\n{PASSWORD}2\n")
    assert "wrong" in await njangi("password", typed=f"ada\n{PASSWORD}\n", code=2)
    await njangi("tokens", "create", "t")
    await njangi("tokens", "list")
    await njangi("logout")
    await admin("whoami")
    await admin("users", "withdraw", await made("users", "invite", "kofi"))
    assert "ada" in await admin("users", "invitations")
    for verb in ("disable", "enable"):
        await admin("users", verb, "ada")
    await admin("users", "list")
    await admin("users", "role", "ada", "viewer")
    await admin("users", "quota", "ada", "--set", "runs=3")
    opens = await made("join-tokens", "create", "hall", name="token")
    assert "1 more machines may join with hall" in await admin("join-tokens", "look", opens)
    await admin("join-tokens", "revoke", await made("join-tokens", "create", "room"))
    await admin("join-tokens", "list")
    await admin("audit", "-n", "5")

    sha256 = await made("upload", "large", name="sha256")
    await admin("download", sha256, "-o", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == (tmp_path / "large").read_bytes()

    workflow = await made("import", "w.yaml")
    await admin("workflows", "validate", "w.yaml")
    await admin("workflows", "edit", workflow, "w.yaml")
    assert "python3 count.py" in await admin("workflows", "version", workflow, "1")
    await admin("workflows", "versions", workflow)
    await admin("workflows", "diff", workflow, "1", "2")
    await admin("export", workflow)
    await admin("workflows", "list")
    copy = await made("workflows", "clone", workflow)
    for words in (["tag", copy, "a"], ["untag", copy, "a"], ["archive", copy], ["unarchive", copy], ["delete", copy]):
        await admin("workflows", *words)
    await admin("share", workflow, "ada")
    await admin("unshare", workflow, "ada")
    await admin("templates", "list")
    await admin("templates", "show", "word-count")
    await admin("templates", "use", "word-count")
    run = await made("submit", "w.yaml", "-p", "bound=3")
    other = await made("workflows", "start", workflow)
    await admin("show", run)
    await admin("runs", "--workflow", workflow)
    await admin("compare", run, other)
    await admin("signal", run, "go")
    assert "not-started" in await admin("why", run)
    assert "nothing has failed" in await admin("errors", run)
    assert "no attempts yet" in await admin("timeline", run, "--since", "2026-06-01T00:00Z")
    for control in ("pause", "resume"):
        await admin(control, run)
        await admin(control, run, "--task", "count")
        await admin(control, "--tag", "none")
    for words in (["retry-failed"], ["reset", "count"], ["rerun"], ["cancel"]):
        assert "0 runs" in await admin(*words, "--tag", "none", "--dry-run")
    assert "refused" in await admin("retry-failed", run, code=2)
    assert "refused" in await admin("reset", run, "count", code=2)
    await admin("rerun", run)
    assert "one task" in await admin("reset", run, "count", "more", code=2)
    await admin("events", "--run", run, "-o", "yaml")
    await admin("history", run)
    await admin("results", run)
    assert "refused" in await admin("results", run, "nothing", code=2)
    assert "refused" in await admin("results", run, "count", "0", code=2)
    await admin("archive", run, "-o", str(tmp_path / "results.zip"))
    await admin("logs", run, "count", "-o", "yaml")
    assert "no subtasks" in await admin("subtasks", run, "count", "--status", "FAILED")
    assert "refused" in await admin("subtask", run, "count", "0", code=2)
    assert "no subtasks" in await admin("grid", run)
    await admin("cancel", run)

    schedule = await made("schedules", "create", workflow, "--interval", "6h")
    await admin("schedules", "list")
    await admin("schedules", "show", schedule)
    await admin("schedules", "edit", schedule, workflow, "--interval", "8h")
    for verb in ("pause", "resume", "trigger"):
        await admin("schedules", verb, schedule)
    times = ("--from", "2026-06-01T00:00Z", "--until", "2026-06-01T20:00Z")
    await admin("schedules", "backfill", schedule, *times)
    await admin("schedules", "delete", schedule)

    hook = await made("webhooks", "create", "https://example.org/hook", "--types", "run.*")
    await admin("webhooks", "list")
    await admin("webhooks", "edit", hook, "--types", "run.failed")
    shown = await admin("webhooks", "show", hook)
    assert "run.failed" in shown and "https://example.org/hook" in shown
    assert "--types" in await admin("webhooks", "edit", hook, code=2)
    delivery = json.loads(await admin("webhooks", "test", hook, "-o", "json"))["delivery"]
    await admin("webhooks", "deliveries", hook)
    await admin("webhooks", "redeliver", hook, delivery)
    for verb in ("disable", "enable", "delete"):
        await admin("webhooks", verb, hook)

    assert "online" in await admin("volunteers", "throughput", "--hours", "2")
    await (await client.enrol("old laptop")).aclose()
    [machine] = json.loads(await admin("volunteers", "-o", "json"))
    for verb in ("show", "suspend", "resume", "retire"):
        await admin("volunteers", verb, machine["id"])

    calls = await reached(client)
    assert for_submitters().keys() - calls - NOT_OF_A_COMMAND.keys() == set()
    assert NOT_OF_A_COMMAND.keys() <= for_submitters().keys()
