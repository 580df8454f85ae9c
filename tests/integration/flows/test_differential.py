"""Prefect's own thread pool is the judge: a flow gives the same values whether volunteers run its tasks or threads do.

`make test` draws 20 flows of up to three steps, `make differential` 200 of up to five.
"""

from __future__ import annotations

import asyncio
import os

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from njangi_flows import volunteer_task
from prefect import task
from prefect.cache_policies import NO_CACHE

from tests.integration.flows.programs import FUNCTIONS, Program, flow_of, programs
from tests.integration.flows.stack_under_test import Stack, Volunteer
from tests.travelling import alike

pytestmark = [
    # Prefect's engine leaves connections to its own server to the garbage collector.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"),
]
FEW = 20
FLOWS = int(os.environ.get("NJANGI_DIFFERENTIAL_FLOWS", FEW))
THREADS = {name: task(function, cache_policy=NO_CACHE) for name, function in FUNCTIONS.items()}
VOLUNTEERS = {name: volunteer_task(function) for name, function in FUNCTIONS.items()}


@settings(
    max_examples=FLOWS,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # each example is two whole flow runs
    suppress_health_check=list(HealthCheck),
)
@given(program=programs(3 if FLOWS <= FEW else 5))
async def test_a_flow_gives_the_same_values_on_volunteers_as_in_threads(
    stack: Stack, volunteer: Volunteer, program: Program
) -> None:
    natively = await asyncio.to_thread(flow_of(program, THREADS))
    by_volunteers = await asyncio.to_thread(flow_of(program, VOLUNTEERS))
    note(f"in threads:    {natively!r}")
    note(f"by volunteers: {by_volunteers!r}")
    assert alike(by_volunteers, natively)
