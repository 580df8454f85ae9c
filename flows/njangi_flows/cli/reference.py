"""Print docs/cli.md: the help of every command as one page."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from njangi_flows.cli.app import HELP, app

HEAD = """# The `njangi` command

`make cli-docs` writes this page from the help texts: `njangi COMMAND --help` says the same.

{help}
Every command takes `--url` and `--token`. Without `--url` the service is at NJANGI_URL, else at http://127.0.0.1:8400.
Without `--token` the token is NJANGI_TOKEN, else that of `njangi login`, else that in `./.njangi/tokens/admin`.
`-o json` and `-o yaml` show the whole answer of the API; the table is for people and may change.

If the service is away or busy, a command says so on standard error and tries again for up to 60 seconds, with
`--watch` and `--follow` for up to 10 minutes. If nothing has answered at the address yet, it gives up after about
3 seconds. Repeated calls do no harm: the service does each of them once. Ctrl-C ends a command at once.

After `njangi --install-completion`, new shells (bash, zsh or fish) complete commands, options and the ids of runs and
workflows. `njangi --show-completion` only prints what it would install. `njangi --version` prints the version.
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
