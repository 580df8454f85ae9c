"""One line per event on standard error: time, level, a fixed sentence, the particulars as name=value."""

from __future__ import annotations

import json
import logging
from typing import Any, Dict


def logger(name: str) -> logging.Logger:
    return logging.getLogger(name)


def fields(**particulars: Any) -> Dict[str, Any]:
    """Return the `extra` of a log call."""
    return {"particulars": particulars}


def start_logging(level: int = logging.INFO) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_Line())
    logging.basicConfig(level=level, handlers=[handler])
    logging.getLogger("asyncio").setLevel(logging.WARNING)


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        particulars: Dict[str, Any] = getattr(record, "particulars", {})
        words = [self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"), record.levelname.lower(), record.getMessage()]
        words += [f"{name}={json.dumps(value, default=str)}" for name, value in particulars.items()]
        if record.exc_info:
            words.append(f"trace={json.dumps(self.formatException(record.exc_info))}")
        return " ".join(words)
