"""The service does what docs/openapi.json says: schemathesis tries every call of it with what it allows and forbids."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import sys
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from api.app import create_app
from api.openapi import METHODS, text_of
from api.settings import Settings
from tests.integration.api.conftest import serving

ROOT = Path(__file__).parents[3]
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = int(os.environ.get("NJANGI_FUZZ_EXAMPLES", "2"))
DEFINITIONS = "(workflows|schedules|templates|blobs|uploads)"
PHASES = "examples,coverage,fuzzing" if EXAMPLES > 100 else "examples,fuzzing"
LARGE = 1_000_000_000
NOT_PROMISED = "negative_data_rejection"
"""Values are read kindly: 0 is taken for false, digits for a number, and headers that nobody knows for nothing."""


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for method, operation in path.items() if method in METHODS]


def test_the_document_is_that_of_the_code(tmp_path: Path) -> None:
    written = (ROOT / "docs" / "openapi.json").read_text()
    assert written == text_of(create_app(Settings(home=tmp_path)).openapi()), "run `make openapi`"


def test_calls_have_names_of_their_own(tmp_path: Path) -> None:
    names = [operation["operationId"] for operation in operations(create_app(Settings(home=tmp_path)).openapi())]
    assert len(names) == len(set(names)) > 100
    assert [name for name in names if not re.fullmatch(r"[a-z]+([A-Z][a-z0-9]*)*", name)] == []
    assert {"startRun", "listRuns", "pauseRun", "createWorkflow", "flowHoldRun", "agentSync"} <= set(names)


def test_the_spec_of_a_body_refers_to_the_schema_of_workflows(tmp_path: Path) -> None:
    schemas = create_app(Settings(home=tmp_path)).openapi()["components"]["schemas"]
    for body in ("WorkflowBody", "NewWorkflowBody"):
        [workflow, text] = schemas[body]["properties"]["spec"]["anyOf"]
        assert (workflow["$ref"], text["type"]) == ("#/components/schemas/WorkflowSpec", "string")
    assert schemas["WorkflowSpec"]["properties"]["tasks"]["items"]["$ref"] == "#/components/schemas/TaskSpec"
    assert schemas["TaskSpec"]["additionalProperties"] is False


def test_every_refusal_is_a_problem_and_every_call_has_a_tag_that_is_told(tmp_path: Path) -> None:
    document = create_app(Settings(home=tmp_path)).openapi()
    tags = {tag["name"] for tag in document["tags"]}
    for operation in operations(document):
        assert set(operation["tags"]) <= tags, operation["operationId"]
        refused = {status: told for status, told in operation["responses"].items() if int(status) >= 400}
        assert {"429"} <= refused.keys()
        assert all(told == {"$ref": f"#/components/responses/{status}"} for status, told in refused.items())
    for told in document["components"]["responses"].values():
        assert list(told["content"]) == ["application/problem+json"]


@pytest.mark.parametrize(
    ("calls", "role"),
    [
        pytest.param("^/v1/agent/(?!enrol)", "volunteer", id="agents"),
        pytest.param("^/v1/flow/", "flow", id="flows"),
        pytest.param("^/v1/runs", "admin", id="runs"),
        pytest.param(f"^/v1/{DEFINITIONS}", "admin", id="definitions"),
        pytest.param(f"^/(?!v1/(agent/(?!enrol)|flow/|runs|{DEFINITIONS}))", "admin", id="people"),
    ],
)
async def test_the_service_keeps_to_its_document(
    mongodb_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: str, role: str
) -> None:
    for place in ("api.routers.flow", "api.routers.runs.waits"):
        monkeypatch.setattr(f"{place}.LONGEST_WAIT", 0.05)
    monkeypatch.setattr("coordinator.dispatching.dispatcher.LONGEST_WAIT", 0.05)
    many = {"requests_per_token": LARGE, "requests_per_address": LARGE, "failures_per_address": LARGE}
    database = f"test_{secrets.token_hex(6)}"
    async with serving(mongodb_uri, tmp_path, database, **many) as client:
        machine = await client.enrol()
        own = machine.headers["Authorization"]
        await machine.aclose()
        token = own if role == "volunteer" else f"Bearer {(client.home / 'tokens' / role).read_text().strip()}"
        process = await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(CONFIGURATION)),
            *("run", str(ROOT / "docs" / "openapi.json"), "--url", client.url, "--header", f"Authorization: {token}"),
            *("--include-path-regex", calls, "--phases", PHASES),
            *("--checks", "all", "--exclude-checks", NOT_PROMISED),
            *("--max-examples", str(EXAMPLES), "--request-timeout", "30", "--no-shrink", "--continue-on-failure"),
            *("--suppress-health-check", "all", "--warnings", "off", "--no-color"),
            env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.integration.api.media_types", "PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=tmp_path,
        )
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    async with AsyncMongoClient[dict[str, Any]](mongodb_uri) as mongo:
        await mongo.drop_database(database)
    assert process.returncode == 0, output.decode()[-40_000:]
