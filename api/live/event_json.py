"""Encode an event of the log as every channel sends it."""

from __future__ import annotations

import orjson

from storage.ledger import Event


def event_json(event: Event) -> bytes:
    """Return an event as one line of JSON: what every event has, and the fields of its type."""
    common = {"seq": event.seq, "v": event.schema, "type": event.type, "at": event.at, "run_id": event.run_id}
    return orjson.dumps({**common, **event.data})
