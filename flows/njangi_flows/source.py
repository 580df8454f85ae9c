"""Take a function's source such that it runs elsewhere: alone, on a machine that has Python and nothing of ours.

Source travels rather than a pickle, since a pickle of one Python version may not load in another.
"""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from types import CodeType, ModuleType


class NotSelfContainedError(TypeError):
    """A function needs what would not be there on a volunteer's machine."""

    def __init__(self, function: str, why: str) -> None:
        super().__init__(function, why)
        self.function = function
        self.why = why

    def __str__(self) -> str:
        return f"'{self.function}' cannot run on a volunteer's machine: {self.why}"


def written(function: Callable[..., object]) -> str | None:
    """Return how a function is written in its file, with its decorators; None if that cannot be found."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return None


def portable_source(function: Callable[..., object], text: str | None) -> str:
    """Return Python text that defines `function` without its decorators, after the imports that it uses.

    `text` is how it was written when it was made. Names of its module that stand for modules of the standard library,
    or for what is in them, become imports. Raises NotSelfContainedError for anything else that the function takes from
    around it.
    """
    name = getattr(function, "__name__", "")
    if not inspect.isfunction(function) or not name.isidentifier():
        raise NotSelfContainedError(name or repr(function), "it must be a function made with def")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise NotSelfContainedError(name, "it must be an ordinary function, not async and not a generator")
    if function.__code__.co_freevars:
        raise NotSelfContainedError(
            name,
            f"it uses {', '.join(function.__code__.co_freevars)} of the function around it; pass that as a parameter",
        )
    imports = [_import(name, used, function.__globals__[used]) for used in _globals_of(function)]
    return "\n".join(["from __future__ import annotations", *imports, "", _definition(function, text), ""])


def _definition(function: Callable[..., object], text: str | None) -> str:
    if text is None:
        raise NotSelfContainedError(function.__name__, "its source is not in a file")
    lines = textwrap.dedent(text).splitlines()
    [node] = ast.parse("\n".join(lines)).body
    if not isinstance(node, ast.FunctionDef):
        raise NotSelfContainedError(function.__name__, "it must be a function made with def")
    return "\n".join(lines[node.lineno - 1 : node.end_lineno])


def _globals_of(function: Callable[..., object]) -> list[str]:
    """Return the names that the function, and those within it, take from its module."""
    code: CodeType = function.__code__
    around = function.__globals__
    names = {step.argval for part in _codes(code) for step in dis.get_instructions(part) if step.opname in _OF_MODULE}
    own = {code.co_name}
    return sorted(name for name in names - own if name in around and not hasattr(builtins, name))


_OF_MODULE = {"LOAD_GLOBAL", "STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
"""What takes a name from the module, or from the body of a class and then the module; attributes are other steps."""


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


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


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names and module != "__main__"
