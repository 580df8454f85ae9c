"""Workflows whose tasks run on volunteers' machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from njangi_flows.volunteer_tasks import VolunteerTaskError, volunteer_task

__all__ = ["VolunteerTaskError", "volunteer_task"]


def __getattr__(name: str) -> Any:
    """Import what needs Prefect only when it is asked for: the workflow model must load without it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from njangi_flows import volunteer_tasks

    return getattr(volunteer_tasks, name)
