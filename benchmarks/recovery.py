"""How long until work goes on after kill -9 of each part of the embedded stack, with nobody there to help.

Of the flow worker, the API, MongoDB and the whole machine: until a subtask is accepted that was queued after
the kill. Of an agent: until what it held is back in the queue. Of Prefect: how many of the runs submitted just
before and during its absence did not complete. Medians.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.report import Figures, arguments, show
from stack.settings import CHECKOUT, Settings
from stack.supervisor import Stack
from tests.end_to_end.submitting import ENDED, Submitter, python
from tests.faults.audit import accepted_and_late, events

HEARTBEAT_SECONDS = 5
LONGEST_SECONDS = 180.0
LOOK_SECONDS = 0.2
LINKS = 400
