"""The Prefect worker that executes compiled workflows: many runs at once in its own process.

They hold no foreign code (that runs on volunteers' machines), so none needs a process of its own, and
a run starts in about a second. Run as `python -m njangi_flows.engine.worker`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import random
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from uuid import UUID

import httpx
from anyio.abc import TaskStatus
from prefect import Flow
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterState, FlowRunFilterStateName
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import AsyncClientContext
from prefect.exceptions import Abort, Pause, PrefectException
from prefect.flow_engine import run_flow_async
from prefect.settings import (
    PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    temporary_settings,
)
from prefect.states import AwaitingRetry
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from njangi_flows.engine.errors import NoServiceError
from njangi_flows.engine.flow_client import FlowService
from njangi_flows.engine.heartbeats import Heart, shared_heart
from njangi_flows.engine.run_lease import SECONDS_TO_LEAVE, Stop, StopSignal, stop_signal
from njangi_flows.engine.run_workflow import RunLeftError, run_workflow
from njangi_flows.engine.settings import FlowSettings
from njangi_flows.errors import FlowsError

log = logging.getLogger(__name__)

POOL = "njangi"
QUERY_SECONDS = 5.0
"""Between looks for flow runs; those of our own service are told of at once."""
LISTEN_SECONDS = 50.0
SYNC_SECONDS = 30.0
CANCELLING_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 5.0
"""Between tries while the Prefect server is away."""
LONGEST_LEAVING_SECONDS = 10.0
"""After that a worker that was asked to leave just ends: runs survive that too."""
STARTS_AT_ONCE = 8
"""How many flow runs are on their way from Scheduled to held: the first ones are at work before the last are taken up,
and what is not taken up yet is left to other workers."""
ENTRYPOINT = "njangi_flows.run_workflow.run_workflow"
"""What deployments on this pool name."""


class ForeignFlowError(FlowsError):
    """A deployment on this pool names a flow other than ours."""

    def __init__(self, entrypoint: str | None) -> None:
        super().__init__(entrypoint)
        self.entrypoint = entrypoint

    def __str__(self) -> str:
        return (
            f"this worker runs {ENTRYPOINT} only, not {self.entrypoint}; deploy other flows to a pool of type process"
        )


class NjangiWorkerResult(BaseWorkerResult):
    """What a run left behind: nothing but its id."""


class NjangiJobConfiguration(BaseJobConfiguration):
    """What belongs to a flow run. No process starts, so none of the environment that Prefect prepares is needed;
    putting it together would be most of a run's CPU time here."""

    def prepare_for_flow_run(
        self,
        flow_run: FlowRun,
        deployment: Any = None,
        flow: Any = None,
        work_pool: Any = None,
        worker_name: str | None = None,
        worker_id: UUID | None = None,
    ) -> None:
        self._related_objects = {"deployment": deployment, "flow": flow, "flow-run": flow_run}

    @property
    def entrypoint(self) -> str | None:
        """The flow that the deployment names."""
        deployment: Any = self._related_objects.get("deployment")
        return None if deployment is None else deployment.entrypoint


