"""Let a function import modules among its task's files, and packages that are installed on the machine.

The interpreter in the sandbox starts without `site`, whose search takes longer than many a call. Only when an import
finds nothing are the task's folder and those of installed packages added to the search path. Used by `zygote`;
imports nothing of the agent.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import List, Optional, Sequence


class Installed:
    """The last place that an import looks in. Make it in the task's folder."""

    def __init__(self) -> None:
        self._own = os.getcwd()
        self._packages: Optional[List[str]] = None
        sys.dont_write_bytecode = True  # a call finds its input files in its folder, and nothing else

    def find_spec(
        self, name: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        if path is not None:
            return None  # part of a package that was found already
        missing = [folder for folder in self._folders() if folder not in sys.path]
        if not missing:
            return None
        sys.path.extend(missing)
        return PathFinder.find_spec(name, None, target)

    def _folders(self) -> List[str]:
        if self._packages is None:
            import site

            before = list(sys.path)
            for folder in site.getsitepackages():
                site.addsitedir(folder)
            self._packages = [folder for folder in sys.path if folder not in before]
            sys.path[:] = before
        return [self._own, *self._packages]
