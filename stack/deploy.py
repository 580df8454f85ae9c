"""Tell a Prefect server what we have for it: the work pools, and whether prefect.yaml is already deployed there.

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

import httpx
import yaml

WORK_POOLS = {"njangi": "njangi", "python": "process"}
VARIABLE = "njangi_deployed"


COMMAND = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]


async def bring_up_to_date(api_url: str, checkout: Path, run: Callable[[], Awaitable[None]]) -> None:
    """Make the work pools, and `run` Prefect's deployment of `checkout` unless the server has it already."""
    await make_work_pools(api_url)
    if not (checkout / "prefect.yaml").exists() or await is_deployed(api_url, checkout):
        return
    await run()
    await remember_deployed(api_url, checkout)


async def make_work_pools(api_url: str) -> None:
    """Create the work pools that are not there; their workers fill in the job templates."""
    async with _api(api_url) as api:
        for name, type_ in WORK_POOLS.items():
            answer = await api.post("work_pools/", json={"name": name, "type": type_})
            if answer.status_code != httpx.codes.CONFLICT:
                answer.raise_for_status()


def digest(checkout: Path) -> str:
    """Return the SHA-256 of what deployments are made from: prefect.yaml, the flows' sources, Prefect's version."""
    hasher = hashlib.sha256(importlib.metadata.version("prefect").encode())
    for path in [checkout / "prefect.yaml", *sorted((checkout / "flows").rglob("*.py"))]:
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
