"""Print figures as a table, and with --json as one JSON object at the end."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping

Figures = Mapping[str, float | bool | str | None]


def arguments(description: str) -> argparse.ArgumentParser:
    """Return the options that every benchmark takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    parser.add_argument("--quick", action="store_true", help="take under a minute, with rougher figures")
    return parser


def show(figures: Figures, *, as_json: bool) -> None:
    width = max(len(name) for name in figures)
    for name, value in figures.items():
        print(f"{name:<{width}}  {value:,.3f}" if isinstance(value, float) else f"{name:<{width}}  {value}")
    if as_json:
        print(json.dumps(figures))
