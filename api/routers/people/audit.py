"""The audit log, for admins."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel
from starlette.exceptions import HTTPException

from api.dependencies import Admin, App

router = APIRouter(prefix="/v1/audit", tags=["audit"])


class EntryView(BaseModel):
    """`status` is null where the service died before it answered."""

    id: str
    request_id: str | None
    at: datetime
    who: str
    address: str
    action: str
    on: Mapping[str, str]
    status: int | None


class AuditPage(BaseModel):
    """`next_page_token`: give it as `page_token` to go on; null: that was all."""

    entries: list[EntryView]
    next_page_token: str | None


@router.get("")
async def page(
    app: App,
    _: Admin,
    who: str | None = None,
    action: Annotated[str | None, Query(description="a part of it, as `:cancel`")] = None,
    on: Annotated[str | None, Query(description="the id of what was changed")] = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    page_token: str | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> AuditPage:
    """Return what people did, the newest first."""
    before = _before(page_token) if page_token is not None else None
    found = await app.stores.audit.page(
        who=who, action=action, on=on, since=since, until=until, before=before, limit=limit
    )
    entries = [
        EntryView(
            id=item.id,
            request_id=item.request_id,
            at=item.at,
            who=item.who,
            address=item.address,
            action=item.action,
            on=item.on,
            status=item.status,
        )
        for item in found
    ]
    more = len(found) == limit
    return AuditPage(entries=entries, next_page_token=_token(found[-1].id) if more else None)


def _token(id_: str) -> str:
    return base64.urlsafe_b64encode(id_.encode()).decode().rstrip("=")


def _before(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except ValueError:
        raise HTTPException(
            422, "this page_token is not one of this service; leave it out to start at the first page"
        ) from None
