"""How subtasks and batches look as documents: into a collection and out again.

mongomock serves here because nothing but the mapping is looked at; whatever depends on the server's own
behaviour (transactions, pipelines, several writers) meets the real one in tests/integration/storage.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import mongomock
import pytest
from njangi_agent.protocol import AttemptError, Outcome, Report

from storage.subtasks import changes, documents
from storage.subtasks.models import (
    MAX_LOSSES,
    REMEMBERED_ATTEMPTS,
    NewBatch,
    NewSubtask,
    SubtaskStatus,
    TaskKey,
    VolunteerReport,
)
from tests.conftest import NOON

TASK = TaskKey(run_id="r1", workflow_id="w1", name="factor", priority=50, cpu=1.5, memory=2**28, storage=2**20)
BATCH = NewBatch(3, [NewSubtask(7, '{"p":11}'), NewSubtask(8, None, "ab" * 32)])
MINUTE = timedelta(minutes=1)


@pytest.fixture
def tasks() -> Iterator[Any]:
    client: Any = mongomock.MongoClient(tz_aware=True)
    yield client["njangi"]["tasks"]
    client.close()


def stored(tasks: Any, new: NewSubtask) -> Any:
    tasks.insert_one(documents.queued(TASK, BATCH, new, NOON, 0))
    return tasks.find_one({"_id": f"r1/factor/{new.index}"})


def lent(tasks: Any, new: NewSubtask) -> Any:
    id_ = stored(tasks, new)["_id"]
    lease = {"token": "t-7", "by": "v1", "from": NOON, "until": NOON + MINUTE}
    tasks.update_one({"_id": id_}, {"$set": {"status": "LEASED", "lease": lease, "assigned_to": "v1"}})
    return tasks.find_one({"_id": id_})


def test_a_queued_subtask_reads_back_as_it_was_put(tasks: Any) -> None:
    subtask = documents.subtask(stored(tasks, BATCH.subtasks[0]))
    assert (subtask.id, subtask.run_id, subtask.task, subtask.index) == ("r1/factor/7", "r1", "factor", 7)
    assert (subtask.batch, subtask.status, subtask.attempt) == ("r1/factor/b3", SubtaskStatus.QUEUED, 0)
    assert (subtask.attempts, subtask.result, subtask.blob, subtask.error) == ([], None, None, None)
    assert subtask.updated_at == NOON and subtask.updated_at.tzinfo is not None


def test_a_task_s_documents_have_the_fields_that_its_readers_were_promised(tasks: Any) -> None:
    document = stored(tasks, BATCH.subtasks[0])
    promised = {"_id", "workflow_id", "name", "parameters", "status", "parent_task_id", "is_subtask", "progress"}
    assert promised <= document.keys()
    assert (document["is_subtask"], document["parent_task_id"]) == (True, "r1/factor")


def test_large_parameters_are_named_and_not_held(tasks: Any) -> None:
    document = stored(tasks, BATCH.subtasks[1])
    assert document["parameters_blob"] == "ab" * 32
    assert "parameters" not in document


def test_a_batch_begins_with_all_of_its_subtasks_queued(tasks: Any) -> None:
    tasks.database["batches"].insert_one(documents.opened(TASK, BATCH, NOON, owner="ada", lending=True, generation=0))
    batch = documents.batch(tasks.database["batches"].find_one({"_id": "r1/factor/b3"}))
    assert (batch.total, batch.queued, batch.leased, batch.completed, batch.settled) == (2, 2, 0, 0, False)


def test_a_failed_attempt_is_kept_with_its_reason(tasks: Any) -> None:
    document = lent(tasks, BATCH.subtasks[0])
    error = AttemptError("NonZeroExit", "exit code 3")
    report = Report("r1/factor/7", "t-7", Outcome.FAILED, error=error, stderr="no such table")
    status, change = changes.not_returned(document, VolunteerReport("v1", report), NOON + MINUTE)
    tasks.update_one({"_id": document["_id"]}, change)
    subtask = documents.subtask(tasks.find_one({"_id": document["_id"]}))
    assert status is subtask.status is SubtaskStatus.FAILED
    [attempt] = subtask.attempts
    assert (attempt.volunteer_id, attempt.outcome, attempt.ended_at) == ("v1", "FAILED", NOON + MINUTE)
    assert subtask.error == {"type": "NonZeroExit", "message": "exit code 3", "stderr": "no such table"}


def test_a_machine_that_refuses_a_subtask_is_remembered_and_the_subtask_goes_back(tasks: Any) -> None:
    document = lent(tasks, BATCH.subtasks[0])
    report = Report("r1/factor/7", "t-7", Outcome.REFUSED, error=AttemptError("CannotStart", "no sandbox"))
    status, change = changes.not_returned(document, VolunteerReport("v1", report), NOON)
    tasks.update_one({"_id": document["_id"]}, change)
    after = tasks.find_one({"_id": document["_id"]})
    assert (status, after["status"], after["refused_by"]) == (SubtaskStatus.QUEUED, "QUEUED", ["v1"])
    assert "lease" not in after and "assigned_to" not in after


@pytest.mark.parametrize(
    ("losses", "outcome", "status"),
    [
        pytest.param(0, "EXPIRED", SubtaskStatus.QUEUED, id="lent again"),
        pytest.param(MAX_LOSSES - 1, "EXPIRED", SubtaskStatus.DEAD, id="lost too often"),
        pytest.param(MAX_LOSSES - 1, Outcome.HANDED_BACK, SubtaskStatus.QUEUED, id="handed back is no loss"),
    ],
)
def test_a_lost_subtask_is_lent_again_until_it_was_lost_too_often(
    tasks: Any, losses: int, outcome: str, status: SubtaskStatus
) -> None:
    document = lent(tasks, BATCH.subtasks[0])
    where, change = changes.lost({**document, "losses": losses}, outcome, None, NOON)
    tasks.update_one({"_id": document["_id"]}, change)
    assert where is documents.subtask(tasks.find_one({"_id": document["_id"]})).status is status


@pytest.mark.parametrize(
    ("volunteer", "token", "holds"),
    [("v1", "t-7", True), ("v2", "t-7", False), ("v1", "t-8", False)],
    ids=["its own", "another's", "an older one"],
)
def test_only_the_lease_s_own_volunteer_and_token_hold_a_subtask(
    tasks: Any, volunteer: str, token: str, holds: bool
) -> None:
    assert changes.holds(lent(tasks, BATCH.subtasks[0]), volunteer, token) is holds


def test_what_is_long_of_an_attempt_takes_the_place_of_what_its_subtask_forgot() -> None:
    subtask = {"_id": "r1/t/7", "parent_task_id": "r1/t", "index": 7}
    report = Report("r1/t/7", "token", Outcome.FAILED, stderr="x" * 5000, stderr_bytes=5000)
    logs = [changes.log({**subtask, "attempt": number}, report) for number in range(1, REMEMBERED_ATTEMPTS + 2)]
    ids = [log["_id"] for log in logs if log is not None]
    assert len(set(ids)) == REMEMBERED_ATTEMPTS
    assert ids[0] == ids[-1]
    assert changes.log({**subtask, "attempt": 1}, Report("r1/t/7", "token", Outcome.FAILED, stderr="short")) is None


def test_an_attempt_of_before_standard_output_was_kept_is_read_as_it_was() -> None:
    ended = {"volunteer": "v1", "token": "t", "from": NOON, "to": NOON}
    returned = {**ended, "outcome": "RETURNED", "stderr": "careful"}
    failed = {**ended, "outcome": "FAILED", "error": {"type": "E", "message": "m", "stderr": "why"}}
    assert documents.attempt(returned).wrote.stderr == "careful"
    assert documents.attempt(failed).wrote.stderr == "why"
