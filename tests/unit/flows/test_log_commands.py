"""`njangi logs`, on lines as the service tells them."""

from __future__ import annotations

from njangi_flows.cli.commands.outputs import lines

LOG = {"subtask_id": "r1/t/3", "attempt": 1, "volunteer_id": "v1", "outcome": "FAILED"}


def test_both_streams_are_shown_with_how_much_of_them_is_kept() -> None:
    told = {"stdout": "a\tb\nc\n", "stderr": "why\x1b[2J\n", "stdout_bytes": 3_000_000, "stderr_bytes": 8}
    assert lines({**LOG, **told, "stdout_is_result": False}).splitlines() == [
        "--- r1/t/3, attempt 1 by v1: FAILED",
        "standard output, the last 64 KiB of 3,000,000 bytes:",
        "a\tb",
        "c",
        "standard error:",
        "why\ufffd[2J",
    ]


def test_standard_output_that_is_the_result_is_said_to_be_that() -> None:
    told = {"stdout": None, "stderr": "careful\n", "stdout_bytes": 5, "stderr_bytes": 8}
    assert lines({**LOG, **told, "stdout_is_result": True}).splitlines()[-1] == "standard output is the result"
