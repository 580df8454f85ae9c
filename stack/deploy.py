"""Register the deployments of prefect.yaml and the contents of ui-config/prefect with a Prefect server.

A deployment by Prefect's command line costs seconds of CPU, so the server itself remembers, in a
variable, the digest of what was deployed last. A new database has no such variable and is deployed to.
`python -m stack.deploy` does all of it for the server of PREFECT_API_URL.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import yaml

CONFIG = Path("ui-config") / "prefect"
VARIABLE = "njangi_deployed"


COMMAND = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]


async def bring_up_to_date(api_url: str, checkout: Path, run: Callable[[], Awaitable[None]]) -> None:
    """Make the work pools, load automations and `run` Prefect's deployment, unless the server has it all."""
    await make_work_pools(api_url, checkout)
    if not (checkout / "prefect.yaml").exists() or await is_deployed(api_url, checkout):
        return
    await load_automations(api_url, checkout)
    await run()
    await remember_deployed(api_url, checkout)


async def make_work_pools(api_url: str, checkout: Path) -> None:
    """Create the work pools that are not there."""
    async with _api(api_url) as api:
        for pool in _read(checkout / CONFIG / "work-pools.yaml"):
            answer = await api.post("work_pools/", json=pool)
            if answer.status_code != httpx.codes.CONFLICT:
                answer.raise_for_status()


async def load_automations(api_url: str, checkout: Path) -> None:
    """Create our automations, or replace those of the same names."""
    wanted = _read(checkout / CONFIG / "automations.yaml")
    async with _api(api_url) as api:
        found = await api.post("automations/filter", json={"limit": 200})
        known = {automation["name"]: automation["id"] for automation in found.raise_for_status().json()}
        for automation in wanted:
            if automation["name"] in known:
                answer = await api.put(f"automations/{known[automation['name']]}", json=automation)
            else:
                answer = await api.post("automations/", json=automation)
            answer.raise_for_status()


def _read(path: Path) -> list[dict[str, Any]]:
    """Return the list that a YAML file holds; one that is not there holds none."""
    return list(yaml.safe_load(path.read_text()) or []) if path.exists() else []


def digest(checkout: Path) -> str:
    """Return the SHA-256 of what the server is told: prefect.yaml, the flows' sources, ui-config, the version."""
    hasher = hashlib.sha256(importlib.metadata.version("prefect").encode())
    flows, config = (checkout / "flows").rglob("*.py"), (checkout / CONFIG).glob("*.yaml")
    for path in [checkout / "prefect.yaml", *sorted(flows), *sorted(config)]:
        hasher.update(f"\0{path.relative_to(checkout)}\0".encode())
        hasher.update(path.read_bytes())
    return hasher.hexdigest()


async def is_deployed(api_url: str, checkout: Path) -> bool:
    """Whether the server has every deployment of prefect.yaml, made from what is in the checkout now."""
    document = yaml.safe_load((checkout / "prefect.yaml").read_text())
    names = sorted({deployment["name"] for deployment in document.get("deployments") or []})
    async with _api(api_url) as api:
        variable = await api.get(f"variables/name/{VARIABLE}")
        if variable.status_code == httpx.codes.NOT_FOUND or variable.raise_for_status().json()["value"] != digest(
            checkout
        ):
            return False
        known = await api.post("deployments/filter", json={"deployments": {"name": {"any_": names}}})
        return {deployment["name"] for deployment in known.raise_for_status().json()} == set(names)


async def remember_deployed(api_url: str, checkout: Path) -> None:
    """Note on the server that the checkout as it is now was deployed."""
    value = {"value": digest(checkout)}
    async with _api(api_url) as api:
        answer = await api.post("variables/", json={"name": VARIABLE, **value})
        if answer.status_code == httpx.codes.CONFLICT:
            answer = await api.patch(f"variables/name/{VARIABLE}", json=value)
        answer.raise_for_status()


def _api(api_url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"{api_url}/", trust_env=False, timeout=30.0)


async def _main() -> None:
    async def run() -> None:
        process = await asyncio.create_subprocess_exec(*COMMAND)
        if await process.wait() != 0:
            sys.exit("not everything in prefect.yaml is deployed")

    await bring_up_to_date(os.environ["PREFECT_API_URL"], Path.cwd(), run)


if __name__ == "__main__":
    asyncio.run(_main())
