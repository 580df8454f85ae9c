"""Run the service: `python -m api`, configured by the environment (see api.settings)."""

from __future__ import annotations

import asyncio
import resource
import sys
from types import FrameType

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.http.connections import Connection
from api.http.logs import write_logs
from api.routers.live.socket import LARGEST_MESSAGE
from api.services import Services
from api.settings import Settings


class Server(uvicorn.Server):
    """A server that answers those who wait before it closes: an agent's long poll is not cut off, but ended."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_level="warning",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=3,
                ws_max_size=LARGEST_MESSAGE,
                http=Connection,
            )
        )
        self._app = app

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        self._loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        services: Services | None = getattr(self._app.state, "services", None)
        if services is not None:
            self._loop.call_soon_threadsafe(services.leave)


def raise_open_files() -> None:
    """Let the process hold as many connections as it may: each listener is one, and there are thousands."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> int:
    settings = Settings()
    raise_open_files()
    write_logs(settings.log)
    server = Server(create_app(settings), settings)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
