"""Print docs/cli.md: what each command's --help says, for reading elsewhere than in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from njangi_flows.cli.app import HELP, app

HEAD = """# The `njangi` command

Written by `make cli-docs` from what `njangi COMMAND --help` says.

{help}
Every command takes `--url` and `--token`. Without them the service is that of NJANGI_URL, else http://127.0.0.1:8400,
and the token that of NJANGI_TOKEN, else of `njangi login`, else in `./.njangi/tokens/admin`. `-o json` and `-o yaml`
show an answer as the API gave it, whole; the table is for people and may change.

`njangi --install-completion` lets bash, zsh or fish complete commands, options and the ids of runs and workflows, in a
new shell; `njangi --show-completion` only prints what it would install.
"""
_COMMON = ("url", "token", "output", "help")


def text() -> str:
    """Return the whole page."""
    return HEAD.format(help=HELP) + "".join(_sections("njangi", typer.main.get_command(app)))


def _sections(path: str, command: object) -> Iterator[str]:
    if isinstance(command, TyperGroup):
        for name in sorted(command.commands):
            yield from _sections(f"{path} {name}", command.commands[name])
    elif isinstance(command, TyperCommand):
        arguments = [item for item in command.params if isinstance(item, TyperArgument)]
        options = [item for item in command.params if isinstance(item, TyperOption) and item.name not in _COMMON]
        yield f"\n## {' '.join([path, *map(_name, arguments)])}\n\n{_words(command.help or '')}\n"
        rows = [(_name(item), item.help) for item in arguments if item.help]
        rows += [(", ".join([*item.opts, *item.secondary_opts]), item.help) for item in options if item.help]
        if rows:
            yield "\n" + "".join(f"- `{name}`: {told}\n" for name, told in rows)


def _name(argument: TyperArgument) -> str:
    return str(argument.metavar or argument.name)


def _words(told: str) -> str:
    """Return a help text as Markdown, its example as code."""
    said, _, example = told.partition("Example: ")
    return said.strip() + (f"\n\n    {example.strip()}" if example else "")


if __name__ == "__main__":
    sys.stdout.write(text())
