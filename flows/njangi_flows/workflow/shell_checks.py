"""Find in commands that are given as one text what only a shell would understand: no shell runs them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from njangi_flows.workflow.problems import Problem, pointer

_QUOTED = re.compile(r"""\\.|'[^']*'|"(?:\\.|[^"\\])*\"""", re.DOTALL)
_SHELLS_OWN = re.compile(
    r"""(?:^|(?<=\s))(?:\d?>>?(?:&\d)?|<<?|\|\|?|&&?|;)(?=\s|$)  # > file, a | b, a && b; standing alone
      | (?:^|(?<=\s))\d?>>?[\w./]\S*  # >file
      | (?<=[\w)]);(?=\s|$)  # a; b
      | \$\(|`  # what a command prints
      | \$[A-Za-z_]\w*  # a variable
      | (?:^|(?<=\s))[\w./-]*\*[\w./*-]*(?=\s|$)  # *.txt
      | (?:^|(?<=\s))~/\S*""",
    re.VERBOSE,
)


def warnings(document: object) -> Iterator[Problem]:
    """Yield a warning for each command of a document as it was written that looks as if it were for a shell."""
    tasks = document.get("tasks") if isinstance(document, dict) else None
    for index, task in enumerate(tasks if isinstance(tasks, list) else ()):
        command = task.get("command") if isinstance(task, dict) else None
        if isinstance(command, str) and (found := _SHELLS_OWN.search(_QUOTED.sub("''", command))):
            yield Problem.of(pointer("tasks", index, "command"), "no-shell", written=found[0].strip()[:60])
