"""Start the whole service on this machine: `python -m stack up`, or show what it does: `python -m stack demo`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
from njangi_agent import __version__
from njangi_flows.cli.failures import CommandError

from stack import demo
from stack.errors import StackError
from stack.settings import StackSettings, usual_or_free
from stack.supervisor import Stack
from stack.welcome import invitation_link
from storage.errors import NjangiError


def main(arguments: Sequence[str] | None = None) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    parser = argparse.ArgumentParser(prog=_program(), description="the whole service on this machine")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything and keep it running until Ctrl-C")
    add_settings(up)
    show = commands.add_parser("demo", help="start everything, run two workflows on local agents, check their answers")
    add_settings(show)
    show.set_defaults(home=Path(".njangi") / "demo", port=0, prefect_port=0, agents=demo.AGENTS)
    options = parser.parse_args(arguments)
    try:
        settings = settings_from(options)
        if options.command == "demo":
            asyncio.run(demo.demo(settings.resolved(), say))
            return 0
        return asyncio.run(run_up(settings))
    except (StackError, NjangiError, CommandError, demo.DemoFailedError, httpx.HTTPError) as error:
        say(str(error), to_errors=True)
        return 1
    except KeyboardInterrupt:
        say("stopped before the end", to_errors=True)
        return 130


def _program() -> str:
    """Return what this command is called: `njangi-server` where the service is installed."""
    name = Path(sys.argv[0]).name
    return name if name == "njangi-server" else "python -m stack"


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the options of one stack to a command."""
    known = StackSettings()
    parser.add_argument("--agents", type=int, default=known.agents, help="volunteers' agents to run on this machine")
    parser.add_argument("--home", type=Path, default=known.home, help="where all data is kept (%(default)s)")
    parser.add_argument(
        "--host",
        default=known.host,
        help="the address on which API and console listen (%(default)s; 0.0.0.0: for other machines too)",
    )
    parser.add_argument("--port", type=int, default=known.port, help="of the API and console (%(default)s)")
    parser.add_argument(
        "--prefect-port",
        type=int,
        help=f"of the Prefect server and its UI ({known.prefect_port}, or any free one where that is taken)",
    )
    parser.add_argument(
        "--without", action="append", default=[], metavar="NAME", help="a process not to start, e.g. python-worker"
    )


def settings_from(options: argparse.Namespace) -> StackSettings:
    """Return what the command line and MONGODB_URI ask for.

    A Prefect server that somebody runs for other work keeps its usual port.
    """
    prefect_port = options.prefect_port
    if prefect_port is None:
        prefect_port = usual_or_free(StackSettings().prefect_port)
        if prefect_port != StackSettings().prefect_port:
            say(f"port {StackSettings().prefect_port} is taken: our Prefect server uses {prefect_port}")
    return StackSettings(
        home=options.home,
        host=options.host,
        port=options.port,
        prefect_port=prefect_port,
        agents=options.agents,
        without=frozenset(options.without),
        mongodb_uri=os.environ.get("MONGODB_URI") or None,
    )


async def run_up(settings: StackSettings) -> int:
    """Run the stack until SIGINT or SIGTERM, which are heard from the first moment on."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stack = Stack(settings, say)
    say(f"starting on {stack.settings.home}")
    starting = asyncio.create_task(stack.start())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([starting, stopped], return_when=asyncio.FIRST_COMPLETED)
    try:
        if starting.done():
            starting.result()
            invitation = await invitation_link(stack.settings) if "api" in stack.names else None
            say(where(stack.settings, invitation))
            await stopped
        say("stopping")
    finally:
        stopped.cancel()
        starting.cancel()
        await asyncio.gather(starting, stopped, return_exceptions=True)
        await stack.stop()
    say("stopped; the data is kept")
    return 0


def where(settings: StackSettings, invitation: str | None = None) -> str:
    """Return where to look now, for people; `invitation` leads the first admin in."""
    first = [
        f"  first admin      {invitation}",
        "                   (choose name and password there; good once, 3 days)",
    ]
    return "\n".join(
        [
            "",
            f"  console          {settings.url}/",
            *(first if invitation is not None else []),
            f"  API              {settings.url}/v1",
            f"  documentation    {settings.url}/docs",
            f"  API reference    {settings.url}/openapi.json",
            f"  Prefect          {settings.prefect_url}",
            f"  tokens           {settings.home / 'tokens'}",
            f"  logs             {settings.home / 'logs'}",
            "",
            "Ctrl-C stops everything.",
        ]
    )


def say(line: str, *, to_errors: bool = False) -> None:
    (sys.stderr if to_errors else sys.stdout).write(line + "\n")
    (sys.stderr if to_errors else sys.stdout).flush()


if __name__ == "__main__":
    sys.exit(main())
