"""All stores of one database, made once by the application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from storage.audiences import AudienceStore
from storage.cursors import CursorStore
from storage.database import Database, open_database, unavailable_is_ours
from storage.figures import FigureStore
from storage.files.blob_collection import BlobCollection
from storage.files.blobs import BlobStore
from storage.files.uploads import UploadStore
from storage.leaders import LeaderStore
from storage.ledger import Ledger
from storage.people.audit import AuditStore
from storage.people.idempotency import IdempotencyStore
from storage.people.invitations import InvitationStore
from storage.people.join_tokens import JoinTokenStore
from storage.people.sign_ins import SignInStore
from storage.people.tokens import TokenStore
from storage.people.users import UserStore
from storage.runs.children import ChildStore
from storage.runs.controls import ControlStore
from storage.runs.flow_workers import FlowWorkerStore
from storage.runs.leases import RunLeaseStore
from storage.runs.parts import PartStore
from storage.runs.recovery import RunRecoveryStore
from storage.runs.reschedules import CrashStore
from storage.runs.restarts import ReopeningStore
from storage.runs.signals import SignalStore
from storage.runs.splitting import SplittingStore
from storage.runs.store import RunStore
from storage.runs.task_timings import TimingStore
from storage.runs.tasks import TaskStore
from storage.runs.usage import UsageStore
from storage.runs.waiting import WaitingStore
from storage.runs.waits import WaitStore
from storage.sharing import SharingStore
from storage.subtasks.batch_lending import LendingStore
from storage.subtasks.deadlines import DeadlineStore
from storage.subtasks.failures import FailureStore
from storage.subtasks.grids import GridStore
from storage.subtasks.logs import LogStore
from storage.subtasks.queue import QueueStore
from storage.subtasks.results import ResultStore
from storage.subtasks.stopping import StoppingStore
from storage.subtasks.store import SubtaskStore
from storage.subtasks.timelines import TimelineStore
from storage.volunteers.presence import PresenceStore
from storage.volunteers.refusals import RefusalStore
from storage.volunteers.store import VolunteerStore
from storage.volunteers.throughput import ThroughputStore
from storage.webhooks.deliveries import DeliveryStore
from storage.webhooks.store import WebhookStore
from storage.workflows.schedules import ScheduleStore
from storage.workflows.store import WorkflowStore
from storage.workflows.versions import VersionStore

COLLECTIONS = (
    "events",
    "counters",
    "tasks",
    "batches",
    "logs",
    "runs",
    "signals",
    "workflows",
    "workflow_versions",
    "schedules",
    "volunteers",
    "users",
    "tokens",
    "invitations",
    "join_tokens",
    "blobs.files",
    "blobs.chunks",
    "cursors",
    "throughput",
)
"""What transactions write to."""


class Stores:
    """One attribute a collection."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.ledger = Ledger(database)
        self.versions = VersionStore(database)
        self.workflows = WorkflowStore(database, self.ledger, self.versions)
        self.stopping = StoppingStore(database)
        self.parts = PartStore(database)
        self.runs = RunStore(database, self.ledger, self.stopping, self.parts)
        self.run_leases = RunLeaseStore(database, self.ledger)
        self.run_recovery = RunRecoveryStore(database, self.ledger)
        self.children = ChildStore(database)
        self.signals = SignalStore(database, self.ledger)
        self.subtasks = SubtaskStore(database, self.ledger)
        self.queue = QueueStore(database, self.ledger)
        self.results = ResultStore(database)
        self.tasks = TaskStore(database, self.ledger, self.runs, self.stopping, self.parts)
        self.splitting = SplittingStore(self.tasks, self.queue)
        self.schedules = ScheduleStore(database, self.ledger)
        self.idempotency = IdempotencyStore(database)
        self.logs = LogStore(database)
        self.timings = TimingStore(database)
        self.waits = WaitStore(database)
        self.refusals = RefusalStore(database, self.ledger)
        self.deadlines = DeadlineStore(database, self.ledger)
        self.lending = LendingStore(database)
        self.controls = ControlStore(
            database, self.ledger, self.runs, self.tasks, self.stopping, self.parts, self.waits
        )
        self.reopening = ReopeningStore(database, self.ledger, self.runs, self.stopping, self.children, self.signals)
        self.volunteers = VolunteerStore(database, self.ledger)
        self.users = UserStore(database, self.ledger)
        self.tokens = TokenStore(database, self.ledger)
        self.invitations = InvitationStore(database, self.ledger, self.users)
        self.join_tokens = JoinTokenStore(database, self.ledger)
        self.usage = UsageStore(database)
        self.audit = AuditStore(database)
        self.sign_ins = SignInStore(database)
        self.sharing = SharingStore(database, self.ledger)
        self.blobs = BlobStore(database)
        self.uploads = UploadStore(database, self.blobs)
        self.blob_collection = BlobCollection(database, self.blobs)
        self.leaders = LeaderStore(database)
        self.crashes = CrashStore(database)
        self.flow_workers = FlowWorkerStore(database)
        self.audiences = AudienceStore(database)
        self.grids = GridStore(database)
        self.presence = PresenceStore(database, self.ledger)
        self.cursors = CursorStore(database)
        self.webhooks = WebhookStore(database, self.ledger)
        self.deliveries = DeliveryStore(database)
        self.figures = FigureStore(database)
        self.waiting = WaitingStore(database)
        self.failures = FailureStore(database)
        self.timelines = TimelineStore(database)
        self.throughput = ThroughputStore(database)

    async def prepare(self) -> None:
        """Create indexes. Repeating is harmless; collections must exist before transactions write to them."""
        with unavailable_is_ours():
            existing = set(await self.database.mongo.list_collection_names())
            for name in COLLECTIONS:
                if name not in existing:
                    await self.database.mongo.create_collection(name, check_exists=False)
            for store in (
                self.ledger,
                self.versions,
                self.workflows,
                self.runs,
                self.children,
                self.signals,
                self.tasks,
                self.schedules,
                self.idempotency,
                self.subtasks,
                self.timings,
                self.stopping,
                self.deadlines,
                self.refusals,
                self.controls,
                self.volunteers,
                self.users,
                self.tokens,
                self.invitations,
                self.join_tokens,
                self.usage,
                self.audit,
                self.sign_ins,
                self.sharing,
                self.blobs,
                self.uploads,
                self.blob_collection,
                self.crashes,
                self.flow_workers,
                self.presence,
                self.webhooks,
                self.deliveries,
                self.failures,
                self.logs,
                self.throughput,
            ):
                await store.prepare()


@asynccontextmanager
async def open_stores(uri: str, name: str = "njangi") -> AsyncIterator[Stores]:
    """Connect, create what is missing and yield the stores. Raises StorageUnavailableError."""
    async with open_database(uri, name) as database:
        await database.ping()
        stores = Stores(database)
        await stores.prepare()
        try:
            yield stores
        finally:
            await stores.ledger.close()
