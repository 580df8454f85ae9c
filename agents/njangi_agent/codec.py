"""Encode values of Python flows in our dialect of JSON: they arrive equal and with the same types.

What JSON has is itself. Anything else is an object with one key, the tag of its kind, which begins with a dollar:

    (1, 2)            {"$tuple": [1, 2]}
    {1: "a"}          {"$dict": [[1, "a"]]}     any dict with a key that is no text, or whose only key is like a tag
    nan, inf, -inf    {"$float": "nan"}

Only the very types travel: what is a kind of int or dict (IntEnum, defaultdict) would arrive as something else, and is
refused with the path to it. To let another type travel, `register` a Kind of it, on both sides. Nothing is ever run
that came in a value: a tag chooses among the kinds registered here.

Standard library only, Python 3.9 and later; interpreters in the sandbox get this file's source, so it imports nothing
of the agent but `dialect`, which they get too.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, NamedTuple

from njangi_agent import dialect
from njangi_agent.dialect import MAX_DEPTH, NotCarriedError

_PLAIN = (bool, int, float, str, tuple, list, dict)
_SMALL = 2**63
_TOO_DEEP = f"it is nested deeper than {MAX_DEPTH} levels as it travels (parameters may have some more)"


class ValueKind(NamedTuple):
    """How values of one type travel: `pack` makes simpler values of one, which `unpack` makes an equal one of.

    `unpack` meets what strangers send: it raises ValueError or TypeError for what `pack` would not make.
    """

    tag: str
    type: type
    pack: Callable[[Any], Any]
    unpack: Callable[[Any], Any]


def register(kind: ValueKind) -> None:
    """Let values of another type travel. Raises ValueError if the tag or the type is taken."""
    if not kind.tag.startswith("$") or kind.tag in _TAGS or kind.type in _KINDS or kind.type in _PLAIN:
        raise ValueError(f"'{kind.tag}' is no tag for {kind.type.__name__}: one of them is taken, or begins otherwise")
    _TAGS[kind.tag] = kind
    _KINDS[kind.type] = kind


def encode(value: Any) -> str:
    """Write a value as text. Raises NotCarriedError with the path to what would not arrive equal."""
    return dialect.dumps(pack(value))


def decode(text: str) -> Any:
    """Read what `encode` wrote. Raises ValueError for anything else."""
    return unpack(dialect.loads(text))


def pack(value: Any, depth: int = MAX_DEPTH) -> Any:
    """Return a value as JSON has it, made of new lists and dicts. Raises NotCarriedError."""
    return _pack(value, depth)


def unpack(value: Any) -> Any:
    """Return the value that was packed. Raises ValueError for what is none."""
    if type(value) is list:
        return [unpack(item) for item in value]
    if type(value) is not dict:
        return value
    if len(value) == 1:
        [(tag, packed)] = value.items()
        if tag.startswith("$"):
            return _made(tag, unpack(packed))
    return {key: unpack(item) for key, item in value.items()}


def _made(tag: str, value: Any) -> Any:
    kind = _TAGS.get(tag)
    if kind is None:
        raise ValueError(f"a value is of the kind '{tag}', which is not known here: another version wrote it")
    try:
        return kind.unpack(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"what follows '{tag}' is no value of that kind: {error}") from error


def _pack(value: Any, room: int) -> Any:
    type_ = type(value)
    if type_ is str:
        if not value.isascii():
            dialect.check(value)
        return value
    if type_ is int:
        if not -_SMALL < value < _SMALL:
            dialect.check(value)
        return value
    if type_ is bool or value is None:
        return value
    if type_ is float:
        return value if value - value == 0 else {_FLOAT.tag: repr(value)}
    if room <= 0:
        raise NotCarriedError("", _TOO_DEEP)
    if type_ is list:
        return _pack_list(value, room)
    if type_ is dict:
        return _pack_dict(value, room)
    kind = _KINDS.get(type_)
    if kind is None:
        raise NotCarriedError("", _advice(value))
    return {kind.tag: _pack(kind.pack(value), room - 1)}


def _pack_list(value: List[Any], room: int) -> List[Any]:
    packed = []
    for index, item in enumerate(value):
        try:
            packed.append(_pack(item, room - 1))
        except NotCarriedError as error:
            raise NotCarriedError(f"[{index}]{_after(error)}", error.reason) from None
    return packed


def _pack_dict(value: Dict[Any, Any], room: int) -> Dict[str, Any]:
    tagged = len(value) == 1 or not all(type(key) is str for key in value)
    if tagged and len(value) == 1:
        [key] = value
        tagged = type(key) is not str or key.startswith("$")
    packed: Dict[Any, Any] = {}
    pairs: List[Any] = []
    for key, item in value.items():
        try:
            name = _pack(key, room - 3)
        except NotCarriedError as error:
            raise NotCarriedError("", f"its key {_short(key)}: {error.reason}") from None
        try:
            if tagged:
                pairs.append([name, _pack(item, room - 3)])
            else:
                packed[name] = _pack(item, room - 1)
        except NotCarriedError as error:
            raise NotCarriedError(_step(key) + _after(error), error.reason) from None
    return {_DICT.tag: pairs} if tagged else packed


def _after(error: NotCarriedError) -> str:
    return error.path if error.path.startswith("[") or not error.path else f".{error.path}"


def _step(key: Any) -> str:
    return key if type(key) is str and key.isidentifier() and len(key) <= 40 else f"[{_short(key)}]"


def _short(key: Any) -> str:
    try:
        told = json.dumps(key) if type(key) is str else repr(key)
    except Exception:
        told = f"of type {type(key).__name__}"
    return told if len(told) <= 60 else f"{told[:60]}..."


def _advice(value: Any) -> str:
    name = f"{type(value).__module__}.{type(value).__qualname__}".replace("builtins.", "")
    for plain in _PLAIN:
        if isinstance(value, plain):
            return f"a value of type {name} would arrive as a plain {plain.__name__}; make it one if that is meant"
    return f"a value of type {name} does not travel; give what it is made of: numbers, text, lists, tuples, dicts"


def _float(text: Any) -> float:
    if text not in ("nan", "inf", "-inf"):
        raise ValueError("it is nan, inf or -inf")
    return float(text)


def _dict(pairs: Any) -> Dict[Any, Any]:
    if type(pairs) is list and all(type(pair) is list for pair in pairs):
        made = dict(pairs)
        if len(made) == len(pairs):
            return made
    raise ValueError("it is a list of keys with their values, each key once")


def _tuple(items: Any) -> Any:
    if type(items) is not list:
        raise ValueError("it is a list")
    return tuple(items)


_FLOAT = ValueKind("$float", float, repr, _float)
_DICT = ValueKind("$dict", dict, lambda value: [[key, item] for key, item in value.items()], _dict)
_TUPLE = ValueKind("$tuple", tuple, list, _tuple)
_TAGS: Dict[str, ValueKind] = {kind.tag: kind for kind in (_FLOAT, _DICT, _TUPLE)}
_KINDS: Dict[type, ValueKind] = {tuple: _TUPLE}