class NjangiWorker(BaseWorker[NjangiJobConfiguration, BaseVariables, NjangiWorkerResult]):
    type = "njangi"
    job_configuration = NjangiJobConfiguration
    _description = "Carries Njangi's compiled workflows in the worker's own process."
    _display_name = "Njangi"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._carried: dict[UUID, StopSignal] = {}
        self._starting: set[UUID] = set()
        self._starts = asyncio.Semaphore(STARTS_AT_ONCE)
        self._heart: Heart | None = None
        self._leaves = False

    async def run(
        self, flow_run: FlowRun, configuration: NjangiJobConfiguration, task_status: TaskStatus[Any] | None = None
    ) -> NjangiWorkerResult:
        """Carry one flow run to its end, or until this worker leaves."""
        if configuration.entrypoint != ENTRYPOINT:
            raise ForeignFlowError(configuration.entrypoint)
        waiting = [task_status] if task_status is not None else []

        def settled_in() -> None:
            if waiting:
                waiting.pop().started(str(flow_run.id))

        if self._leaves:  # this one was taken up before the worker was asked to leave, and comes to its turn only now
            settled_in()
            await self._hand_on(flow_run)
            return NjangiWorkerResult(status_code=0, identifier=str(flow_run.id))
        if earlier := self._carried.get(flow_run.id):
            earlier.set(Stop.LEASE_LOST)  # it is scheduled again, so its run lease counts as lost
        stop = self._carried[flow_run.id] = StopSignal(settled_in)
        stop_signal.set(stop)
        shared_heart.set(self._heart)
        # Without its deployment the engine has no thread that watches whether the flow run is suspended in Prefect and
        # then breaks the flow off: a paused run only waits, which is the service's to say.
        unwatched = flow_run.model_copy(update={"deployment_id": None})
        try:
            flow: Flow[Any, Any] = run_workflow
            await run_flow_async(flow, flow_run=unwatched, parameters=flow_run.parameters, return_type="state")
        except RunLeftError as left:
            log.warning("a run is left: %s", left.reason.value, extra={"flow_run_id": str(flow_run.id)})
            if left.reason is Stop.LEAVING:
                await self._hand_on(flow_run)
        except (Abort, Pause) as signal_:
            log.info("Prefect ended a flow run", extra={"flow_run_id": str(flow_run.id), "reason": str(signal_)})
        finally:
            if self._carried.get(flow_run.id) is stop:  # else it was taken up again meanwhile
                del self._carried[flow_run.id]
            settled_in()
        return NjangiWorkerResult(status_code=0, identifier=str(flow_run.id))

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """Take a flow run up when its turn comes; until it has settled in, the next ones wait."""
        async with self._starts:
            if self._leaves:  # it is still Scheduled, for another worker
                return
            self._starting.add(flow_run.id)
            try:
                await super()._submit_run(flow_run)
            finally:
                self._starting.discard(flow_run.id)

    def _taken_up(self) -> list[UUID]:
        """Return all that this worker has taken up; first what has no run lease yet, since nothing else tells of it."""
        return list(dict.fromkeys((*self._starting, *reversed(self._carried))))

    async def _propose_submitting_state(self, flow_run: FlowRun) -> None:
        """Leave out Prefect's state between Pending and Running, a write and an event a run: nothing is submitted."""

    async def _hand_on(self, flow_run: FlowRun) -> None:
        """Let another worker take the flow run up at once."""
        state: State[Any] = AwaitingRetry(message="its worker left; another one goes on")
        try:
            async with asyncio.timeout(SECONDS_TO_LEAVE):
                await self.client.set_flow_run_state(flow_run.id, state, force=True)
        except (TimeoutError, httpx.HTTPError) as error:
            log.warning("a flow run was left", extra={"flow_run_id": str(flow_run.id), "reason": repr(error)})

    async def serve(self, leave: asyncio.Event) -> None:
        """Take up flow runs until `leave` is set, then stop those under way so that another worker can go on.

        The Prefect server may be away for any time at any moment, and so may the service once it has answered. Raises
        NoServiceError if it never did.
        """
        async with (
            FlowService(FlowSettings.from_environment()) as service,
            Heart(service, self._taken_up) as heart,
            self,
        ):
            self._heart = heart
            told = asyncio.Event()
            loops = [
                asyncio.create_task(_patiently(loop, seconds, early))
                for loop, seconds, early in (
                    (self.get_and_submit_flow_runs, QUERY_SECONDS, told),
                    (self._sync_and_initialize, SYNC_SECONDS, None),
                    (self._stop_cancelling, CANCELLING_SECONDS, None),
                )
            ]
            listening = asyncio.create_task(_listen(service, told))
            leaving = asyncio.create_task(leave.wait())
            await asyncio.wait({leaving, listening}, return_when=asyncio.FIRST_COMPLETED)
            leaving.cancel()
            for loop in (*loops, listening):
                loop.cancel()
            ends = await asyncio.gather(*loops, listening, return_exceptions=True)
            self._leaves = True
            for stop in self._carried.values():
                stop.set(Stop.LEAVING)
            for end in ends:
                if isinstance(end, Exception):
                    raise end

    async def _stop_cancelling(self) -> None:
        """Stop the flow runs that were cancelled in Prefect itself."""
        if not self._carried:
            return
        cancelling = await self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                id=FlowRunFilterId(any_=list(self._carried)),
                state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Cancelling"])),
            )
        )
        for flow_run in cancelling:
            if stop := self._carried.get(flow_run.id):
                stop.set(Stop.CANCELLED)


