"""Prints docs/reference/commands.md, the list of all commands: `python -m mahnwerk.cli.page`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

import typer

from mahnwerk.cli.main import COMMANDS, app

EVERYWHERE: Final = {"--book", "--actor", "--json", "--help"}
_INTRODUCTION: Final = """\
# Commands

*Generated from `src/mahnwerk/cli` by `python -m mahnwerk.cli.page`; a test keeps it current.*

`--help` behind each explains its arguments and options, with examples. Most take `--book` (which book) and
`--json` (one JSON value on the standard output), those that record something `--actor` (who does it).
[Operating](../operate.md#each-day) has the exit codes.

| command | what it does | options |
|---|---|---|"""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its words, such as `fact add`, in the order of `--help`."""
    root: Any = typer.main.get_command(app)
    for name in COMMANDS:
        command = root.get_command(None, name)
        inner = getattr(command, "commands", {})
        if not inner or command.invoke_without_command:
            yield name, command
        yield from ((f"{name} {word}", one) for word, one in inner.items())


def render() -> str:
    """The page."""
    return "\n".join([_INTRODUCTION, *(_row(words, command) for words, command in commands()), ""])


def _row(words: str, command: Any) -> str:
    shown = ["mahnwerk", words]
    options = []
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            name = (parameter.metavar or parameter.name).upper() + ("…" if parameter.nargs == -1 else "")
            shown.append(name if parameter.required else f"[{name}]")
        elif parameter.opts[0] not in EVERYWHERE:
            options.append(f"`{parameter.opts[0]}`")
    first = command.help.split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
    return f"| `{' '.join(shown)}` | {first} | {', '.join(options)} |"


if __name__ == "__main__":
    sys.stdout.write(render())
