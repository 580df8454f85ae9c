from __future__ import annotations

import json
from typing import Any

import pytest
from njangi_agent.output_tails import Written
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
        {"slots": 1, "reports": "no"},
        {"slots": 1, "reports": [{}] * (MAX_REPORTS_PER_SYNC + 1)},
    ],
)
def test_what_is_no_request_is_refused_with_a_reason(body: Any) -> None:
    with pytest.raises(ProtocolError, match=r"must be|has either"):
        sync_request(body)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({}, "either result or blob"),
        ({"outcome": ["RETURNED"]}, "outcome must be"),
        ({"outcome": "ACCEPTED"}, "outcome must be"),
        ({"result": 1}, "result must be"),
        ({"result": "x" * (INLINE_RESULT_BYTES + 1)}, "result must be"),
        ({"result": "nonsense"}, "not JSON"),
        ({"result": "[NaN]"}, "finite"),
        ({"result": "1e400"}, "finite"),
        ({"result": "9" * 4301}, "4300 digits"),
        ({"result": '"\\ud800"'}, "surrogate"),
        ({"result": "[" * 65 + "]" * 65}, "nested deeper"),
        ({"result": '{"a":1,"a":2}'}, "twice"),
        ({"blob": "../../etc/passwd"}, "blob must be"),
        ({"result": "1", "blob": "0" * 64}, "either result or blob"),
        ({"result": "1", "seconds": -1}, "seconds must be"),
        ({"result": "1", "seconds": float("nan")}, "seconds must be"),
        ({"result": "1", "error": "text"}, "error must be"),
        ({"result": "1", "stdout": "x" * (OUTPUT_TAIL_BYTES + 1)}, "stdout must be"),
        ({"result": "1", "stderr": 1}, "stderr must be"),
        ({"result": "1", "stderr_bytes": -1}, "stderr_bytes must be"),
    ],
)
def test_one_bad_report_becomes_a_failure_with_the_reason_and_the_others_stay(more: Any, why: str) -> None:
    good = {**RETURNED, "subtask_id": "good", "token": "k", "result": "1"}
    first, bad, last = sync_request({"slots": 1, "reports": [good, {**RETURNED, **more}, good]}).reports
    assert first == last == Report("good", "k", Outcome.RETURNED, result="1")
    assert (bad.subtask_id, bad.token, bad.outcome) == ("s", "t", Outcome.FAILED)
    assert bad.error is not None
    assert bad.error.type == "ReportNotTaken"
    assert why in bad.error.message


@pytest.mark.parametrize(
    "item",
    [
        None,
        [],
        "report",
        {"subtask_id": 1, "token": None},
        {**RETURNED, "token": 7},
        {**RETURNED, "result": "1", "subtask_id": "s\ud800", "token": "\udfff"},
    ],
)
def test_a_report_of_no_known_attempt_keeps_its_place_and_is_nobodys(item: Any) -> None:
    request = sync_request({"slots": 1, "reports": [item], "held": [item]})
    [report] = request.reports
    assert not report.token
    assert report.outcome is Outcome.FAILED
    assert not request.held


def test_words_that_are_no_text_are_shown_and_travel() -> None:
    error = {"type": "Caf\udce9", "message": "a\0b \ud83d\ude00"}
    item = {"subtask_id": "s", "token": "t", "outcome": "FAILED", "error": error, "stderr": "x\udcff\0"}
    [report] = sync_request({"slots": 1, "reports": [item]}).reports
    assert report.error == AttemptError("Caf\ufffd", "a\u2400b \U0001f600")
    assert report.stderr == "x\ufffd\u2400"


@pytest.mark.parametrize(
    "more",
    [
        {"progress": -1},
        {"progress": float("nan")},
        {"details": {}},
        {"details": "x" * (INLINE_RESULT_BYTES + 1)},
        {"details": "NaN"},
        {"details": "9" * 4301},
        {"details_blob": "no hash"},
        {"details": "1", "details_blob": "0" * 64},
    ],
)
def test_a_heartbeat_counts_although_what_comes_with_it_does_not(more: Any) -> None:
    body = {"slots": 1, "held": [[], {"subtask_id": 1}, {"subtask_id": "s", "token": "t", **more}, None]}
    assert sync_request(body).held == (Held("s", "t"),)


@pytest.mark.parametrize("details", ["2" * 4300, '"\\u0000"', "[" * 64 + "]" * 64], ids=["digits", "NUL", "depth"])
def test_what_the_dialect_carries_travels_as_a_result_and_with_a_heartbeat(details: str) -> None:
    held = {"subtask_id": "s", "token": "t", "details": details}
    request = sync_request({"slots": 1, "held": [held], "reports": [{**RETURNED, "result": details}]})
    assert request.held == (Held("s", "t", details=details),)
    assert request.reports == (Report("s", "t", Outcome.RETURNED, result=details),)


@pytest.mark.parametrize("body", [None, [], {"os": 1}, {"cpu": "2"}, {"missing": "all"}, {"arch": "a" * 101}])
def test_what_is_no_machine_is_refused(body: Any) -> None:
    with pytest.raises(ProtocolError):
        machine(body)
