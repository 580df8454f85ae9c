"""What a machine lacks is told, and the attempt lent elsewhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from njangi_agent.executors.missing_software import lack_of_command, module_lacking
from njangi_agent.protocol import File, Outcome

from .conftest import Bench


@pytest.mark.parametrize(
    ("code", "stderr", "says"),
    [
        (127, "njangi-launch: 1: Rscript: not found\n", "no program 'Rscript'"),
        (127, "starting\nsh: 1: Rscript: not found\n", "no program 'Rscript'"),
        (127, "bash: line 1: Rscript: command not found\n", "no program 'Rscript'"),
        (127, "/usr/bin/env: ‘Rscript’: No such file or directory\n", "no program 'Rscript'"),
        (127, "njangi-launch: 1: /opt/bin/x: not found\n", "no program '/opt/bin/x'"),
        (127, "njangi-launch: 1: ./mc: not found\n", "lacks what './mc' needs"),
        (127, "njangi-launch: 1: ./md: not found\n", None),
        (1, "Traceback\nModuleNotFoundError: No module named 'numpy'\n", "no module 'numpy'"),
        (1, "ModuleNotFoundError: No module named 'tomllib'\n", "which other versions"),
        (1, "ModuleNotFoundError: No module named 'numpy'\ngave up\n", None),
        (127, "it is not found\n", None),
        (3, "sh: 1: Rscript: not found\n", None),
    ],
)
def test_a_program_or_module_that_the_machine_lacks_is_named(code: int, stderr: str, says: str | None) -> None:
    found = lack_of_command(code, stderr, ["mc", "data"])
    assert (found is None) if says is None else (found is not None and says in found)


@pytest.mark.parametrize(
    ("type", "module", "says"),
    [
        ("ModuleNotFoundError", "tomllib", "has no module 'tomllib', which other versions"),
        ("ModuleNotFoundError", "distutils.core", "which other versions"),
        ("ModuleNotFoundError", "scipy.stats", "give scipy.py as a file"),
        ("ImportError", "typing", "another 'typing'"),
        ("ImportError", "mine", None),
        ("KeyError", "typing", None),
    ],
)
def test_an_import_that_fails_tells_what_the_machine_lacks(type: str, module: str, says: str | None) -> None:
    found = module_lacking(type, "cannot import name 'Self' from 'typing'", module)
    assert (found is None) if says is None else (found is not None and says in found)


@pytest.mark.parametrize(
    "source",
    ["def f(x):\n    import no_such_module", "import no_such_module\ndef f(x): pass", "from typing import NoSuchThing"],
)
async def test_a_call_that_lacks_a_module_is_lent_to_another_machine(bench: Bench, source: str) -> None:
    [report] = await bench.function(source, {"x": 1})
    assert report.error is not None
    assert (report.outcome, report.error.message[:7]) == (Outcome.REFUSED, "Python ")


async def test_a_function_imports_what_is_among_its_files(bench: Bench) -> None:
    text = b"def twice(x): return 2 * x"
    sha256 = hashlib.sha256(text).hexdigest()
    bench.blobs.content[sha256] = text
    source = "import os\ndef f(x):\n    import mine\n    return [mine.twice(x), os.listdir('.')]"
    reports = await bench.function(source, {"x": 1}, {"x": 2}, files=[File("mine.py", sha256, len(text))])
    assert [report.result for report in reports] == ['[2,["mine.py"]]', '[4,["mine.py"]]']


async def test_a_function_imports_packages_that_are_installed_on_the_machine(bare: Bench, tmp_path: Path) -> None:
    (tmp_path / "a_package.py").write_text("here = True")
    source = f"""
import site
site.getsitepackages = lambda: [{str(tmp_path)!r}]
def f(x):
    import a_package
    return a_package.here
"""
    reports = await bare.function(source, {"x": 1}, {"x": 2})
    assert [report.result for report in reports] == ["true", "true"]
