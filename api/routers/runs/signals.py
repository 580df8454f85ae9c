"""Signals: send a run what one of its tasks waits for."""

from __future__ import annotations

import json
from datetime import datetime

from fastapi import APIRouter
from njangi_flows.workflow.spec import SignalName, SignalPayload
from pydantic import BaseModel

from api.clock import utc_now
from api.dependencies import App, Named, Submitter

router = APIRouter(prefix="/v1/runs", tags=["runs"])


class SignalBody(BaseModel):
    name: SignalName
    payload: SignalPayload = None


class SentSignal(BaseModel):
    """`number`: which of the run's signals of that name it is."""

    run_id: str
    name: str
    number: int
    at: datetime


@router.post("/{run_id}/signals", status_code=202)
async def send(run_id: str, body: SignalBody, app: App, caller: Submitter, named: Named) -> SentSignal:
    """Send the run a signal; it is kept until a task waits for it. Refused once the run has ended."""
    payload = json.dumps(body.payload, separators=(",", ":"), ensure_ascii=False)
    signal = await app.stores.signals.send(run_id, body.name, payload, by=caller.name, now=utc_now(), request=named)
    return SentSignal(run_id=signal.run_id, name=signal.name, number=signal.number, at=signal.at)
