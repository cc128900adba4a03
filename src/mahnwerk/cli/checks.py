"""`check`: is this book safe to work with, and does anything wait for a person?"""

from __future__ import annotations

import typer

from mahnwerk.cli import output
from mahnwerk.cli.options import BookOption, JsonOption, default_actor
from mahnwerk.usecases.opening import start_django


def check(book: BookOption = "", as_json: JsonOption = False) -> None:
    """Check settings, keys, law and queues of a book.

    Ends with 0 if all is well, 1 if something waits for a person, 4 if it is not safe to go on.

    Example:

        mahnwerk check --book shop
    """
    start_django()
    from mahnwerk.usecases import checks

    report = checks.check(book, actor=default_actor())
    if as_json:
        output.emit_json(report)
    else:
        for line in report.lines:
            typer.echo(f"{line.level:<8} {line.what}")
            if line.remedy:
                typer.echo(f"         → {line.remedy}")
    if report.exit_code:
        raise typer.Exit(report.exit_code)
