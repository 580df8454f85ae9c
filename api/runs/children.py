"""Child runs: start each one once, limit how deep they are nested, end them with their parent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.runs.submission import write_run
from api.services import Services
from coordinator.decisions.children import MOST_DEPTH, too_deep
from storage.errors import TooDeepError
from storage.runs.models import Parent, Run


async def start_child(
    app: Services,
    run: Run,
    task: str,
    *,
    workflow: str,
    parameters: Mapping[str, Any],
    on_parent_cancel: str,
) -> Run:
    """Start the owner's workflow of that name as the child of a task; return the child that is there already.

    Raises NotFoundError if the owner has no such workflow, InvalidSpecError for parameters it does not have,
    TooDeepError.
    """
    if (child := (await app.stores.children.of(run.id, [task])).get(task)) is not None:
        return await app.stores.runs.get(child.id)
    chain = [*(run.parent.chain if run.parent else ()), run.name]
    if too_deep(chain):
        raise TooDeepError(MOST_DEPTH, [*chain, workflow])
    found = await app.stores.workflows.latest(run.owner, workflow)
    parent = Parent(run.id, task, chain, on_parent_cancel)
    written = await write_run(app, found, parameters, owner=run.owner, parent=parent, priority=run.priority)
    return await app.reconciler.start(written)
