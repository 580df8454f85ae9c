"""The text of a version of a workflow, as its author wrote it.

A text that came in without a number gets it, so that what is exported, cloned or restored means what it meant.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from njangi_flows.workflow import spec as specs
from njangi_flows.workflow.model import LANGUAGE
from njangi_flows.workflow.spec import InvalidSpecError

from storage.workflows.versions import Version

_FIRST_FIELD = re.compile(r"^(?:[ \t]*(?:#.*)?\n|%.*\n|---[ \t]*\n)*([ \t]*)(?=[^\s#%\-\[\]])")
_NAMES_LANGUAGE = re.compile(r"^[ \t]*[\"']?language[\"']?[ \t]*:|^\s*\{\s*[\"']?language[\"']?\s*:", re.MULTILINE)


async def source_of(version: Version) -> str | None:
    """Return the text that a version came in as, with the number of its language.

    None where it came as JSON values, and where its text would be read otherwise today.
    """
    if version.source is None:
        return None
    document = specs.stored(version.spec)
    number = int(document["language"])
    text = version.source if _says_language(version.source, document) else with_language(version.source, number)
    if text is None or (number < LANGUAGE and not await asyncio.to_thread(_reads_as, text, document)):
        return None
    return text


def with_language(source: str, number: int) -> str | None:
    """Return a text with the number of its language before its first field; None where that cannot be found."""
    found = _FIRST_FIELD.match(source)
    if found is None:
        return None
    before, indent = source[: found.start(1)], found[1]
    rest = source[found.end() :]
    if rest.startswith("{"):
        return f'{before}{indent}{{"language": {number}, {rest[1:].lstrip(" ")}'
    return f"{before}{indent}language: {number}\n{indent}{rest}"


def _says_language(source: str, document: dict[str, Any]) -> bool:
    return _NAMES_LANGUAGE.search(source) is not None and _reads_as(source, document)


def _reads_as(source: str, document: dict[str, Any]) -> bool:
    try:
        return specs.load(source) == document
    except InvalidSpecError:
        return False
