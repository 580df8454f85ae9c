"""Read `-p name=value` options: each value gets the type of its parameter's default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from njangi_flows.cli.failures import WrongUsageError

if TYPE_CHECKING:
    from njangi_flows.cli.blocking_client import BlockingClient


def values(given: Sequence[str], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values for parameters with these defaults. Raises WrongUsageError."""
    return _typed(_texts(given), defaults)


def for_workflow(service: BlockingClient, workflow_id: str, given: Sequence[str]) -> dict[str, Any]:
    """Return the values for a workflow that the service has. Raises WrongUsageError."""
    texts = _texts(given)
    if not texts:
        return {}
    workflow = service.get("/v1/workflows/{workflow_id}", workflow_id=workflow_id)
    return _typed(texts, workflow["spec"].get("parameters", {}))


def for_runs(service: BlockingClient, run_id: str | None, given: Sequence[str]) -> dict[str, Any]:
    """Return the values for a new run like `run_id`, each of the type that it had there. Raises WrongUsageError.

    For many runs (None) return the texts: the service reads them with the defaults of each run.
    """
    texts = _texts(given)
    if run_id is None or not texts:
        return dict(texts)
    return _typed(texts, {**dict.fromkeys(texts), **service.get("/v1/runs/{run_id}", run_id=run_id)["parameters"]})


def _typed(texts: Mapping[str, str], defaults: Mapping[str, Any]) -> dict[str, Any]:
    from njangi_flows.workflow.parameter_values import typed  # as all of the language, it is imported when needed

    found, problems = typed(texts, defaults)
    if problems:
        raise WrongUsageError("a parameter is wrong:", problems)
    return found


def _texts(given: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise WrongUsageError(f"-p needs name=value, such as -p bound=1000, not '{text}'")
        if name in found:
            raise WrongUsageError(f"-p gives '{name}' twice")
        found[name] = value
    return found
