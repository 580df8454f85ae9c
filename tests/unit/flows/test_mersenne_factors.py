import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from njangi_flows.cli import folder
from njangi_flows.workflow import aggregate, split
from njangi_flows.workflow.placeholders import parsing as placeholders
from njangi_flows.workflow.placeholders.filling import calls_of

HERE = Path(__file__).parents[3] / "flows" / "library" / "mersenne_factors"
CHECK = runpy.run_path(str(HERE / "check.py"))


def run(*command: str) -> Any:
    return json.loads(subprocess.run([sys.executable, *command], check=True, capture_output=True, cwd=HERE).stdout)


def test_the_workflow_finds_the_published_factors_from_split_to_report(tmp_path: Path) -> None:
    spec = folder.read(HERE / "workflow.yaml").spec
    factor, report = spec.tasks
    assert factor.split is not None and factor.aggregate is not None and factor.command is not None
    bound = 2000
    exponents = split.items(factor.split, lambda name: (HERE / spec.file(name)).read_text().splitlines())
    chunks = split.chunk(exponents, split.size_of_chunks(factor.split, len(exponents), slots=1))
    calls = calls_of(spec, factor, {"bound": bound}, {})
    results = [
        run("factor.py", str(parameters["bound"]), *parameters["part"])  # type: ignore[misc]
        for parameters in split.subtask_parameters(factor, chunks, calls)
    ]
    table = aggregate.aggregate(factor.aggregate, results)
    assert CHECK["problems"](table, bound=bound) == []

    assert placeholders.paths(spec, report) == {"factor.result": "factor.result.json"}
    result = tmp_path / "factor.result.json"
    result.write_text(json.dumps(table))
    summary = run("report.py", str(result))
    assert summary["exponents"] == 192
    assert {13, 17, 19, 31, 61, 89, 107, 127, 521, 607} <= {*summary["without_a_factor_found"]}


def a_table(**changed: Any) -> dict[str, Any]:
    exponents = [int(line) for line in (HERE / "exponents.txt").read_text().split()]
    rows = [[p, CHECK["SMALLEST_FACTOR"].get(p)] for p in exponents]
    return {"columns": ["p", "factor"], "rows": [[p, changed.get(f"p{p}", factor)] for p, factor in rows]}


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        pytest.param(None, "not a table", id="nothing"),
        pytest.param({"columns": ["p", "factor"], "rows": [3]}, "the rows", id="no-rows"),
        pytest.param({"columns": ["p", "factor"], "rows": [[11, 23]]}, "exponents are not those", id="missing-rows"),
        pytest.param(a_table(p11=None), "M11 has the factor 23", id="missed"),
        pytest.param(a_table(p11=89), "the smallest factor of M11 is 23", id="not-the-smallest"),
        pytest.param(a_table(p1193=7), "7 does not divide M1193", id="no-divisor"),
        pytest.param(a_table(p13=8191), "M13 is prime", id="prime"),
    ],
)
def test_the_check_sees_what_is_wrong(result: object, problem: str) -> None:
    assert any(problem in found for found in CHECK["problems"](result))
