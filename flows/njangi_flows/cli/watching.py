"""Show something again whenever it changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import typer
from rich.console import Console

SECONDS = 2.0

T = TypeVar("T")


def show(
    look: Callable[[], T], show_it: Callable[[T], object], *, watch: bool, pause: Callable[[float], object] = time.sleep
) -> None:
    """Show what `look` returns. With `watch` show each change until interrupted, on a terminal in the same place."""
    if not watch:
        show_it(look())
        return
    console, shown = Console(), object()
    try:
        while True:
            found = look()
            if found != shown:
                if console.is_terminal:
                    console.clear()
                show_it(found)
                shown = found
            pause(SECONDS)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