async def _listen(service: FlowService, told: asyncio.Event) -> None:
    """Set `told` whenever the service says that there are new flow runs."""
    heard = -1
    while True:
        before, heard = heard, await service.wait_for_flow_runs(heard, LISTEN_SECONDS)
        if heard != before:
            told.set()


async def _patiently(step: Callable[[], Awaitable[object]], seconds: float, early: asyncio.Event | None = None) -> None:
    """Do `step` every `seconds` and whenever `early` is set, less often while it fails."""
    early = early or asyncio.Event()
    failures = 0
    while True:
        try:
            await step()
            failures = 0
        except (httpx.HTTPError, PrefectException, OSError) as error:
            failures += 1
            if failures == 3:
                log.warning("the Prefect server is away; waiting for it", extra={"reason": repr(error)})
        pause = seconds if failures == 0 else min(LONGEST_PAUSE_SECONDS, 0.5 * 2**failures)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(early.wait(), pause * random.uniform(0.9, 1.1))
        early.clear()


async def serve(name: str, pool: str, leave: asyncio.Event) -> None:
    """Run a worker until `leave` is set; all its flow runs share one connection to Prefect."""
    # The run lease says whether a run is carried; Prefect's heartbeats would cost a thread a run to say it again.
    # The server may be away when a worker starts, so its version is not asked for.
    with temporary_settings(
        {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None, PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED: False}
    ):
        async with AsyncClientContext():
            await NjangiWorker(work_pool_name=pool, name=name).serve(leave)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m njangi_flows.engine.worker", description=__doc__)
    parser.add_argument("--pool", default=POOL, help="the work pool to serve; made if it is not there")
    parser.add_argument("--name", default=f"{socket.gethostname()}-{os.getpid()}", help="this worker's own name")
    options = parser.parse_args()
    os.environ.setdefault("NJANGI_HOLDER", options.name)
    # Prefect logs two lines for every task run and sends them to its server; failures are enough.
    logging.getLogger("prefect.task_runs").setLevel(logging.WARNING)
    try:
        _until_signalled(lambda leave: serve(options.name, options.pool, leave))
    except NoServiceError as error:
        sys.exit(str(error))


def _until_signalled(work: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run `work(leave)` on an event loop of its own thread and set `leave` on SIGTERM or SIGINT.

    Prefect's engine turns SIGTERM into a crash of the flow run when it runs in the main thread.
    """
    loop = asyncio.new_event_loop()
    leave = asyncio.Event()
    asked = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(work(leave))
        except BaseException as error:
            failures.append(error)
        finally:
            loop.close()

    def stop(number: int, frame: object) -> None:
        asked.set()
        loop.call_soon_threadsafe(leave.set)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    thread = threading.Thread(target=run, name="worker", daemon=True)
    thread.start()
    while thread.is_alive() and not asked.is_set():
        thread.join(timeout=0.2)
    thread.join(LONGEST_LEAVING_SECONDS)
    if thread.is_alive():
        log.warning("left without a word: what was asked to answer does not")
        os._exit(1)
    if failures:
        raise failures[0]


if __name__ == "__main__":
    main()
