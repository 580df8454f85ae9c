"""Remove everything that a task left, without following links; no permission and no depth stops it.

Works from open folders only, never by a path that a task could redirect meanwhile. Imports nothing of the agent: the
interpreter in the sandbox gets this source, too.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Any, Dict, List, Sequence, Tuple

Tree = Dict[str, Any]
"""What is in a folder by name: None for a file, for a folder what is in it."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PATH_ONLY = getattr(os, "O_PATH", None)


def open_folder(name: str, within: int) -> int:
    """Open the folder `name` of the open folder `within`, made accessible. Raises OSError; a link is no folder."""
    try:
        handle = os.open(name, _FOLDER, dir_fd=within)
    except PermissionError:
        _permit(name, within)
        handle = os.open(name, _FOLDER, dir_fd=within)
    with contextlib.suppress(OSError):
        os.fchmod(handle, 0o700)
    return handle


def remove(name: str, within: int) -> bool:
    """Remove `name` from the open folder `within`; return whether it is gone. Nothing there is fine."""
    try:
        os.unlink(name, dir_fd=within)
        return True
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in (errno.EISDIR, errno.EPERM):  # how Linux and macOS say that it is a folder
            return False
    try:
        top = open_folder(name, within)
    except OSError:
        return False
    try:
        _clear(top)
    finally:
        os.close(top)
    try:
        os.rmdir(name, dir_fd=within)
        return True
    except OSError:
        return False


def tree(files: Sequence[str]) -> Tree:
    """Return a folder with these files, whose names may lead into further folders."""
    found: Tree = {}
    for name in files:
        *folders, last = name.split("/")
        place = found
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = None
    return found


def empty(folder: int, keep: Tree) -> bool:
    """Remove all but `keep` from an open folder; return whether nothing else is there now."""
    done = True
    for name in os.listdir(folder):
        inner = keep.get(name, keep)
        if inner is keep:
            done = remove(name, folder) and done
        elif inner is not None:
            try:
                handle = open_folder(name, folder)
            except OSError:
                done = False
                continue
            try:
                done = empty(handle, inner) and done
            finally:
                os.close(handle)
    return done


def _clear(top: int) -> None:
    """Empty an open folder. What is deep is first moved up to it, so that depth costs neither stack nor descriptors."""
    waiting, number = _remove_files(top, top, 0)
    while waiting:
        name = waiting.pop()
        try:
            folder = open_folder(name, top)
        except OSError:
            continue
        try:
            found, number = _remove_files(folder, top, number)
        finally:
            os.close(folder)
        waiting += found
        with contextlib.suppress(OSError):
            os.rmdir(name, dir_fd=top)


def _remove_files(folder: int, top: int, number: int) -> Tuple[List[str], int]:
    """Remove the files of a folder and move its folders to `top`; return their names there and the next free number."""
    moved: List[str] = []
    for name in os.listdir(folder):
        try:
            os.unlink(name, dir_fd=folder)
            continue
        except OSError:
            pass
        try:
            os.close(open_folder(name, folder))  # moving a folder needs the right to write in it
        except OSError:
            continue
        while True:
            place = f".removed-{number}"
            number += 1
            try:
                os.rename(name, place, src_dir_fd=folder, dst_dir_fd=top)
                moved.append(place)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    continue  # the task took that name
            break
    return moved, number


def _permit(name: str, within: int) -> None:
    if _PATH_ONLY is None:
        os.chmod(name, 0o700, dir_fd=within, follow_symlinks=False)
        return
    handle = os.open(name, _PATH_ONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
    try:
        os.chmod(f"/proc/self/fd/{handle}", 0o700)
    finally:
        os.close(handle)
