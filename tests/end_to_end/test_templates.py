"""Every template that ships with the project runs, all of them at once on one stack, and comes to what it should."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flows.library.mersenne_factors import check
from flows.library.word_count import words
from tests.end_to_end.submitting import Submitter

BOUND = 2000
PATIENCE = 300.0
"""Seconds for all of them, on a machine that is busy with other things."""


def pi(results: Mapping[str, Any]) -> None:
    found = results["estimate"]
    assert found["throws"] == 24 * 500
    assert abs(found["pi"] - math.pi) < 6 * found["standard_error"]


def sweep(results: Mapping[str, Any]) -> None:
    rows = results["simulate"]["rows"]
    assert len(rows) == 24 and len({tuple(row[:3]) for row in rows}) == 24
    best = results["best"]
    assert min(best["hares"], best["lynxes"]) == max(min(row[3], row[4]) for row in rows)


def counted(results: Mapping[str, Any]) -> None:
    whole = words.count(Path(words.__file__).with_name("text.txt").read_text(encoding="utf-8").splitlines())
    assert results["reduce"] == {
        "words": sum(whole.values()),
        "different": len(whole),
        "most_frequent": [[word, whole[word]] for word in sorted(whole, key=lambda word: (-whole[word], word))[:10]],
    }


def tables(results: Mapping[str, Any]) -> None:
    merged = results["merge"]
    assert (merged["files"], merged["rows"], merged["least"], merged["most"]) == (4, 47, 0.0, 700.0)


def drawn(results: Mapping[str, Any]) -> None:
    magic, size, most, *rows = results["assemble"].split("\n")
    assert (magic, size, most) == ("P2", "24 64", "255")
    image = [[int(value) for value in row.split()] for row in rows if row]
    assert len(image) == 64 and {len(row) for row in image} == {24}
    assert image[32][14] == 0 and image[0][0] == 255, "the middle belongs to the set, the corner does not"


def released(results: Mapping[str, Any]) -> None:
    assert results["publish"] == {"published": ["summary", "tables", "maps"], "by": "ada"}


def factored(results: Mapping[str, Any]) -> None:
    assert check.problems(results["factor"], BOUND) == []


EXPECTED: Mapping[str, tuple[Mapping[str, Any], Callable[[Mapping[str, Any]], None]]] = {
    "monte-carlo-pi": ({"throws": 500}, pi),
    "parameter-sweep": ({"days": 2}, sweep),
    "word-count": ({}, counted),
    "csv-summary": ({}, tables),
    "mandelbrot": ({"width": 24, "iterations": 30}, drawn),
    "approved-release": ({}, released),
    "mersenne-factors": ({"bound": BOUND}, factored),
}


async def test_every_template_runs_and_comes_to_what_it_should(submitter: Submitter) -> None:
    listed = (await submitter.get("/v1/templates"))["templates"]
    assert {template["name"] for template in listed} == EXPECTED.keys()
    assert all(template["description"] and template["tags"] for template in listed)

    async def run(name: str) -> None:
        parameters, expected = EXPECTED[name]
        shown = await submitter.get(f"/v1/templates/{name}")
        used = await submitter.post(f"/v1/templates/{name}:use", {})
        assert used.status_code == 201, used.text
        workflow = used.json()
        assert workflow["spec"] == shown["spec"] and workflow["files"].keys() == shown["files"].keys()
        started = await submitter.post(f"/v1/workflows/{workflow['id']}/runs", {"parameters": parameters})
        assert started.status_code == 201, started.text
        run_id = started.json()["id"]
        if name == "approved-release":
            await submitter.signal(run_id, "approve", {"approved": True, "by": "ada"})
        await submitter.completed(run_id, PATIENCE)
        expected(await submitter.get(f"/v1/runs/{run_id}/results"))

    async with asyncio.TaskGroup() as runs:
        for name in EXPECTED:
            runs.create_task(run(name))
