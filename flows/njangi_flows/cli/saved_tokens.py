"""The tokens of `njangi login`, one for each service, in a file of the user."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from njangi_flows.cli.failures import WrongUsageError


def place() -> Path:
    """Return the file: `njangi/tokens.json` in XDG_CONFIG_HOME, else in ~/.config."""
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "njangi" / "tokens.json"


def token_for(url: str) -> str | None:
    """Return the token for the service at `url`, None without one."""
    return _read().get(_key(url), {}).get("token")


def token_id_for(url: str) -> str | None:
    return _read().get(_key(url), {}).get("id")


def remember(url: str, name: str, token_id: str, token: str) -> None:
    """Save a token in a file that only its owner can read. The file is never half written."""
    _write(_read() | {_key(url): {"name": name, "id": token_id, "token": token}})


def forget(url: str) -> None:
    kept = _read()
    if kept.pop(_key(url), None) is not None:
        _write(kept)


def _key(url: str) -> str:
    return url.rstrip("/")


def _read() -> dict[str, dict[str, str]]:
    try:
        found: Any = json.loads(place().read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise WrongUsageError(f"{place()} cannot be read: {error}; remove it and sign in again") from error
    return found if isinstance(found, dict) else {}


def _write(tokens: dict[str, dict[str, str]]) -> None:
    file = place()
    unfinished = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            json.dump(tokens, out, indent=2)
        unfinished.replace(file)
    except OSError as error:
        raise WrongUsageError(f"{file} cannot be written: {error.strerror or error}") from error
