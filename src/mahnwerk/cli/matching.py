"""`match`: measure the matcher, confirm or reject what it proposes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mahnwerk.cli import output
from mahnwerk.cli.output import JsonOption

app = typer.Typer(help="Which payment pays which claims: measure, confirm, reject.", no_args_is_help=True)


@app.command("evaluate")
def evaluate(
    folder: Annotated[Path, typer.Argument(help="Folder with invoices.csv, payments.csv, matches.csv.")],
    as_json: JsonOption = False,
) -> None:
    """Run the matcher on a set whose true matches are known. Needs no book.

    Booked = without a human; wrong = not exactly the true set; recall = share of true matches whose
    exact set is booked or proposed first. The baseline books one claim of exactly this amount whose
    reference stands in the text.

    Example:

        mahnwerk match evaluate samples/multi --json
    """
    from mahnwerk.usecases import match_evaluation

    figures = match_evaluation.evaluate(folder)
    if as_json:
        output.emit_json(figures)
        return
    columns = [
        "payments",
        "booked",
        "booked_wrong",
        "proposed",
        "suspense",
        "share_booked",
        "exact_set_recall",
    ]
    rows: list[list[Any]] = [["all", *(figures[name] for name in columns)]]
    for group in ("by_category", "by_perturbation"):
        rows += [[name, *(one[column] for column in columns)] for name, one in figures[group].items()]
    output.table(f"Matching {folder}", ["part", *columns], rows, right=columns)
    simple = figures["baseline"]
    typer.echo(
        f"  baseline: {simple['booked']} booked, {simple['booked_wrong']} wrong, "
        f"recall {simple['exact_set_recall']}"
    )
