"""Prepare the parts of a release, and publish them if a person has approved."""

from __future__ import annotations

from typing import Any


def prepare(part: str, title: str) -> dict[str, str]:
    return {"part": part, "text": f"{part} of {title}"}


def publish(parts: list[dict[str, str]], decision: Any) -> dict[str, Any]:
    """Return what is published: all parts if `decision` says that they are approved, else none."""
    approved = isinstance(decision, dict) and decision.get("approved") is True
    return {
        "published": [part["part"] for part in parts] if approved else [],
        "by": decision.get("by") if isinstance(decision, dict) else None,
    }


def withdraw(title: str) -> str:
    return f"{title} was withdrawn before it was published"
