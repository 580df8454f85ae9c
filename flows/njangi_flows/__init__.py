"""Workflows whose tasks run on volunteers' machines."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from njangi_flows.awaited import SignalTimeoutError
    from njangi_flows.calls import VolunteerTaskError
    from njangi_flows.signals import sleep, wait_for_signal
    from njangi_flows.volunteer_tasks import volunteer_task

__all__ = ["SignalTimeoutError", "VolunteerTaskError", "sleep", "volunteer_task", "wait_for_signal"]
_HOME = {
    "SignalTimeoutError": "awaited",
    "VolunteerTaskError": "calls",
    "sleep": "signals",
    "volunteer_task": "volunteer_tasks",
    "wait_for_signal": "signals",
}


def __getattr__(name: str) -> Any:
    """Import what needs Prefect only when it is asked for: the workflow model must load without it."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"njangi_flows.{_HOME[name]}"), name)
