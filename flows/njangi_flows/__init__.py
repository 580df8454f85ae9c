"""Workflows whose tasks run on volunteers' machines."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from njangi_flows.engine.waiting_tasks import SignalTimeoutError
    from njangi_flows.tasks.calls import VolunteerTaskError
    from njangi_flows.tasks.signals import sleep, wait_for_signal
    from njangi_flows.tasks.volunteer_tasks import volunteer_task

__all__ = ["SignalTimeoutError", "VolunteerTaskError", "sleep", "volunteer_task", "wait_for_signal"]
_HOME = {
    "SignalTimeoutError": "engine.waiting_tasks",
    "VolunteerTaskError": "tasks.calls",
    "sleep": "tasks.signals",
    "volunteer_task": "tasks.volunteer_tasks",
    "wait_for_signal": "tasks.signals",
}


def __getattr__(name: str) -> Any:
    """Import what needs Prefect only when it is asked for: the workflow model must load without it."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"njangi_flows.{_HOME[name]}"), name)
