"""What `-p name=value` options give: each value of the kind of its parameter's default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from njangi_flows.cli.failures import UsageError
from njangi_flows.cli.service import Service
from njangi_flows.workflow.parameter_values import typed


def values(given: Sequence[str], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values for parameters with these defaults. Raises UsageError."""
    return _typed(_texts(given), defaults)


def for_workflow(service: Service, workflow_id: str, given: Sequence[str]) -> dict[str, Any]:
    """Return the values for a workflow that the service has. Raises UsageError."""
    texts = _texts(given)
    return _typed(texts, service.workflow(workflow_id)["spec"].get("parameters", {})) if texts else {}


def for_runs(service: Service, run_id: str | None, given: Sequence[str]) -> dict[str, Any]:
    """Return the values for a run like another, each of the kind that the other had. Raises UsageError.

    Of many runs (None) the texts as they are: the service reads them beside each run's defaults.
    """
    texts = _texts(given)
    if run_id is None or not texts:
        return dict(texts)
    return _typed(texts, {**dict.fromkeys(texts), **service.run(run_id)["parameters"]})


def _typed(texts: Mapping[str, str], defaults: Mapping[str, Any]) -> dict[str, Any]:
    found, problems = typed(texts, defaults)
    if problems:
        raise UsageError("a parameter is wrong:", problems)
    return found


def _texts(given: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"-p needs name=value, such as -p bound=1000, not '{text}'")
        if name in found:
            raise UsageError(f"-p gives '{name}' twice")
        found[name] = value
    return found
