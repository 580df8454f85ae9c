"""The options and arguments that several commands take."""

from __future__ import annotations

import enum
from typing import Annotated

import typer


class Output(enum.StrEnum):
    TABLE = "table"
    JSON = "json"


Url = Annotated[str | None, typer.Option("--url", help="The service. [env: NJANGI_URL; else http://127.0.0.1:8400]")]
Token = Annotated[
    str | None, typer.Option("--token", help="Your token. [env: NJANGI_TOKEN; else ./.njangi/tokens/admin]")
]
As = Annotated[Output, typer.Option("--output", "-o", help="How to show the answer.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, as `njangi runs` shows it.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="Show at most so many.")]
