"""`creditor add`, `creditor list`: whose claims these are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mahnwerk.cli import output
from mahnwerk.cli.options import ActorOption, BookOption, JsonOption, open_book

app = typer.Typer(help="Creditors: name, account, contact person, role, procedure.", no_args_is_help=True)


@app.command("add")
def add(
    file: Annotated[Path, typer.Argument(help="Creditor file (YAML); docs/reference says what is in it.")],
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Add a creditor, or bring a known one up to date.

    Example:

        mahnwerk creditor add shop.yaml --book shop
    """
    opened = open_book(book, actor, create=True)
    from mahnwerk.usecases import creditors

    added = creditors.add_file(opened, file)
    if as_json:
        output.emit_json(added)
        return
    for one in added:
        what = {"new": "added", "changed": "changed", "same": "already known, nothing changed"}[one.outcome]
        typer.echo(f"Creditor {one.key} ({one.name}): {what}.")
        for warning in one.warnings:
            typer.echo(f"  {warning}")


@app.command("list")
def list_creditors(book: BookOption = "", as_json: JsonOption = False) -> None:
    """The creditors of a book.

    Example:

        mahnwerk creditor list --book shop
    """
    opened = open_book(book)
    from mahnwerk.usecases import creditors

    rows = creditors.overview(opened)
    if as_json:
        output.emit_json(rows)
        return
    output.table(
        "Creditors",
        ["key", "name", "role", "procedure", "cases"],
        [[row["key"], row["name"], row["role"], row["procedure"], row["cases"]] for row in rows],
        right=("cases",),
    )
