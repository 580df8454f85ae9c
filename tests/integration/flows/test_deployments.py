"""prefect.yaml, deployed unattended to a real Prefect server."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import httpx
from prefect.flows import load_flow_from_entrypoint

from tests.integration.flows.stack_under_test import CHECKOUT, Stack


async def test_every_deployment_goes_up_and_its_flow_is_found(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.prefect_api) as http:
        (await http.post("/work_pools/", json={"name": "python", "type": "process"})).raise_for_status()
        deploy = await asyncio.create_subprocess_exec(
            Path(sys.executable).parent / "prefect",
            "--no-prompt",
            "deploy",
            "--all",
            env={**os.environ, **stack.environment},
            cwd=CHECKOUT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await deploy.communicate()
        assert deploy.returncode == 0, output.decode()
        deployed = (await http.post("/deployments/filter", json={})).raise_for_status().json()
    deployed = [item for item in deployed if item["name"] != "by-hand"]  # another test's
    assert {item["name"]: item["entrypoint"] for item in deployed} == {
        "run-workflow": "njangi_flows.run_workflow.run_workflow",
        "stdlib-census": "flows.library.stdlib_census.census.stdlib_census",
    }
    names = {load_flow_from_entrypoint(item["entrypoint"]).name for item in deployed}
    assert names == {"run-workflow", "stdlib-census"}
