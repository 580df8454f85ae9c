"""Put the application together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from fastapi import APIRouter, Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from njangi_agent import __version__
from starlette.routing import BaseRoute

from api.audit import AuditMiddleware
from api.console import Console
from api.dependencies import carrying, changing, reading, volunteer
from api.documentation import Documentation
from api.http.address_checks import check_address
from api.http.body_limits import LimitBodies
from api.http.errors import handle_errors
from api.http.json_bodies import check_json
from api.http.metrics import Requests
from api.http.protection import CORS, Protect
from api.http.rate_limits import RateLimits
from api.http.tracing import TraceRequests
from api.idempotency import AnswerOnce
from api.lifespan import open_services
from api.openapi import document_of
from api.proofs import Prove
from api.routers import flow, health
from api.routers.blobs import blob_routes
from api.routers.live import events, feed, socket, webhooks
from api.routers.people import audit, session, tokens, users
from api.routers.runs import (
    bulk,
    comparison,
    controls,
    failures,
    grid,
    logs,
    outputs,
    runs,
    signals,
    timelines,
    waiting,
    waits,
)
from api.routers.uploads import upload_routes
from api.routers.volunteers import agent, join_tokens, program, throughput, volunteers
from api.routers.workflows import exchange, schedules, schema, sharing, templates, versions, workflows
from api.settings import Settings
from api.workflows.templates import Templates


def create_app(settings: Settings) -> FastAPI:
    """Return the service; it connects when it is started."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(settings, app.state.requests) as (services, scheduler):
            app.state.services = services
            app.state.scheduler = scheduler
            yield

    app = FastAPI(
        title="Njangi",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
    )
    app.state.templates = Templates()
    app.add_middleware(AnswerOnce)
    app.add_middleware(AuditMiddleware)
    app.add_middleware(LimitBodies, settings=settings)
    app.add_middleware(RateLimits, settings=settings)
    if settings.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.cors_origins, **CORS)
    app.add_middleware(Protect, settings=settings)
    app.add_middleware(Prove)
    app.state.requests = Requests()
    app.add_middleware(TraceRequests, requests=app.state.requests)
    handle_errors(app)
    app.router.routes += _routes()
    app.router.routes += [Documentation(), Console()]
    document = cache(lambda: document_of(app))
    app.openapi = document  # type: ignore[method-assign]
    return app


@cache
def _routes() -> list[BaseRoute]:
    """Return the routes of every service of this process: what FastAPI makes of them takes half a second."""
    router = APIRouter(dependencies=[Depends(check_address), Depends(check_json)])
    router.add_route("/v1/agent/sync", agent.sync, methods=["POST"])  # first: a look at all others costs more
    for routes in (
        health,
        workflows,
        schema,
        versions,
        exchange,
        templates,
        bulk,
        comparison,
        controls,
        runs,
        logs,
        outputs,
        events,
        schedules,
        volunteers,
        agent,
        flow,
        signals,
        waits,
        feed,
        socket,
        grid,
        webhooks,
        waiting,
        failures,
        timelines,
        throughput,
        program,
    ):
        router.include_router(routes.router)
    for routes in (sharing, session, tokens, users, join_tokens, audit):
        router.include_router(routes.router)
    for prefix, read, write in (
        ("/v1", reading, changing),
        ("/v1/flow", carrying, carrying),
        ("/v1/agent", volunteer, volunteer),
    ):
        router.include_router(blob_routes(prefix, read=read, write=write))
        router.include_router(upload_routes(prefix, write))
    return router.routes
