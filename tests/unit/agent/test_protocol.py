from __future__ import annotations

import json
from typing import Any

import pytest
from njangi_agent.protocol import (
    INLINE_RESULT_BYTES,
    MAX_REPORTS_PER_SYNC,
    OUTPUT_TAIL_BYTES,
    AttemptError,
    File,
    Held,
    Lease,
    Machine,
    Outcome,
    ProtocolError,
    Report,
    SyncAnswer,
    SyncRequest,
    TaskDefinition,
    Verdict,
    machine,
    sync_answer,
    sync_request,
    to_json,
)
from njangi_agent.tails import Written

WRITTEN = Written("out", "é", 4_000_000, 2)


def over_the_wire(message: Any) -> Any:
    return json.loads(json.dumps(to_json(message)))


def test_a_request_arrives_as_it_was_sent() -> None:
    request = SyncRequest(
        slots=2,
        wish=1,
        wait=2.5,
        held=(Held("s1", "t1", 0.5), Held("s4", "t4", None, "[1]"), Held("s5", "t5", None, None, "0" * 64)),
        reports=(
            Report("s2", "t2", Outcome.RETURNED, result="1", size=1, seconds=0.5),
            Report("s3", "t3", Outcome.FAILED, error=AttemptError("TimedOut", "too long"), **vars(WRITTEN)),
        ),
    )
    assert sync_request(over_the_wire(request)) == request


def test_an_answer_arrives_as_it_was_sent() -> None:
    task = TaskDefinition("t", "task", command=["a"], files=(File("f", "0" * 64, 1),))
    leases = (Lease("s", "t", "k", 1, 30.0, {"x": 1}), Lease("s", "t", "k", 2, 30.0, {}, None, '{"at":1}', None))
    answer = SyncAnswer((Verdict.STALE,), ("s9",), (task,), leases, 1.0)
    assert sync_answer(over_the_wire(answer)) == answer


def test_a_machine_arrives_as_it_was_sent() -> None:
    sent = Machine("Linux", "x86_64", "3.11", 4, 8, 9, "bubblewrap", ("one", "two"))
    assert machine(over_the_wire(sent)) == sent


def test_what_an_agent_of_before_wrote_to_standard_error_is_taken_from_its_error() -> None:
    error = {"type": "NonZeroExit", "message": "exit code 1", "stderr": "no such file"}
    body = {"slots": 1, "reports": [{"subtask_id": "s", "token": "t", "outcome": "FAILED", "error": error}]}
    [report] = sync_request(body).reports
    assert (report.stdout, report.stderr, report.stderr_bytes) == ("", "no such file", 12)
    assert report.error == AttemptError("NonZeroExit", "exit code 1")


RETURNED = {"subtask_id": "s", "token": "t", "outcome": "RETURNED"}


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "slots",
        {"slots": -1},
        {"slots": True},
        {"slots": 1.5},
        {"slots": "1"},
        {"slots": 2**63},
        {"slots": 1, "wait": float("nan")},
        {"slots": 1, "wait": "1"},
        {"slots": 1, "wait": float("inf")},
        {"slots": 1, "held": {}},
        {"slots": 1, "held": [[]]},
        {"slots": 1, "held": [{"subtask_id": 1}]},
        {"slots": 1, "held": [{"subtask_id": "s" * 501}]},
        {"slots": 1, "held": [{"subtask_id": "s", "progress": -1}]},
        {"slots": 1, "held": [{"subtask_id": "s", "details": {}}]},
        {"slots": 1, "held": [{"subtask_id": "s", "details": "x" * (INLINE_RESULT_BYTES + 1)}]},
        {"slots": 1, "held": [{"subtask_id": "s", "details_blob": "no hash"}]},
        {"slots": 1, "held": [{"subtask_id": "s", "details": "1", "details_blob": "0" * 64}]},
        {"slots": 1, "reports": "no"},
        {"slots": 1, "reports": [{}] * (MAX_REPORTS_PER_SYNC + 1)},
        {"slots": 1, "reports": [{**RETURNED}]},
        {"slots": 1, "reports": [{**RETURNED, "outcome": ["RETURNED"]}]},
        {"slots": 1, "reports": [{**RETURNED, "outcome": "ACCEPTED"}]},
        {"slots": 1, "reports": [{**RETURNED, "result": 1}]},
        {"slots": 1, "reports": [{**RETURNED, "result": "x" * (INLINE_RESULT_BYTES + 1)}]},
        {"slots": 1, "reports": [{**RETURNED, "blob": "../../etc/passwd"}]},
        {"slots": 1, "reports": [{**RETURNED, "result": "1", "blob": "0" * 64}]},
        {"slots": 1, "reports": [{**RETURNED, "result": "1", "seconds": -1}]},
        {"slots": 1, "reports": [{**RETURNED, "result": "1", "error": "text"}]},
        {"slots": 1, "reports": [{**RETURNED, "result": "1", "token": None}]},
        {"slots": 1, "reports": [{**RETURNED, "result": "1", "stdout": "x" * (OUTPUT_TAIL_BYTES + 1)}]},
        {"slots": 1, "reports": [{**RETURNED, "result": "1", "stderr": 1}]},
        {"slots": 1, "reports": [{**RETURNED, "result": "1", "stderr_bytes": -1}]},
    ],
)
def test_what_is_no_request_is_refused_with_a_reason(body: Any) -> None:
    with pytest.raises(ProtocolError, match=r"must be|has either"):
        sync_request(body)


@pytest.mark.parametrize("body", [None, [], {"os": 1}, {"cpu": "2"}, {"missing": "all"}, {"arch": "a" * 101}])
def test_what_is_no_machine_is_refused(body: Any) -> None:
    with pytest.raises(ProtocolError):
        machine(body)
