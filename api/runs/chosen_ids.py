"""Workflows and runs under ids that callers choose, and what happens when an id is taken.

The database's unique key decides, not a look before: of two callers with the same id one makes it, and
the other meets it. docs/decisions/0021 tells why a replaced run keeps its id.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Annotated, Any

from njangi_flows.workflow.model import is_slug
from pydantic import AfterValidator, BaseModel, Field

from api.access.rights import AccessDecision, Action, decide
from api.clock import utc_now
from api.runs.submission import write_run
from api.services import Services
from storage.errors import IdTakenError, NotFoundError
from storage.ledger import Transaction
from storage.people.idempotency import made_id
from storage.people.users import User
from storage.runs.models import Run
from storage.sharing import Owned
from storage.workflows.store import NewWorkflow, Workflow


class OnConflict(enum.StrEnum):
    """What to do when the chosen id is taken."""

    REJECT = "reject"
    RETURN_EXISTING = "return_existing"
    REPLACE = "replace"


def _slug(text: str) -> str:
    if not is_slug(text):
        raise ValueError("must be 1 to 64 of a-z, 0-9, _ and -, starting with a letter or digit")
    return text


ChosenId = Annotated[str, AfterValidator(_slug)]


class ChosenIdBody(BaseModel):
    """A body that may choose the id of what it makes."""

    id: ChosenId | None = None
    on_conflict: OnConflict = Field(default=OnConflict.REJECT, description="what to do when the id is taken")


async def create_workflow(
    app: Services, new: NewWorkflow, chosen: ChosenIdBody, *, caller: User, request: str | None
) -> tuple[Workflow, bool]:
    """Create a workflow; return it and whether it is new. Replacing one makes a new version of it.

    `request` names the request, so that a second try at it finds what the first one made. Raises IdTakenError also
    where the caller has no right to what `on_conflict` asks for.
    """
    id_ = chosen.id or (made_id("w", request) if request is not None else None)
    quota = await app.quotas.of(caller.name)

    async def count(tx: Transaction) -> None:
        await app.quotas.one_more_workflow(tx, caller.name, quota)

    try:
        return await app.stores.workflows.add(
            new, owner=caller.name, now=utc_now(), id_=id_, request=request, first=count
        ), True
    except IdTakenError as error:
        existing = await app.stores.workflows.get(error.id)
        if request is not None and existing.request == request:
            return existing, True
        if not _may(caller, chosen.on_conflict, Owned(existing.owner, existing.readers)):
            raise
    if chosen.on_conflict is OnConflict.RETURN_EXISTING:
        return existing, False
    return await app.stores.workflows.edit(existing.id, new, by=caller.name, now=utc_now(), request=request), False


async def start_run(
    app: Services,
    workflow: Workflow,
    parameters: Mapping[str, Any],
    chosen: ChosenIdBody,
    *,
    caller: User,
    request: str | None,
    deadline: float | None,
) -> tuple[Run, bool]:
    """Start a run; return it and whether it is new.

    Replacing cancels the run that stands for the id, and the new one, under an id of its own, stands for it
    from then on. Raises IdTakenError also when the id names a run of another workflow, or one that the caller has
    no right to.
    """
    owner = caller.name
    made = made_id("r", request) if request is not None else None
    for id_ in {chosen.id, made} - {None} if request is not None else ():
        if (earlier := await _find(app, str(id_))) is not None and earlier.request == request:
            return earlier, True
    try:
        id_ = chosen.id or made
        run = await write_run(app, workflow, parameters, owner=owner, id_=id_, request=request, deadline=deadline)
        return await app.reconciler.start(run), True
    except IdTakenError as error:
        existing = await app.stores.runs.get(error.id)
        if request is not None and existing.request == request:  # another try at it, at the same time
            return existing, True
        mine = _may(caller, chosen.on_conflict, Owned(existing.owner, existing.readers))
        if not mine or existing.workflow_id != workflow.id:
            raise
    if chosen.on_conflict is OnConflict.RETURN_EXISTING:
        return await app.stores.runs.get(existing.replaced_by or existing.id), False
    run = await _replace(app, workflow, parameters, existing.id, made, owner=owner, request=request, deadline=deadline)
    return run, True


def _may(caller: User, on_conflict: OnConflict, thing: Owned) -> bool:
    """Whether the caller may have the taken id lead to what it names."""
    if on_conflict is OnConflict.REJECT:
        return False
    action = Action.CHANGE if on_conflict is OnConflict.REPLACE else Action.READ
    return decide(caller, action, thing) is AccessDecision.ALLOWED


async def _replace(
    app: Services,
    workflow: Workflow,
    parameters: Mapping[str, Any],
    replaced_id: str,
    made: str | None,
    *,
    owner: str,
    request: str | None,
    deadline: float | None,
) -> Run:
    """Write the new run and the wish to cancel the old one in one transaction."""
    old = replaced_id

    async def take_over(tx: Transaction, successor: str) -> None:
        nonlocal old
        old = await app.stores.runs.replace(tx, replaced_id, workflow.id, successor, now=utc_now())
        await app.cancellation.cancel_within(tx, old, owner)

    run = await write_run(
        app, workflow, parameters, owner=owner, id_=made, request=request, first=take_over, deadline=deadline
    )
    run = await app.reconciler.start(run)
    app.dispatcher.run_cancelled(old)
    return run


async def _find(app: Services, run_id: str) -> Run | None:
    try:
        return await app.stores.runs.get(run_id)
    except NotFoundError:
        return None
