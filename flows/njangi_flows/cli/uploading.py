"""Send a large file in a way that a broken line does not begin again: by tus, with a bar that shows how far it is."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

RESUMABLE_BYTES = 1024 * 1024
"""Smaller files are sent in one request."""
MOST_TRIES = 10
"""Tries in a row that may fail without a byte more being there."""
LONGEST_PAUSE = 30.0
_TUS = {"Tus-Resumable": "1.0.0"}
_PIECE = 64 * 1024
_LATER = (404, 409, 423, 429, 500, 502, 503, 504)
"""What may be otherwise at the next try: the upload expired, has come further, or the service is busy or away."""


def upload(
    http: httpx.Client, path: Path, sha256: str, *, pause: Callable[[float], None] = time.sleep
) -> httpx.Response:
    """Store a file under its hash and return the last answer: a success, or a refusal.

    It goes on where an earlier call, also of another process, broke off. Raises httpx.TransportError when MOST_TRIES
    in a row brought nothing.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(path.name, total=path.stat().st_size)
        failures, furthest = 0, -1
        while True:
            error: httpx.TransportError | None = None
            try:
                answer = _once(http, path, sha256, lambda sent: progress.update(bar, completed=sent))
                if answer.status_code not in _LATER:
                    return answer
            except httpx.TransportError as broken:
                error = broken
            if (sent := int(progress.tasks[0].completed)) > furthest:
                failures, furthest = 0, sent
            failures += 1
            if failures >= MOST_TRIES:
                if error is not None:
                    raise error
                return answer
            pause(min(LONGEST_PAUSE, 0.5 * 2.0**failures))


def _once(http: httpx.Client, path: Path, sha256: str, told: Callable[[int], None]) -> httpx.Response:
    """Ask where the upload is, and send the rest."""
    named = base64.b64encode(sha256.encode()).decode()
    wish = {**_TUS, "Upload-Length": str(path.stat().st_size), "Upload-Metadata": f"sha256 {named}"}
    begun = http.post("/v1/uploads", headers=wish)
    if not begun.is_success or "njangi-sha256" in begun.headers:
        return begun
    there = int(begun.headers["upload-offset"])
    told(there)
    headers = {
        **_TUS,
        "Content-Type": "application/offset+octet-stream",
        "Content-Length": str(path.stat().st_size - there),
        "Upload-Offset": str(there),
    }
    with path.open("rb") as file:
        file.seek(there)
        return http.patch(begun.headers["location"], content=_pieces(file, there, told), headers=headers)


def _pieces(file: IO[bytes], sent: int, told: Callable[[int], None]) -> Iterator[bytes]:
    for piece in iter(lambda: file.read(_PIECE), b""):
        yield piece
        sent += len(piece)
        told(sent)
