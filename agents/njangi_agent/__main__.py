"""The command `njangi-agent`: join a service once, then work for it."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import signal
import sys
from pathlib import Path
from typing import Optional, Sequence

from njangi_agent import __version__, identity
from njangi_agent.cache import Cache
from njangi_agent.errors import AccessRefusedError, AgentError, ServiceUnavailableError
from njangi_agent.executors.reports import Results
from njangi_agent.executors.slot import Slot
from njangi_agent.home import claim
from njangi_agent.identity import Identity
from njangi_agent.logs import fields, logger, start_logging
from njangi_agent.loop import Agent
from njangi_agent.machine import cores, describe
from njangi_agent.sandbox.isolation import Sandbox, detect
from njangi_agent.service.client import Remote
from njangi_agent.service.http_client import HttpService
from njangi_agent.service.spool import Spool

log = logger(__name__)

_REFUSED, _USAGE, _FAILED = 1, 2, 3
_EXAMPLES = """\
examples:
  njangi-agent join https://njangi.example.org --token-file join-token
  njangi-agent join http://127.0.0.1:8400 --token T --name attic --slots 2
  njangi-agent run

`join` enrols this machine once and remembers it in the home folder; `run` works on with what
was remembered. Ctrl-C hands unfinished work back and leaves; a second Ctrl-C leaves at once.

exit codes: 0 left in order, 1 the service refused this machine, 2 wrong usage, 3 anything else
"""


class UsageError(AgentError):
    """The command line asks for something that cannot be done."""


class ServiceNotFoundError(AgentError):
    """Nothing answers at the address that is a Njangi service."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, reason)
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        return f"no Njangi service can be joined at {self.url}: {self.reason}"


def main(arguments: Optional[Sequence[str]] = None) -> int:
    options = _parser().parse_args(arguments)
    start_logging()
    try:
        if os.name != "posix":
            raise UsageError("the agent needs Linux or macOS")
        home: Path = options.home.expanduser().absolute()
        claim(home)
        sandbox = detect(home)
        who = _joined(options, home, sandbox) if options.action == "join" else _remembered(home)
        asyncio.run(_work(who, home, sandbox, options.slots or cores()))
        return 0
    except UsageError as error:
        return _fail(_USAGE, error)
    except AccessRefusedError as error:
        return _fail(_REFUSED, error)
    except (AgentError, OSError) as error:
        return _fail(_FAILED, error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="njangi-agent",
        description="Lend this machine to a Njangi service.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"njangi-agent {__version__}")
    actions = parser.add_subparsers(dest="action", required=True, metavar="join|run")
    join = actions.add_parser("join", help="enrol with a service unless that was done before, then work for it")
    join.add_argument("url", metavar="URL", help="the service, such as https://njangi.example.org")
    join.add_argument("--token", help="the join token that the service's operator gave you")
    join.add_argument("--token-file", type=Path, metavar="F", help="read the join token from this file")
    join.add_argument("--name", default=platform.node(), help="what to call this machine (default: its host name)")
    run = actions.add_parser("run", help="work for the service that was joined before")
    default_home = Path(os.environ.get("NJANGI_AGENT_HOME") or "~/.njangi-agent")
    for action in (join, run):
        action.add_argument("--slots", type=_positive, metavar="N", help="subtasks at a time (default: one per core)")
        action.add_argument(
            "--home",
            type=Path,
            default=default_home,
            metavar="DIR",
            help="where the agent keeps its files (default: $NJANGI_AGENT_HOME or ~/.njangi-agent)",
        )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _joined(options: argparse.Namespace, home: Path, sandbox: Sandbox) -> Identity:
    url = options.url.rstrip("/")
    known = identity.load(home)
    if known is not None and known.url == url:
        return known
    token = options.token
    if options.token_file is not None:
        try:
            token = options.token_file.read_text().strip()
        except OSError as error:
            raise UsageError(f"the token file cannot be read: {error}") from error
    if not token:
        raise UsageError("to join, give the join token with --token or --token-file")
    try:
        service = HttpService(url, token)
    except ValueError as error:
        raise UsageError(str(error)) from error
    try:
        volunteer_id, secret = service.enrol(options.name, describe(home, sandbox))
    except ServiceUnavailableError as error:
        raise ServiceNotFoundError(url, error.reason) from error
    service.close()
    who = Identity(url, volunteer_id, secret)
    identity.save(home, who)
    log.info("enrolled", extra=fields(url=url, volunteer_id=volunteer_id))
    return who


def _remembered(home: Path) -> Identity:
    who = identity.load(home)
    if who is None:
        raise UsageError(f"{home} knows no service yet; use `njangi-agent join URL` first")
    return who


async def _work(who: Identity, home: Path, sandbox: Sandbox, slots: int) -> None:
    remote = Remote(HttpService(who.url, who.secret))
    cache = Cache(home / "cache", remote)
    work = home / "work"
    agent = Agent(remote, [Slot(sandbox, cache, Results(remote), work) for _ in range(slots)], Spool(home / "spool"))
    loop = asyncio.get_running_loop()

    def leave() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            signal.signal(number, lambda *_: os._exit(_FAILED))
        agent.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leave)
    log.info("working", extra=fields(url=who.url, slots=slots, sandbox=sandbox.name))
    for protection in sandbox.missing:
        log.warning("a protection is missing on this machine", extra=fields(missing=protection))
    try:
        await agent.run()
    finally:
        remote.close()


def _fail(code: int, error: Exception) -> int:
    print(f"njangi-agent: {error}", file=sys.stderr)  # noqa: T201 - the answer of a command line
    return code


if __name__ == "__main__":
    sys.exit(main())
