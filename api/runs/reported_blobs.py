"""Check that the blobs that a sync reports are stored: a result without its bytes is no result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from njangi_agent.protocol import AttemptError, Held, Outcome, Report, SyncRequest

from storage.files.blobs import BlobStore

MISSING = "ResultMissing"
"""The type of the error of an attempt whose result is not there; the subtask is lent again."""


async def vouched(request: SyncRequest, blobs: BlobStore, *, now: datetime) -> SyncRequest:
    """Return the sync with what is stored alone. Asks the database only where the sync names a blob.

    The blobs that it names are kept for a while more, so none of them is collected before the report is recorded.
    """
    named = {item.blob for item in request.reports if item.blob is not None}
    named |= {item.details_blob for item in request.held if item.details_blob is not None}
    if not named:
        return request
    sizes = await blobs.touched_sizes(named, by=None, now=now)
    return replace(
        request,
        held=[_told(item, sizes) for item in request.held],
        reports=[_returned(item, sizes) for item in request.reports],
    )


def _told(held: Held, sizes: Mapping[str, int]) -> Held:
    """Return a heartbeat; the attempt goes on although what it tells has not arrived."""
    return held if held.details_blob is None or held.details_blob in sizes else replace(held, details_blob=None)


def _returned(report: Report, sizes: Mapping[str, int]) -> Report:
    if report.blob is None or sizes.get(report.blob) == report.size:
        return report
    error = AttemptError(
        MISSING,
        f"its result of {report.size} bytes, the blob {report.blob}, is not stored: the upload did not arrive",
    )
    return Report(report.subtask_id, report.token, Outcome.REFUSED, error=error, seconds=report.seconds)
