"""Extract a function's source so that it runs alone on a machine that has only Python.

Source travels rather than a pickle, since a pickle of one Python version may not load in another. It must mean there
what the function means here, so the text found in a file counts only if it compiles to the very code of the function.
"""

from __future__ import annotations
import __future__

import ast
import dis
import inspect
import math
import textwrap
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FunctionType

from njangi_flows.tasks.captured_names import NotSelfContainedError, check_imports, codes, imports_for, names_in

_ANNOTATIONS = __future__.annotations.compiler_flag
_PLAIN = (type(None), bool, int, float, str, bytes, tuple, list, dict, set)


def written(function: Callable[..., object]) -> str | None:
    """Return how a function is written in its file, with its decorators; None if that cannot be found."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return None


def portable_source(function: Callable[..., object], text: str | None) -> str:
    """Return Python text that defines `function` without its decorators, after the imports that it uses.

    `text` is how it was written when it was made. Names of its module that stand for modules of the standard library,
    or for what is in them, become imports; defaults that are computed become their values. Raises
    NotSelfContainedError for anything else that the function takes from around it.
    """
    name = getattr(function, "__name__", repr(function))
    if not isinstance(function, FunctionType) or not function.__code__.co_name.isidentifier():
        raise NotSelfContainedError(name, "it must be a function made with def")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise NotSelfContainedError(name, "it must be an ordinary function, not async and not a generator")
    if function.__code__.co_freevars:
        raise NotSelfContainedError(
            name,
            f"it uses {', '.join(function.__code__.co_freevars)} of the function around it; pass that as a parameter",
        )
    if text is None:
        raise NotSelfContainedError(name, "its source is not in a file")
    text, node = _definition(name, text)
    if not _is_of(function, text):
        raise NotSelfContainedError(
            name,
            "its file does not say what it runs: a decorator has put another function in its place, or the file has "
            "changed since it was loaded",
        )
    check_imports(name, node)
    values = dict(_defaults(function, node))
    kept = [default for default, value in values.items() if value is None]
    changes = [(default, value) for default, value in values.items() if value is not None]
    # Older machines need not evaluate annotations of a newer Python; but the fields of classes are made of them.
    late = function.__code__.co_flags & _ANNOTATIONS or not _has_annotated_classes(node)
    if not late:
        changes += [(annotation, repr(ast.unparse(annotation))) for annotation in _annotations(node)]
    head = ["from __future__ import annotations"] if late else []
    return "\n".join([*head, *imports_for(function, node, kept), "", _changed(text, changes), ""])


def taken_by(function: Callable[..., object]) -> list[object]:
    """Return what the names stand for that a function takes from its module, at this moment."""
    if not isinstance(function, FunctionType):
        return []
    return [function.__globals__.get(name) for name in names_in(function.__code__)]


def _definition(name: str, text: str) -> tuple[str, ast.FunctionDef]:
    """Return the text of a function without decorators, and what it parses to.

    Text that would be another without its margin, within a string of several lines, keeps it below an `if`.
    """
    within = "if True:\n" if text[:1].isspace() else ""
    try:
        nodes = _body(within + text)
        dedented = textwrap.dedent(text)
        if within and _dump(dedented) == [ast.dump(node) for node in nodes]:
            within, text = "", dedented
            nodes = _body(text)
    except SyntaxError:
        nodes = []
    if len(nodes) != 1 or not isinstance(nodes[0], ast.FunctionDef):
        raise NotSelfContainedError(name, "it must be a function made with def")
    lines = (within + text).split("\n")
    text = within + "\n".join(lines[nodes[0].lineno - 1 : nodes[0].end_lineno])
    [node] = _body(text)
    if not isinstance(node, ast.FunctionDef):
        raise NotSelfContainedError(name, "it must be a function made with def")
    return text, node


def _body(text: str) -> list[ast.stmt]:
    body = ast.parse(text).body
    return body[0].body if len(body) == 1 and isinstance(body[0], ast.If) else body


def _dump(text: str) -> list[str]:
    try:
        return [ast.dump(node) for node in ast.parse(text).body]
    except SyntaxError:
        return []


def _is_of(function: FunctionType, text: str) -> bool:
    """Whether a text is that of a function. Of code that pytest has rewritten, with names that no text has, it is."""
    if any(name.startswith("@") for part in codes(function.__code__) for name in part.co_names):
        return True
    flags = function.__code__.co_flags & _ANNOTATIONS
    found = codes(compile(text, "task.py", "exec", flags=flags, dont_inherit=True))
    return _meaning(function.__code__) in (
        _meaning(code) for code in found if code.co_name == function.__code__.co_name
    )


def _meaning(constant: object) -> object:
    """Return what a constant of code is, such that what is equal does the same."""
    if isinstance(constant, CodeType):
        counts = (constant.co_argcount, constant.co_posonlyargcount, constant.co_kwonlyargcount)
        return constant.co_name, counts, constant.co_varnames, _steps(constant)
    if isinstance(constant, (tuple, frozenset)):
        return type(constant)(map(_meaning, constant))
    return type(constant), repr(constant)


def _steps(code: CodeType) -> list[tuple[str, object]]:
    """Return the steps of code without what depends on the module around it, and on where in its file it lies.

    An attribute of what the module imports is called in other steps than one of another object.
    """
    steps: list[tuple[str, object]] = []
    for step in dis.get_instructions(code):
        if step.opname == "STORE_NAME" and step.argval in _WHERE:
            steps.pop()
        elif step.opname not in _WITHOUT_MEANING:
            name = "LOAD_ATTR" if step.opname == "LOAD_METHOD" else step.opname
            steps.append((name, None if step.opcode in _JUMPS else _meaning(step.argval)))
    return steps


_WITHOUT_MEANING = {"PUSH_NULL", "PRECALL", "NOP", "EXTENDED_ARG"}
_WHERE = {"__qualname__", "__firstlineno__"}
_JUMPS = {*dis.hasjrel, *dis.hasjabs}


def _defaults(function: FunctionType, node: ast.FunctionDef) -> Iterator[tuple[ast.expr, str | None]]:
    """Return the defaults that are computed, and their values as text; None where they have to stay as written."""
    positional = function.__code__.co_varnames[: function.__code__.co_argcount]
    values = dict(zip(positional[::-1], (function.__defaults__ or ())[::-1], strict=False))
    values |= function.__kwdefaults__ or {}
    arguments = node.args
    each: list[tuple[ast.arg, ast.expr | None]]
    each = list(zip([*arguments.posonlyargs, *arguments.args][::-1], arguments.defaults[::-1], strict=False))
    each += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    for argument, default in each:
        if default is not None and not _is_literal(default):
            yield default, _literal(values.get(argument.arg, ...))


def _is_literal(expression: ast.expr) -> bool:
    try:
        ast.literal_eval(expression)
    except (ValueError, TypeError):
        return False
    return True


def _literal(value: object) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    try:
        text = repr(value)
        return text if type(value) in _PLAIN and ast.literal_eval(text) == value else None
    except (ValueError, SyntaxError, RecursionError):
        return None


def _has_annotated_classes(node: ast.FunctionDef) -> bool:
    classes = [part for part in ast.walk(node) if isinstance(part, ast.ClassDef)]
    return any(isinstance(statement, ast.AnnAssign) for class_ in classes for statement in class_.body)


def _annotations(node: ast.FunctionDef) -> list[ast.expr]:
    arguments = node.args
    each = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    found = [argument.annotation for argument in each if argument is not None]
    return [annotation for annotation in [*found, node.returns] if annotation is not None]


def _changed(text: str, changes: Iterable[tuple[ast.expr, str]]) -> str:
    """Return text with other text in the place of some expressions of it."""
    whole = text.encode()  # in which the columns count bytes
    starts = [0]
    for line in whole.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    for old, new in sorted(changes, key=lambda change: (change[0].lineno, change[0].col_offset), reverse=True):
        begin = starts[old.lineno - 1] + old.col_offset
        end = starts[(old.end_lineno or old.lineno) - 1] + (old.end_col_offset or 0)
        whole = whole[:begin] + new.encode() + whole[end:]
    return whole.decode()
