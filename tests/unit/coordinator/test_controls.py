"""What Prefect's states ask of a run, and what is set there."""

from __future__ import annotations

import pytest

from coordinator.decisions.controls import LATER, Ask, Move, Record, asked, telling

GOING_ON = Record(paused=False, telling=False, told_held=False, must_clean_up=False)
TOLD_HELD = Record(paused=True, telling=False, told_held=True, must_clean_up=False)
TOLD_WAITING = Record(paused=True, telling=False, told_held=False, must_clean_up=False)
TELLING = Record(paused=True, telling=True, told_held=False, must_clean_up=False)


@pytest.mark.parametrize(
    ("type_", "name", "ours", "record", "ask"),
    [
        pytest.param("PAUSED", "Suspended", False, GOING_ON, Ask.PAUSE, id="paused in Prefect"),
        pytest.param("PAUSED", "Paused", True, TOLD_HELD, None, id="our own pause comes back as news"),
        pytest.param(
            "PAUSED", "Paused", True, GOING_ON, Ask.TELL_RESUME, id="a pause of ours set after the resumption"
        ),
        pytest.param("PAUSED", "Paused", True, Record(False, True, False, False), None, id="being resumed"),
        pytest.param("PAUSED", "Suspended", False, TOLD_HELD, Ask.TELL_PAUSE, id="paused there too, in another way"),
        pytest.param("RUNNING", "Running", False, TOLD_HELD, Ask.RESUME, id="resumed in Prefect, its flow alive"),
        pytest.param("SCHEDULED", "Resuming", False, TOLD_WAITING, Ask.RESUME, id="resumed in Prefect, no flow"),
        pytest.param("SCHEDULED", "Resuming", False, TELLING, Ask.RESUME, id="paused and resumed there at once"),
        pytest.param("RUNNING", "Running", False, TOLD_WAITING, Ask.TELL_PAUSE, id="taken up although paused"),
        pytest.param("RUNNING", "Running", False, TELLING, None, id="taken up before it was told"),
        pytest.param("RUNNING", "Running", True, TOLD_HELD, Ask.TELL_PAUSE, id="a resumption of ours, set too late"),
        pytest.param("SCHEDULED", "AwaitingRetry", False, TOLD_HELD, Ask.TELL_PAUSE, id="its worker left"),
        pytest.param("CRASHED", "Crashed", False, TOLD_HELD, None, id="its worker was killed"),
        pytest.param("COMPLETED", "Completed", False, TOLD_HELD, None, id="its last attempts finished it"),
        pytest.param("RUNNING", "Running", False, GOING_ON, None, id="begins"),
        pytest.param("SCHEDULED", "Resuming", False, GOING_ON, None, id="was never paused"),
        pytest.param("CANCELLING", "Cancelling", False, GOING_ON, Ask.CANCEL, id="cancelled in Prefect"),
        pytest.param("CANCELLED", "Cancelled", False, GOING_ON, None, id="nothing to clean up"),
        pytest.param("CANCELLED", "Cancelled", False, Record(False, False, False, True), Ask.CLEAN_UP, id="clean up"),
        pytest.param(
            "COMPLETED",
            "Completed",
            False,
            Record(False, False, False, True, cancelled=True),
            Ask.CLEAN_UP,
            id="its last attempt finished it while it was cancelled",
        ),
        pytest.param(
            "COMPLETED", "Completed", False, Record(False, False, False, True), None, id="no need to clean up"
        ),
    ],
)
def test_what_a_state_asks_of_a_run(type_: str, name: str, ours: bool, record: Record, ask: Ask | None) -> None:
    assert asked(type_, name, ours, record) is ask


@pytest.mark.parametrize(
    ("tell", "type_", "held", "move"),
    [
        pytest.param("PAUSE", "RUNNING", True, Move("PAUSED", "Paused", force=False), id="Prefect refuses if it ended"),
        pytest.param("PAUSE", "SCHEDULED", False, Move("PAUSED", "Paused"), id="no worker takes it up"),
        pytest.param("PAUSE", "PENDING", False, LATER, id="a worker is taking it up"),
        pytest.param("PAUSE", "COMPLETED", False, None, id="too late to pause"),
        pytest.param("RESUME", "PAUSED", True, Move("RUNNING", "Running"), id="its flow waits"),
        pytest.param("RESUME", "PAUSED", False, Move("SCHEDULED", "Resuming"), id="a worker has to take it up"),
        pytest.param("RESUME", "CRASHED", False, Move("SCHEDULED", "Resuming"), id="it crashed while paused"),
        pytest.param("RESUME", "CANCELLED", False, Move("SCHEDULED", "Resuming"), id="to clean up"),
        pytest.param("RESUME", "RUNNING", True, None, id="was resumed in Prefect"),
        pytest.param("REOPEN", "FAILED", False, Move("SCHEDULED", "AwaitingRetry"), id="begins again"),
        pytest.param("REOPEN", "SCHEDULED", False, None, id="told before, the reply was lost"),
        pytest.param("REOPEN", "RUNNING", True, None, id="taken up already"),
        pytest.param("REOPEN", "RUNNING", False, Move("SCHEDULED", "AwaitingRetry"), id="its old flow was fenced off"),
        pytest.param("FAIL", "RUNNING", False, Move("FAILED", "Failed"), id="missed its deadline"),
        pytest.param("FAIL", "COMPLETED", False, None, id="has ended there"),
        pytest.param("RESUME", "COMPLETED", False, Move("SCHEDULED", "Resuming"), id="it ended before cleaning up"),
        pytest.param("CANCEL", "COMPLETED", False, Move("CANCELLED", "Cancelled"), id="cancelled as it completed"),
        pytest.param("CANCEL", "CANCELLED", False, None, id="heard of it in time"),
        pytest.param("COMPLETE", "FAILED", False, Move("COMPLETED", "Completed"), id="its second copy failed"),
        pytest.param("COMPLETE", "RUNNING", False, None, id="its second copy goes on"),
    ],
)
def test_what_prefect_is_told(tell: str, type_: str, held: bool, move: Move | None) -> None:
    assert telling(tell, type_, held) == move
