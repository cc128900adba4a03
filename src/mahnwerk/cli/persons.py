"""`person`: forget somebody, or keep them for the law's sake only."""

from __future__ import annotations

from typing import Annotated

import typer

from mahnwerk.cli import output
from mahnwerk.cli.options import ActorOption, BookOption, JsonOption, OnOption, day_of, open_book
from mahnwerk.cli.output import date_text

app = typer.Typer(
    help="Rights of persons: erasure, and restriction while the law wants data kept.\n\n"
    "Example:\n\n    mahnwerk person erase M-000017",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    """Only here so that the commands stay commands."""


@app.command("erase")
def erase(
    case: Annotated[str, typer.Argument(help="Case reference; its debtors are meant.")] = "",
    customer: Annotated[
        str,
        typer.Option("--customer", envvar="MAHNWERK_CUSTOMER", help="Customer number; - asks for it unseen."),
    ] = "",
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Do it. Without, it only says what it would do.")
    ] = False,
    on: OnOption = None,
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Erase a person for good, or restrict who must be kept for now. There is no way back.

    Facts and balances stay, nameless. Without `--confirm` nothing is changed.

    Examples:

        mahnwerk person erase M-000017
        mahnwerk person erase M-000017 --confirm
        mahnwerk person erase --customer - --confirm
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import erasing

    number = typer.prompt("Customer number", hide_input=True) if customer == "-" else customer
    results = erasing.erase(opened, case=case, customer_number=number, on=day_of(on), dry_run=not confirm)
    if as_json:
        output.emit_json(results)
        return
    for one in results:
        would = "would be " if one.is_dry_run else ""
        typer.echo(f"{', '.join(one.case_references) or 'no case'}: {would}{one.state.replace('_', ' ')}")
        if one.because:
            until = f" until {date_text(one.until)}" if one.until else ""
            typer.echo(f"  → kept{until}: {erasing.REASONS[one.because]}")
        for warning in one.warnings:
            typer.echo(f"  {warning}")
    if not confirm:
        typer.echo("Nothing was changed; --confirm does it.")
