"""Teach schemathesis, which loads this, to send the bodies of uploads."""

from __future__ import annotations

import schemathesis

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")  # type: ignore[no-untyped-call]
