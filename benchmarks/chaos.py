"""Kill the stack's processes and break its agents' network while runs go on, and count what was lost: `make chaos`.

By default what a server has is shaken: MongoDB as a set of three, two replicas of the API, engineers' own flows beside
compiled ones, and now and then the power is cut. With --quick it is the embedded stack: one of each.

Ends with 1 unless every run ended as its shape demands, every subtask was accepted once and every aggregate is right.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import TypeVar

from benchmarks.report import arguments, show
from tests.faults.chaos import Report, Storm, chaos

T = TypeVar("T")

MOST_PROBLEMS_SHOWN = 40


def main() -> int:
    parser = arguments(__doc__ or "")
    parser.add_argument("--runs", type=int, help="how many runs to have made (50; 12 with --quick)")
    parser.add_argument("--seed", type=int, default=1, help="which faults, when, and which runs (%(default)s)")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two kills, about (%(default)s)")
    parser.add_argument("--at-once", type=int, default=12, help="runs under way at a time (%(default)s)")
    parser.add_argument("--members", type=int, help="mongods of a set, killed one at a time (3; 1 with --quick)")
    parser.add_argument("--replicas", type=int, help="of the API, behind one address for agents (2; 1 with --quick)")
    parser.add_argument("--engineers", type=int, help="runs of an engineer's own flow beside them (3; 0 with --quick)")
    parser.add_argument(
        "--power-cuts",
        action=argparse.BooleanOptionalAction,
        help="kill the supervisor with all its processes, too (yes; no with --quick)",
    )
    parser.add_argument("--home", type=Path, help="an empty folder to work in and to keep, with all logs")
    options = parser.parse_args()
    storm = Storm(
        _given(options.runs, 12 if options.quick else 50),
        options.seed,
        every=options.every,
        at_once=options.at_once,
        members=_given(options.members, 1 if options.quick else 3),
        replicas=_given(options.replicas, 1 if options.quick else 2),
        engineers=_given(options.engineers, 0 if options.quick else 3),
        power_cuts=_given(options.power_cuts, not options.quick),
    )
    if options.home is not None:
        report = asyncio.run(chaos(options.home.absolute(), storm, say))
    else:
        with tempfile.TemporaryDirectory(prefix="njangi-chaos-", ignore_cleanup_errors=True) as folder:
            report = asyncio.run(chaos(Path(folder), storm, say))
    return told(report, as_json=options.json)


def _given(value: T | None, otherwise: T) -> T:
    return otherwise if value is None else value


def told(report: Report, *, as_json: bool) -> int:
    """Print a report; return 0 if nothing is wrong."""
    problems = report.audit.problems
    for problem in problems[:MOST_PROBLEMS_SHOWN]:
        print(f"WRONG: {problem}")
    if len(problems) > MOST_PROBLEMS_SHOWN:
        print(f"WRONG: and {len(problems) - MOST_PROBLEMS_SHOWN} more")
    for kind, count in sorted(report.faults.items()):
        print(f"{count:>6}  {kind}")
    show(report.figures(), as_json=as_json)
    return 1 if problems else 0


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
