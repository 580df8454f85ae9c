"""Show something anew whenever it changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import typer
from rich.console import Console

from njangi_flows.cli.failures import UnreachableError
from njangi_flows.cli.following import PATIENCE_SECONDS

SECONDS = 2.0

T = TypeVar("T")


def show(
    look: Callable[[], T], show_it: Callable[[T], object], *, watch: bool, pause: Callable[[float], None] = time.sleep
) -> None:
    """Show what there is; with `watch` until interrupted, on a terminal always in the same place.

    A service that is away is waited for. Raises UnreachableError when it stays away.
    """
    if not watch:
        show_it(look())
        return
    console, shown, silent = Console(), object(), 0.0
    try:
        while True:
            try:
                found = look()
            except UnreachableError as error:
                if silent >= PATIENCE_SECONDS:
                    raise
                if not silent:
                    typer.echo(f"{error.message} - still trying", err=True)
                silent += SECONDS
            else:
                silent = 0.0
                if found != shown:
                    if console.is_terminal:
                        console.clear()
                    show_it(found)
                    shown = found
            pause(SECONDS)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
