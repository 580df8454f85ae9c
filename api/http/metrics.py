"""Metrics for Prometheus: counters of this process, and figures of MongoDB that are read seldom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from storage.figures import Figures

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class Requests:
    """What callers asked of this process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            "njangi_request_seconds",
            "Time from a request to the first byte of its answer; long polls wait on purpose",
            ["method", "route", "status"],
            registry=self.registry,
            buckets=_SECONDS,
        )
        self._syncs = Histogram(
            "njangi_sync_seconds",
            "Time of agents' syncs that bring reports, which never wait for work",
            registry=self.registry,
            buckets=_SECONDS,
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request. `route` is its template, so that there are few."""
        self._seconds.labels(method, route, f"{status // 100}xx").observe(seconds)

    def synced(self, seconds: float) -> None:
        self._syncs.observe(seconds)


@dataclass(slots=True)
class Counts:
    """What this process has done since its start, and what it is busy with."""

    leases: int = 0
    reports: int = 0
    expiries: int = 0
    conflicts: int = 0
    waiting_agents: int = 0
    listeners: int = 0
    deliveries: Counter[str] = field(default_factory=Counter)  # of webhooks, by outcome


class Tables(Collector):
    """Puts counts and figures into Prometheus' form."""

    def __init__(self, counts: Callable[[], Counts], figures: Callable[[], Figures | None]) -> None:
        self._counts = counts
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        counts = self._counts()
        yield CounterMetricFamily("njangi_leases", "Attempts lent to volunteers", counts.leases)
        yield CounterMetricFamily("njangi_reports", "Reports of attempts", counts.reports)
        yield CounterMetricFamily("njangi_lease_expiries", "Leases that ran out", counts.expiries)
        yield CounterMetricFamily("njangi_transaction_conflicts", "Transactions begun again", counts.conflicts)
        yield GaugeMetricFamily("njangi_agents_waiting", "Agents that wait for work", counts.waiting_agents)
        yield GaugeMetricFamily("njangi_event_listeners", "Streams of events", counts.listeners)
        deliveries = CounterMetricFamily("njangi_webhook_deliveries", "Tries to deliver", labels=["outcome"])
        for outcome, count in counts.deliveries.items():
            deliveries.add_metric([outcome], count)
        yield deliveries
        if (figures := self._figures()) is not None:
            yield from _held(figures)


def _held(figures: Figures) -> Iterable[Metric]:
    yield GaugeMetricFamily("njangi_subtasks_queued", "Subtasks that may be lent now", figures.queued)
    yield GaugeMetricFamily("njangi_leases_out", "Subtasks that are lent", figures.leased)
    runs = GaugeMetricFamily("njangi_runs", "Runs by status", labels=["status"])
    for status, count in figures.runs.items():
        runs.add_metric([status], count)
    yield runs
    volunteers = GaugeMetricFamily("njangi_volunteers", "Volunteers by status", labels=["status"])
    for kind, count in figures.volunteers.items():
        volunteers.add_metric([kind], count)
    yield volunteers
    yield CounterMetricFamily("njangi_events", "Events written", figures.last_seq)
    lag = GaugeMetricFamily("njangi_event_lag", "Events that a reader of the log has yet to read", labels=["reader"])
    for reader, seq in figures.cursors.items():
        lag.add_metric([reader], max(0, figures.last_seq - seq))
    yield lag


def text(requests: Requests, tables: Tables) -> bytes:
    """Return everything in Prometheus' text format."""
    own = CollectorRegistry()
    own.register(tables)
    return generate_latest(own) + generate_latest(requests.registry)
