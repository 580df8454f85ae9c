"""The dialect of JSON that agents, the service and flows speak. Values that it cannot carry are refused.

Plain JSON as RFC 8259 has it, and besides:

- whole numbers are exact, up to MAX_DIGITS decimal digits; other numbers are those of a 64-bit float,
  so NaN and the infinities are none, nor is 1e400
- text is any text that UTF-8 can hold, a NUL character included; half a surrogate pair is no text
- arrays and objects nest up to MAX_DEPTH levels, and somewhat deeper in what is made of such values
- a key comes once in an object
- written in ASCII without spaces

Standard library only, Python 3.9 and later; interpreters in the sandbox get this file's source, so it imports
nothing of the agent.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

MAX_DEPTH = 64
"""Levels of arrays and objects in what an attempt returns or tells: whatever it is handed on in has room for it."""
CARRIED_DEPTH = MAX_DEPTH + 16
"""Levels in a value that is made of such values: the parameters of a subtask, an aggregate, the results of a run."""
MESSAGE_DEPTH = CARRIED_DEPTH + 16
"""Levels in a message that brings such values along. MongoDB keeps 100."""
MAX_DIGITS = 4300
"""Decimal digits of a whole number: what Python itself reads and writes unless it is told otherwise."""

_TOO_LARGE = 10**MAX_DIGITS
_NAME_CHARACTERS = 40

Step = Union[str, int]
"""A key of an object or an index of an array, on the way into a value."""
_Fault = Optional[Tuple[List[Step], str]]


class NotCarriedError(ValueError):
    """A value that would not arrive as it was given; `path` leads to it (`rows[3].when`, "" for the value itself)."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


def dumps(value: Any, *, depth: int = MAX_DEPTH, text_keys: bool = False) -> str:
    """Write a value as JSON. Raises NotCarriedError for what the dialect has no form for.

    A tuple becomes an array, and what is a kind of int, float, str, list or dict becomes that. A key that is no text
    is refused; with `text_keys` a whole number becomes its digits, unless that key is there already.
    """
    check(value, depth=depth, text_keys=text_keys)
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError) as error:  # a class of the caller's own that does as it likes
        raise NotCarriedError("", f"it cannot be written as JSON: {error}") from error


def loads(text: Union[str, bytes], *, depth: int = MAX_DEPTH) -> Any:
    """Read JSON; bytes are UTF-8. Raises ValueError, and of its kinds NotCarriedError for JSON that is not carried."""
    value = _read(text)
    check(value, depth=depth)
    return value


def fault_in(text: Union[str, bytes], *, depth: int = MAX_DEPTH) -> Optional[Tuple[List[Step], str]]:
    """Return the steps to the first thing in JSON text that is not carried, and the reason; None if all is.

    Raises ValueError for what is no JSON.
    """
    return fault_of(_read(text), depth=depth)


def check(value: Any, *, depth: int = MAX_DEPTH, text_keys: bool = False) -> None:
    """Raise NotCarriedError, with the path to what is wrong, for a value that `dumps` would not write."""
    fault = fault_of(value, depth=depth, text_keys=text_keys)
    if fault is not None:
        steps, reason = fault
        raise NotCarriedError(path_of(steps), reason)


def fault_of(value: Any, *, depth: int = MAX_DEPTH, text_keys: bool = False) -> Optional[Tuple[List[Step], str]]:
    """Return the steps to the first thing in a value that is not carried, and the reason; None if all is."""
    fault = _fault(value, depth, text_keys)
    return None if fault is None else (fault[0][::-1], fault[1] or _too_deep(depth))


def is_text(text: str) -> bool:
    """Whether UTF-8 can hold a text: it has no half of a surrogate pair."""
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def path_of(steps: Sequence[Step]) -> str:
    """Return steps as people write them: `rows[3].when`."""
    return "".join(map(_shown, steps)).lstrip(".")


_TOO_MANY_DIGITS = f"a whole number has more than {MAX_DIGITS} digits; give it as text or in parts"
_TWICE = "the key comes twice in its object"
_NOT_FINITE = "it is no finite number, which JSON has no form for"
_HALF_A_PAIR = "the text holds half a surrogate pair, which no other program can read (a file name that is not UTF-8?)"


def _too_deep(depth: int) -> str:
    return f"arrays and objects are nested deeper than {depth} levels"


def _fault(value: Any, room: int, text_keys: bool) -> _Fault:
    """Return the steps to a fault, the last first, and the reason, "" for the depth. Recurses `room` levels at most."""
    if isinstance(value, str):
        return None if is_text(value) else ([], _HALF_A_PAIR)
    if value is None or isinstance(value, int):
        return None if value is None or -_TOO_LARGE < value < _TOO_LARGE else ([], _TOO_MANY_DIGITS)
    if isinstance(value, float):
        return None if value - value == 0 else ([], _NOT_FINITE)
    if isinstance(value, dict):
        return _fault_in_object(value, room, text_keys) if room else ([], "")
    if isinstance(value, (list, tuple)):
        return _fault_in_array(value, room, text_keys) if room else ([], "")
    if isinstance(value, _NotCarried):
        return [], value.reason
    return [], f"JSON has no form for a value of type {type(value).__name__}"


def _fault_in_array(value: Union[List[Any], Tuple[Any, ...]], room: int, text_keys: bool) -> _Fault:
    for index, item in enumerate(value):
        if (fault := _fault(item, room - 1, text_keys)) is not None:
            fault[0].append(index)
            return fault
    return None


def _fault_in_object(value: Dict[Any, Any], room: int, text_keys: bool) -> _Fault:
    for key, item in value.items():
        if not isinstance(key, str):
            if not text_keys or type(key) is not int:
                return [], f"in JSON a key is text; one is of type {type(key).__name__}"
            if not -_TOO_LARGE < key < _TOO_LARGE:
                return [], _TOO_MANY_DIGITS
            if str(key) in value:
                return [], f"it has the key {str(key)[:_NAME_CHARACTERS]} both as a number and as text"
        elif not is_text(key):
            return [], f"a key: {_HALF_A_PAIR}"
        if (fault := _fault(item, room - 1, text_keys)) is not None:
            fault[0].append(str(key))
            return fault
    return None


def _shown(step: Step) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if step.isidentifier() and len(step) <= _NAME_CHARACTERS:
        return f".{step}"
    return f"[{json.dumps(step[:_NAME_CHARACTERS])}]"


class _NotCarried:
    """Stands in a value that was read for what is not carried, so that a path leads to it; "" for the depth."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def _read(text: Union[str, bytes]) -> Any:
    """Return the value of JSON text, with a `_NotCarried` for each thing that is none of the dialect."""
    text = text if isinstance(text, str) else text.decode("utf-8")
    try:
        return _decoded(text)
    except RecursionError:
        return _NotCarried("")


def _decoded(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except ValueError as error:
        if "integer string conversion" not in str(error):
            raise
        return _LONG_DECODER.decode(text)


def _object(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                value[key] = _NotCarried(_TWICE)
            seen.add(key)
    return value


def _whole_number(text: str) -> Any:
    return int(text) if len(text.lstrip("-")) <= MAX_DIGITS else _NotCarried(_TOO_MANY_DIGITS)


_ENCODER = json.JSONEncoder(allow_nan=False, check_circular=False, separators=(",", ":"))
_DECODER = json.JSONDecoder(object_pairs_hook=_object)
_LONG_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_whole_number)
"""For text with a whole number that Python does not read."""
