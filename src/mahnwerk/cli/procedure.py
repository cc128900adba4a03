"""`procedure check`, `procedure list`: dunning procedures as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mahnwerk.cli import output
from mahnwerk.cli.options import BookOption, JsonOption

app = typer.Typer(help="Dunning procedures: which step follows which, and when.", no_args_is_help=True)


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="Procedure file (YAML).")], as_json: JsonOption = False
) -> None:
    """Hold a procedure file against the law. Needs no book.

    Ends with 0 if it may be used, 1 if the law forbids something in it.

    Example:

        mahnwerk procedure check my-procedure.yaml
    """
    from mahnwerk.usecases import procedure_checks

    result = procedure_checks.check_file(file)
    if as_json:
        output.emit_json(result)
    else:
        for finding in result.findings:
            typer.echo(f"{finding['severity']}: {finding['where']}: {finding['message']}")
            if finding["remedy"]:
                typer.echo(f"  → {finding['remedy']}")
        typer.echo(f"{result.key}: {'may be used' if result.is_allowed else 'must not be used as it is'}.")
    if not result.is_allowed:
        raise typer.Exit(1)


@app.command("list")
def list_procedures(book: BookOption = "", as_json: JsonOption = False) -> None:
    """The shipped procedures, and the book's own.

    Example:

        mahnwerk procedure list
    """
    from mahnwerk.usecases import books, procedures

    known = procedures.of_book(books.place(book))
    rows = [
        {
            "key": key,
            "title": one.title["de"],
            "audience": one.audience,
            "steps": [step.id for step in one.steps],
        }
        for key, one in sorted(known.items())
    ]
    if as_json:
        output.emit_json(rows)
        return
    output.table(
        "Procedures",
        ["key", "title", "for", "steps"],
        [[row["key"], row["title"], row["audience"], " → ".join(row["steps"])] for row in rows],
    )
