"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.dependencies import App

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(app: App) -> dict[str, str]:
    """MongoDB answers too; 503 while it does not."""
    await app.stores.database.ping()
    return {"status": "ok"}


@router.get("/metrics")
async def metrics(app: App) -> Response:
    """Counters of this process since its start, in Prometheus' text format."""
    counters = {
        "njangi_leases_total": app.dispatcher.leases,
        "njangi_reports_total": app.dispatcher.reports,
        "njangi_transaction_conflicts_total": app.stores.ledger.conflicts,
    }
    lines = [f"# TYPE {name} counter\n{name} {value}" for name, value in counters.items()]
    lines.append(f"# TYPE njangi_agents_waiting gauge\nnjangi_agents_waiting {app.dispatcher.parked}\n")
    return Response("\n".join(lines), media_type="text/plain; version=0.0.4")
