"""Volunteers' agents: enrol once, then sync."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Request, Response
from njangi_agent import protocol
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api.access.rights import Action
from api.clock import utc_now
from api.dependencies import DECLARED, App, Joiner, member, services_of
from api.runs.reported_blobs import vouched
from api.services import Services
from coordinator.dispatching.dispatcher import SyncOutcome
from storage.ledger import Transaction
from storage.people.users import Role

router = APIRouter(prefix="/v1/agent", tags=["agent"])


class Enrolment(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=100)]
    machine: dict[str, Any]


class Enrolled(BaseModel):
    volunteer_id: str
    secret: str


@router.post("/enrol", status_code=201)
async def enrol(enrolment: Annotated[Enrolment, Body()], app: App, caller: Joiner) -> Enrolled:
    """Enrol a machine; its secret is shown this once. Each machine is one use of a join token."""
    now = utc_now()
    machine = protocol.machine(enrolment.machine)
    token = caller.token_id if caller.role is Role.JOIN else None

    async def use(tx: Transaction) -> None:
        if token is not None:
            await app.stores.join_tokens.use(tx, token, now=now)

    enrolled, secret = await app.stores.volunteers.enrol(enrolment.name, machine, now=now, join_token=token, first=use)
    return Enrolled(volunteer_id=enrolled.id, secret=secret)


async def sync(request: Request) -> Response:
    """One sync of an agent: `SyncRequest` in, `SyncAnswer` out, waiting for work as long as it asks.

    A plain route: agents call nothing else, by the thousand, and FastAPI's validation would double its cost.
    """
    who = await member(request)
    try:
        body = await request.body()
    except ClientDisconnect:
        raise HTTPException(400, "the connection broke before the end of the request") from None
    tx = protocol.sync_request(_read(body))
    services = services_of(request)
    tx = await vouched(tx, services.stores.blobs, now=utc_now())
    began = time.perf_counter()
    answer = await _while_connected(request, services, who, tx)
    if tx.reports:
        services.requests.synced(time.perf_counter() - began)
    return Response(_encoded(answer), media_type="application/json")


DECLARED[sync] = Action.SERVE


async def _while_connected(request: Request, services: Services, member: Any, tx: protocol.SyncRequest) -> SyncOutcome:
    """Sync, but stop waiting for work when the agent hangs up: nothing should be lent to nobody."""
    work = asyncio.ensure_future(services.dispatcher.sync(member, tx))
    done, _ = await asyncio.wait({work}, timeout=0.05)
    if done:
        return await work
    gone = asyncio.ensure_future(_hung_up(request))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            return await work
        return SyncOutcome()
    finally:
        gone.cancel()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _read(body: bytes) -> Any:
    """Read a sync leniently: text that is none, or a number that is none, spoils the one report that holds it."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise protocol.ProtocolError(f"the body is not JSON: {error}") from None


def _encoded(answer: SyncOutcome) -> bytes:
    definitions = answer.definitions
    tasks = dict.fromkeys(lease.task_id for lease in answer.leases)
    return orjson.dumps(
        {
            "verdicts": answer.verdicts,
            "cancelled": answer.cancelled,
            "tasks": [orjson.Fragment(definitions[task_id].text) for task_id in tasks],
            "leases": [
                {
                    "subtask_id": lease.subtask_id,
                    "task_id": lease.task_id,
                    "token": lease.token,
                    "attempt": lease.attempt,
                    "seconds": definitions[lease.task_id].heartbeat,
                    "parameters": orjson.Fragment(lease.parameters) if lease.parameters is not None else None,
                    "parameters_blob": lease.parameters_blob,
                    "details": lease.details,
                    "details_blob": lease.details_blob,
                }
                for lease in answer.leases
            ],
            "wait": answer.wait,
        }
    )
