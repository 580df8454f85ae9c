"""The names that a function uses from its module: standard modules become imports, others are refused.

What a name stands for counts, not how it is called: `pow` may be that of `math`, and `statistics` a file of one's own.
"""

from __future__ import annotations

import ast
import builtins
import dis
import functools
import importlib.util
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType, ModuleType

from njangi_flows.errors import FlowsError

_OF_MODULE = {"LOAD_GLOBAL", "STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
"""What takes a name from the module, or from the body of a class and then the module; attributes are other steps."""
_STANDARD = Path(sysconfig.get_path("stdlib")).resolve()
_INSTALLED = {"site-packages", "dist-packages"}
_GIVEN = "njangi"
"""The module that every call finds there, whatever folder is called so here."""


class NotSelfContainedError(FlowsError, TypeError):
    """A function needs what would not be there on a volunteer's machine."""

    def __init__(self, function: str, why: str) -> None:
        super().__init__(function, why)
        self.function = function
        self.why = why

    def __str__(self) -> str:
        return f"'{self.function}' cannot run on a volunteer's machine: {self.why}"


@functools.lru_cache(maxsize=1024)
def names_in(code: CodeType) -> tuple[str, ...]:
    """Return the names that code, and the functions and classes within it, take from their module, in order."""
    steps = (step for part in codes(code) for step in dis.get_instructions(part))
    return tuple(sorted({step.argval for step in steps if step.opname in _OF_MODULE}))


def codes(code: CodeType) -> Iterator[CodeType]:
    """Walk code and all that it holds."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def imports_for(function: Callable[..., object], node: ast.AST, defaults: Iterable[ast.expr]) -> list[str]:
    """Return the lines that give a function, and those of its defaults that stay as written, what they use.

    `node` is what the function parses to. Raises NotSelfContainedError.
    """
    around, own = function.__globals__, function.__name__
    of_defaults = {name for default in defaults for name in names_in(_code_of(default))}
    missing = sorted(name for name in of_defaults if name not in around and not hasattr(builtins, name))
    if missing:
        raise NotSelfContainedError(own, f"a default of its uses '{missing[0]}' of what is around; write its value")
    parts: set[str] = set()
    lines: list[str] = []
    for name in sorted(of_defaults.union(names_in(function.__code__))):
        value = around.get(name)
        if name == "globals":
            raise NotSelfContainedError(own, "it uses globals(), which are others there; pass it what it needs")
        if name == "__name__":
            lines.append(f"__name__ = {value!r}")
        elif name in around and not _is_known(name, value, function):
            if isinstance(value, ModuleType):
                parts.update(_parts(value, name, node))
            lines.append(_import(own, name, value))
    return [*(f"import {part}" for part in sorted(parts)), *lines]


def check_imports(function: str, node: ast.AST) -> None:
    """Raise NotSelfContainedError if a function imports a file of one's own, which does not travel."""
    for statement in ast.walk(node):
        modules: list[str] = []
        if isinstance(statement, ast.Import):
            modules = [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            modules = ["." * statement.level + (statement.module or "")]
        for module in modules:
            file = "" if module.startswith(".") else _file_of_ones_own(module)
            if file is not None:
                raise NotSelfContainedError(
                    function,
                    f"it imports '{module}', which is yours{file and f' ({file})'} and does not travel; "
                    "define what it needs inside the function",
                )


def _is_known(name: str, value: object, function: Callable[..., object]) -> bool:
    """Whether a name of the module means the same where the function's text is alone: a builtin, or itself."""
    if name == function.__code__.co_name:
        return value is function or getattr(value, "fn", None) is function
    return hasattr(builtins, name) and value is getattr(builtins, name)


def _import(function: str, name: str, value: object) -> str:
    if isinstance(value, ModuleType) and _is_standard(value.__name__):
        return f"import {value.__name__} as {name}"
    home, original = getattr(value, "__module__", None), getattr(value, "__name__", None)
    found = isinstance(home, str) and isinstance(original, str) and _is_standard(home)
    if found and getattr(sys.modules.get(str(home)), str(original), None) is value:
        return f"from {home} import {original} as {name}"
    raise NotSelfContainedError(
        function, f"it uses '{name}' of its module; import or define it inside the function, or pass it as a parameter"
    )


def _parts(module: ModuleType, name: str, node: ast.AST) -> Iterator[str]:
    """Return the submodules that are used by way of a module, as in `urllib.parse.quote`."""
    for used in ast.walk(node):
        if not isinstance(used, ast.Attribute) or not (path := ast.unparse(used)).startswith(f"{name}."):
            continue
        whole = module.__name__
        part: object = module
        for step in path.split(".")[1:]:
            whole, part = f"{whole}.{step}", getattr(part, step, None)
            if not isinstance(part, ModuleType) or part.__name__ != whole:
                break
            yield whole


def _is_standard(module: str) -> bool:
    known = module.partition(".")[0] in sys.stdlib_module_names and module != "__main__"
    return known and _file_of_ones_own(module) is None


def _file_of_ones_own(module: str) -> str | None:
    """Return where a module lies that is here, and neither in the standard library nor installed."""
    try:
        top = module.partition(".")[0]
        spec = importlib.util.find_spec(top) if top != _GIVEN else None
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin in ("built-in", "frozen"):
        return None
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
    for place in map(Path, places):
        if not _INSTALLED.intersection(place.parts) and not place.resolve().is_relative_to(_STANDARD):
            return str(place)
    return None


def _code_of(expression: ast.expr) -> CodeType:
    return compile(ast.Expression(expression), "default", "eval")
