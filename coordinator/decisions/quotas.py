"""Decide what an owner may still have under their quotas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True, slots=True)
class Quota:
    """The most that one owner may have at a time; None: no limit."""

    workflows: int | None = None
    runs: int | None = None  # that have not ended, without the children of others
    queued: int | None = None  # subtasks that wait
    leased: int | None = None  # subtasks that volunteers hold
    stored_bytes: int | None = None  # of what the owner sent


@dataclass(frozen=True, slots=True)
class QuotaUsage:
    """What one owner has now; the fields are those of `Quota`."""

    workflows: int
    runs: int
    queued: int
    leased: int
    stored_bytes: int


def overridden(quota: Quota, own: Mapping[str, int | None]) -> Quota:
    """Return a role's quota with what was set for one user in its place."""
    return replace(quota, **own)


def room(allowed: int | None, used: int) -> int | None:
    """Return how many more there may be, None without a limit."""
    return None if allowed is None else max(0, allowed - used)


def told(quota: Quota, usage: QuotaUsage) -> dict[str, dict[str, int | None]]:
    """Return what is used and what is allowed of everything, by name."""
    allowed, used = asdict(quota), asdict(usage)
    return {name: {"used": used[name], "allowed": allowed[name]} for name in allowed}
