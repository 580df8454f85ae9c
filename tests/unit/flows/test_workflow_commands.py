"""`njangi workflows`, `import`, `export`, `templates`, `compare`: what is sent, and what people see of the answer."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.unit.flows.test_command_line import WORKFLOW, FakeService, a_run, folder, njangi, service
from tests.wfformat_shapes import recorded

__all__ = ["folder", "service"]


def a_workflow(**fields: Any) -> dict[str, Any]:
    return {
        "id": "w1",
        "name": "demo",
        "description": "",
        "version": 3,
        "status": "COMPLETED",
        "owner": "ada",
        "tags": ["nightly"],
        "spec": {"tasks": [{"name": "a"}, {"name": "b", "dependencies": ["a"]}]},
        "files": {},
        "current_run_id": None,
        "created_at": "2026-06-01T12:00:00Z",
        "updated_at": "2026-06-01T12:00:00Z",
        "archived_at": None,
        **fields,
    }


def page(name: str, *items: dict[str, Any], token: str | None = None) -> tuple[int, dict[str, Any]]:
    return 200, {name: list(items), "next_page_token": token}


def accept_files(service: FakeService, folder: Path) -> None:
    for name in ("count.py", "numbers.txt"):
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        service.answers[f"HEAD /v1/blobs/{digest}"] = (200, b"")


def test_a_list_is_asked_for_page_by_page_until_there_are_enough(service: FakeService) -> None:
    pages = [page("workflows", a_workflow(id="w1"), token="more"), page("workflows", a_workflow(id="w2"))]
    service.answers["GET /v1/workflows"] = pages
    result = njangi(service, "workflows", "list", "-n", "5")
    assert result.exit_code == 0 and "w1" in result.output and "w2" in result.output
    assert [path for _, path, _ in service.sent] == ["/v1/workflows"] * 2


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_every_answer_is_shown_for_machines_too(service: FakeService, kind: str) -> None:
    service.answers["GET /v1/workflows/w1"] = (200, a_workflow())
    text = njangi(service, "workflows", "show", "w1", "-o", kind).stdout
    shown = json.loads(text) if kind == "json" else YAML(typ="safe", pure=True).load(text)
    assert shown["tags"] == ["nightly"] and shown["version"] == 3
    assert "nightly" in njangi(service, "workflows", "show", "w1").stdout


def test_an_edit_sends_the_text_and_names_the_version_that_is_there(service: FakeService, folder: Path) -> None:
    accept_files(service, folder)
    service.answers["GET /v1/workflows/w1"] = (200, a_workflow())
    service.answers["PUT /v1/workflows/w1"] = (200, a_workflow(version=4))
    result = njangi(service, "workflows", "edit", "w1", "flow.yaml")
    assert (result.exit_code, "version 4" in result.output) == (0, True)
    [body] = service.bodies("PUT /v1/workflows/w1")
    assert body["spec"] == WORKFLOW and body["files"].keys() == {"count.py", "numbers.txt"}
    service.answers["PUT /v1/workflows/w1"] = (412, {"detail": "workflow w1 is at version 5 now"})
    late = njangi(service, "workflows", "edit", "w1", "flow.yaml", "--version", "3")
    assert late.exit_code == 2 and "version 5 now" in late.output


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        (("tag", "w1", "a", "b"), ("POST /v1/workflows/w1:tag", {"tags": ["a", "b"]})),
        (("untag", "w1", "a"), ("POST /v1/workflows/w1:untag", {"tags": ["a"]})),
        (("archive", "w1"), ("POST /v1/workflows/w1:archive", {})),
        (("unarchive", "w1"), ("POST /v1/workflows/w1:unarchive", {})),
        (("clone", "w1", "--name", "mine"), ("POST /v1/workflows/w1:clone", {"name": "mine"})),
    ],
)
def test_workflows_are_marked_and_cloned(
    service: FakeService, arguments: tuple[str, ...], sent: tuple[str, dict[str, Any]]
) -> None:
    call, body = sent
    service.answers[call] = (200, a_workflow())
    result = njangi(service, "workflows", *arguments)
    assert result.exit_code == 0 and "workflow w1" in result.output
    assert service.bodies(call) == [body]


def test_a_workflow_is_deleted_or_the_refusal_is_told(service: FakeService) -> None:
    service.answers["DELETE /v1/workflows/w1"] = (204, b"")
    assert njangi(service, "workflows", "delete", "w1").exit_code == 0
    service.answers["DELETE /v1/workflows/w1"] = (409, {"detail": "runs of workflow w1 are under way"})
    refused = njangi(service, "workflows", "delete", "w1")
    assert refused.exit_code == 2 and "under way" in refused.output


def test_a_plan_says_how_many_subtasks_and_how_long(service: FakeService, folder: Path) -> None:
    accept_files(service, folder)
    task = {"task": "count", "kind": "command", "dependencies": [], "items": 7, "subtasks": 4, "batches": 4}
    estimate = {"soonest": 10.0, "latest": 30.0, "slots": 2, "reason": "by the last run"}
    first = {"arguments": ["python3", "count.py", "two words"], "parameters": None}
    tasks = [{**task, "reason": None, "first": first}]
    plan = {"problems": [], "warnings": [], "tasks": tasks, "subtasks": 4, "batches": 4, "estimate": estimate}
    plan["lacking"] = [{"detail": "none of the 2 machines online has 200 TiB of memory"}]
    service.answers["POST /v1/workflows:validate"] = (200, plan)
    shown = njangi(service, "workflows", "validate", "flow.yaml").output
    assert "count" in shown and " 7 " in shown and "10 to 30 s: by the last run" in shown
    assert "count begins with: python3 count.py 'two words'" in shown
    assert "it would wait: none of the 2 machines online has 200 TiB of memory" in shown


def test_what_may_be_meant_otherwise_is_told_where_a_workflow_is_sent(service: FakeService, folder: Path) -> None:
    accept_files(service, folder)
    (folder / "flow.yaml").write_text(WORKFLOW.replace("bound: 10", "bound: 010").replace("{bound} ", "{bound} x{b} "))
    service.answers["POST /v1/workflows"] = (201, {"id": "w1"})
    service.answers["POST /v1/workflows/w1/runs"] = (201, a_run("SUBMITTED"))
    first, second = njangi(service, "submit", "flow.yaml").stderr.splitlines()
    assert first.startswith("warning: /parameters/bound: 010 is read as the number 10;")
    assert second.startswith("warning: /tasks/0/command/3: {b} does not refer to anything and stays as it is")


def test_a_value_has_the_kind_of_the_default_wherever_it_is_given(service: FakeService) -> None:
    defaults = {"version": "1.9", "n": 3, "deep": False, "levels": [1], "any": None}
    service.answers["GET /v1/workflows/w1"] = (200, a_workflow(spec={"parameters": defaults, "tasks": []}))
    service.answers["POST /v1/workflows/w1/runs"] = (201, a_run("SUBMITTED"))
    given = ["version=1.10", "n=1e3", "deep=true", "levels=[2]", "any=1.10"]
    options = [word for text in given for word in ("-p", text)]
    assert njangi(service, "workflows", "start", "w1", *options).exit_code == 0
    values = {"version": "1.10", "n": 1000.0, "deep": True, "levels": [2], "any": "1.10"}
    assert service.bodies("POST /v1/workflows/w1/runs") == [{"parameters": values}]
    for wrong in ("n=x", "deep=1", "levels={}", "levels=x"):
        assert njangi(service, "workflows", "start", "w1", "-p", wrong).exit_code == 2


def test_the_difference_of_two_versions_is_shown_in_lines(service: FakeService) -> None:
    answer = {
        "summary": ["task a: command changed"],
        "files": {"x.py": [None, "0" * 64]},
        "text": "-a\n+b\n",
        "patch": [],
    }
    service.answers["GET /v1/workflows/w1/versions/1/diff/2"] = (200, answer)
    lines = njangi(service, "workflows", "diff", "w1", "1", "2").stdout.splitlines()
    assert lines == ["task a: command changed", "file x.py differs", "-a", "+b"]


def test_a_recorded_workflow_is_sent_as_it_is_and_one_of_ours_with_its_files(
    service: FakeService, folder: Path
) -> None:
    accept_files(service, folder)
    service.answers["POST /v1/workflows:import"] = (201, a_workflow())
    (folder / "blast.json").write_text(json.dumps(recorded("blast", 10)))
    assert njangi(service, "import", "blast.json", "--scale", "0.5").output == "workflow w1\n"
    assert njangi(service, "import", "flow.yaml").exit_code == 0
    theirs, ours = service.bodies("POST /v1/workflows:import")
    assert theirs["document"]["schemaVersion"] == "1.5" and (theirs["scale"], theirs["files"]) == (0.5, {})
    assert ours["document"] == WORKFLOW and ours["files"].keys() == {"count.py", "numbers.txt"}


def test_an_export_goes_to_a_file_as_it_is(service: FakeService, folder: Path) -> None:
    service.answers["GET /v1/workflows/w1/export"] = (200, b"# noted\nname: demo\n")
    assert njangi(service, "export", "w1").stdout == "# noted\nname: demo\n"
    assert njangi(service, "export", "w1", "-f", "wfformat", "-o", "out.json").exit_code == 0
    assert (folder / "out.json").read_bytes() == b"# noted\nname: demo\n"


def test_templates_are_listed_shown_and_used(service: FakeService) -> None:
    template = {"name": "word-count", "description": "Count words", "parameters": {"most": 10}, "source": "# map\n"}
    service.answers["GET /v1/templates"] = (200, {"templates": [template]})
    service.answers["GET /v1/templates/word-count"] = (200, template)
    service.answers["POST /v1/templates/word-count:use"] = (201, a_workflow())
    assert "Count words" in njangi(service, "templates", "list").output
    assert njangi(service, "templates", "show", "word-count").stdout == "# map\n"
    assert njangi(service, "templates", "use", "word-count").output == "workflow w1\n"


def test_two_runs_are_compared_side_by_side(service: FakeService) -> None:
    side = {"id": "r1", "name": "demo", "version": 1, "status": "COMPLETED", "seconds": 4.0}
    task = {"status": "COMPLETED", "subtasks": 2, "seconds": 1.5, "mean_seconds": 0.5, "digest": "d"}
    answer = {
        "a": side,
        "b": side | {"id": "r2", "seconds": None},
        "summary": ["task a: command changed"],
        "spec": [],
        "parameters": [{"op": "replace", "path": "/bound", "value": 20}],
        "files": {},
        "tasks": [{"task": "count", "a": task, "b": None, "same_result": None}],
    }
    service.answers["GET /v1/runs:compare"] = (200, answer)
    shown = njangi(service, "compare", "r1", "r2").output
    assert "r2" in shown and "spec: task a: command changed" in shown
    assert "parameters: replace bound = 20" in shown and "1.500" in shown


def test_one_subtask_is_shown_with_its_attempts(service: FakeService) -> None:
    attempt = {"volunteer_id": "v7", "started_at": "2026-06-01T12:00:00Z", "ended_at": "2026-06-01T12:01:00Z"}
    answer = {"id": "r1/count/4", "status": "FAILED", "assigned_to": None, "result": None}
    error = {"type": "BadInput", "message": "no number"}
    answer |= {"error": error, "attempts": [attempt | {"outcome": "FAILED", "error": error}]}  # type: ignore[dict-item]
    service.answers["GET /v1/runs/r1/subtasks/count/4"] = (200, answer)
    shown = njangi(service, "subtask", "r1", "count", "4").output
    assert "v7" in shown and "BadInput: no number" in shown


def test_a_run_says_when_it_ends_or_why_that_cannot_be_told(service: FakeService) -> None:
    eta = {"from": "2026-06-01T12:00:00Z", "until": "2026-06-01T13:00:00Z", "reason": "5 subtasks left"}
    service.answers["GET /v1/runs/r1"] = (200, a_run("RUNNING", eta=eta))
    assert "(5 subtasks left)" in njangi(service, "show", "r1").output
    unknown = {"from": None, "until": None, "reason": "no volunteer is online"}
    service.answers["GET /v1/runs/r1"] = (200, a_run("RUNNING", eta=unknown))
    assert "unknown: no volunteer is online" in njangi(service, "show", "r1").output


def test_runs_of_a_tag_are_counted_before_they_are_cancelled(service: FakeService) -> None:
    service.answers["POST /v1/runs:cancel"] = (202, {"count": 2, "runs": ["r1", "r2"], "more": False})
    counted = njangi(service, "cancel", "--tag", "nightly", "--dry-run")
    assert counted.output == "2 runs would be cancelled\n"
    assert service.bodies("POST /v1/runs:cancel") == [{"filter": {"tag": "nightly"}, "dry_run": True}]
    assert njangi(service, "cancel", "r1", "--dry-run").exit_code == 2
