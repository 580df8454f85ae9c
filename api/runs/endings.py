"""Read the code and the values of an error back from its stored text, for translation."""

from __future__ import annotations

from collections.abc import Mapping

from njangi_flows.runs import endings
from pydantic import BaseModel

from coordinator.decisions.recovery import GIVEN_UP
from storage.runs.controls import DEADLINE_MISSED, UNKNOWN_TO_PREFECT

SENTENCES: Mapping[str, str] = {
    **endings.SENTENCES,
    "given-up": GIVEN_UP,
    "deadline-missed": DEADLINE_MISSED,
    "unknown-to-prefect": UNKNOWN_TO_PREFECT,
}
_READER = endings.Reader(SENTENCES)


class FailureText(BaseModel):
    """Which sentence of the service an error is, and the values in it."""

    code: str
    values: dict[str, str | int]


def told(error: str | None) -> FailureText | None:
    """Return what an error of a run or a task says, None where the words are not the service's."""
    found = _READER.read(error) if error is not None else None
    return FailureText(code=found[0], values=found[1]) if found is not None else None
