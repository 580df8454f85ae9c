"""The settings of the service, read from the environment once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class QuotaSettings(BaseModel):
    """See `coordinator.decisions.quotas.Quota`; null: no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workflows: int | None = 1_000
    runs: int | None = 100
    queued: int | None = 1_000_000
    leased: int | None = 10_000
    stored_bytes: int | None = 100 * 1024**3


class Settings(BaseSettings):
    """Every variable is NJANGI_<NAME>, but for MongoDB's and Prefect's own."""

    model_config = SettingsConfigDict(env_prefix="NJANGI_", frozen=True, populate_by_name=True)

    mongodb_uri: str = Field(
        default="mongodb://127.0.0.1:27017/?replicaSet=rs0",
        validation_alias=AliasChoices("mongodb_uri", "MONGODB_URI"),
    )
    database: str = "njangi"
    prefect_api_url: str = Field(
        default="http://127.0.0.1:4200/api",
        validation_alias=AliasChoices("prefect_api_url", "PREFECT_API_URL"),
    )
    host: str = "127.0.0.1"
    port: int = 8400
    home: Path = Path(".njangi")
    log: Literal["text", "json"] = "text"
    name: str = Field(default="Njangi", min_length=1, max_length=100)
    instance: str | None = None
    """What /readyz answers in the header Njangi-Instance: whoever started this process knows its own by it."""
    purpose: str = Field(default="", max_length=500)
    """What who is asked for a machine reads: whose service this is, and what its work is good for."""
    metrics_token: str | None = None
    """Opens /metrics from elsewhere; this machine needs none."""
    webhooks_private: bool = False
    """Whether webhooks may name addresses of this machine and of private networks."""
    submitter_quota: QuotaSettings = QuotaSettings()
    """What each submitter may have; as JSON, e.g. `{"runs": 10}`. Admins may have all, or set it for a user."""
    audit_days: int = Field(default=365, ge=1, le=3_650)
    """How long it is kept who did what."""
    pubsub_url: str | None = None
    pubsub_stream: str = "njangi:events"
    """Where events are added as they happen: a Redis, redis://HOST:PORT/0, and a stream in it."""
    largest_json: int = 16 * 1024 * 1024
    """Bytes; a larger body is refused with 413 before it is read."""
    body_grace: float = Field(default=30.0, gt=0)
    body_rate: float = Field(default=500.0, gt=0)
    """A body may let the service wait so many seconds, and longer the more has come, at so many bytes a second."""
    requests_per_token: int = Field(default=6_000, ge=1)
    requests_per_address: int = Field(default=12_000, ge=1)
    """A minute, each process for itself; those of agents and flows are not counted."""
    failures_per_address: int = Field(default=60, ge=1)
    """Unknown tokens and failed sign-ins a minute, after which unknown tokens from there have to wait."""
    cors_origins: tuple[str, ...] = ()
    """Pages of other origins whose scripts may call with a token of their own; as JSON, `["https://example.org"]`."""
    hosts: tuple[str, ...] = ()
    """Names that the service answers to, as JSON; any, if there are none."""
    largest_blob: int = 2 * 1024**3
    """Bytes; what a submitter or a volunteer may store as one blob."""
    largest_blob_trusted: int = 16 * 1024**3
    """The same for admins and for flows."""
    blob_grace: timedelta = timedelta(days=7)
    """How long a blob that nothing refers to is kept, as ISO 8601 (`P7D`) or in seconds. An agent that stored a result
    must tell of it before."""
