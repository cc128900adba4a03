"""The command line: which commands there are, and what the shell is told when one refuses.

Commands are imported when they are called, so that the calculators under `mahnwerk law` start
without the database.

Exit codes: 0 done · 1 done, but something needs a person (rejected rows, failed or uncertain
sending, a check that found something) · 2 what was asked cannot be read or found · 3 a gap in the
law · 4 refused, because going on could lose or double something · 5 a defect of the program.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from typing import Any, Final

import typer
import typer.core

EXIT_NEEDS_PERSON: Final = 1
EXIT_USAGE: Final = 2
EXIT_LAW_GAP: Final = 3
EXIT_REFUSED: Final = 4
EXIT_DEFECT: Final = 5

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "run": ("mahnwerk.cli.run", "run"),
    "creditor": ("mahnwerk.cli.creditor", "app"),
    "import": ("mahnwerk.cli.imports", "import_files"),
    "run-day": ("mahnwerk.cli.run", "run_day"),
    "send": ("mahnwerk.cli.run", "send"),
    "cases": ("mahnwerk.cli.cases", "cases"),
    "statement": ("mahnwerk.cli.cases", "statement"),
    "why": ("mahnwerk.cli.cases", "why"),
    "ageing": ("mahnwerk.cli.ageing", "ageing"),
    "fact": ("mahnwerk.cli.facts", "app"),
    "bank": ("mahnwerk.cli.bank", "app"),
    "match": ("mahnwerk.cli.matching", "app"),
    "provider": ("mahnwerk.cli.provider", "app"),
    "plan": ("mahnwerk.cli.plans", "app"),
    "direct-debit": ("mahnwerk.cli.direct_debits", "app"),
    "mandate": ("mahnwerk.cli.direct_debits", "mandates"),
    "person": ("mahnwerk.cli.persons", "app"),
    "procedure": ("mahnwerk.cli.procedure", "app"),
    "check": ("mahnwerk.cli.checks", "check"),
    "journal": ("mahnwerk.cli.journal", "app"),
    "payout": ("mahnwerk.cli.payouts", "app"),
    "refund": ("mahnwerk.cli.refunds", "app"),
    "law": ("mahnwerk.cli.law", "app"),
}
"""Name of each command → the module that holds it and its function or group there."""


class Commands(typer.core.TyperGroup):
    """Imports a command when it is asked for; turns what a use case refuses into words and a code."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[arg-type]

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        if self.commands[cmd_name] is None:
            module, attribute = COMMANDS[cmd_name]
            self.commands[cmd_name] = _command(getattr(importlib.import_module(module), attribute), cmd_name)
        return self.commands[cmd_name]

    def invoke(self, ctx: Any) -> Any:
        as_json = "--json" in [*ctx._protected_args, *ctx.args]
        try:
            return super().invoke(ctx)
        except Exception as error:
            problem, remedy, code = _explain(error)
            _tell(problem, remedy, code, as_json)
            raise typer.Exit(code) from error


def _command(target: Any, name: str) -> Any:
    if isinstance(target, typer.Typer):
        target._add_completion = False  # a group alone is no program that a shell could complete
        command = typer.main.get_command(target)
    else:
        single = typer.Typer(rich_markup_mode="markdown", add_completion=False)
        single.command(name)(target)
        command = typer.main.get_command(single)
    command.name = name
    return command


def _explain(error: Exception) -> tuple[str, str, int]:
    """Problem, remedy and exit code of what a use case raised.

    Of anything unforeseen only kind and place are told: its text may hold somebody's data.
    """
    # Looked up by name: importing the classes here would import the law into every start.
    for kind in type(error).__mro__:
        if kind.__name__ == "Refused":
            return error.problem, error.remedy, error.exit_code  # type: ignore[attr-defined]
        if kind.__name__ == "LawGap":
            return str(error), "", EXIT_LAW_GAP
        if kind.__name__ in ("LawError", "FrameError"):
            return str(error), "", EXIT_USAGE
    if os.environ.get("MAHNWERK_DEBUG") == "1" or isinstance(
        error, typer.Exit | typer.Abort | BrokenPipeError
    ):
        raise error
    if type(error).__module__.startswith(("typer", "click")):
        raise error  # usage errors, which typer itself tells
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{'/'.join(place.filename.split('/')[-2:])}:{place.lineno}"
    problem = f"a defect: {type(error).__name__} at {where}. Nothing half-done is kept."
    return (
        problem,
        "Please report it; MAHNWERK_DEBUG=1 shows everything (it may show personal data).",
        EXIT_DEFECT,
    )


def _tell(problem: str, remedy: str, code: int, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"error": problem, "remedy": remedy, "exit_code": code}, ensure_ascii=False))
        return
    typer.echo(f"mahnwerk: {problem}", err=True)
    if remedy:
        typer.echo(f"  → {remedy}", err=True)


app = typer.Typer(
    cls=Commands,
    help="Mahnwerk: what each customer owes on any day and why, and the one next lawful step.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,  # they show locals, and locals may hold personal data
)


@app.callback()
def _root() -> None:
    """Only here so that the commands stay commands."""


def main() -> None:
    """Entry point of the `mahnwerk` command."""
    app(prog_name="mahnwerk")


if __name__ == "__main__":
    sys.exit(main())
