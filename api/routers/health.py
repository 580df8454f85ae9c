"""Health and readiness of the service, and its metrics."""

from __future__ import annotations

import hmac
import ipaddress

from fastapi import APIRouter, Request, Response
from njangi_agent import __version__
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from api.dependencies import Anyone, App
from api.http.metrics import text
from storage.errors import StorageUnavailableError

router = APIRouter(tags=["health"], dependencies=[Anyone])


class Readiness(BaseModel):
    """`leaders` says which replica holds each role that only one should hold; a role that is missing is free now."""

    status: str
    mongodb: str
    prefect: str
    leaders: dict[str, str]
    version: str


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(app: App, response: Response) -> Readiness:
    """MongoDB answers too; 503 while it does not. Without Prefect the service goes on, but no run begins."""
    await app.stores.database.ping()
    prefect, leaders = await app.surroundings.get()
    if app.settings.instance:
        response.headers["Njangi-Instance"] = app.settings.instance
    return Readiness(
        status="ok", mongodb="ok", prefect="ok" if prefect else "away", leaders=leaders, version=__version__
    )


@router.get("/metrics", response_class=Response)
async def metrics(request: Request, app: App) -> Response:
    """Return figures in Prometheus' text format, to this machine or under the token of NJANGI_METRICS_TOKEN."""
    if not _may_scrape(request, app.settings.metrics_token):
        raise HTTPException(
            403, "only this machine may read the metrics, or a request with the token that NJANGI_METRICS_TOKEN sets"
        )
    try:
        figures = await app.figures.get()
    except StorageUnavailableError:
        figures = None  # what this process counted is told all the same
    return Response(text(app.requests, app.tables(figures)), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _may_scrape(request: Request, token: str | None) -> bool:
    if token:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(given.encode(), token.encode()):
            return True
    passed_on = "x-forwarded-for" in request.headers or "forwarded" in request.headers
    host = request.client.host if request.client is not None else ""
    try:
        return not passed_on and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
