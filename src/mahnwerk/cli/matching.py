"""`match`: measure the matcher, confirm or reject what it proposes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mahnwerk.cli import output
from mahnwerk.cli.options import ActorOption, BookOption, JsonOption, open_book

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


EntryArgument = Annotated[int, typer.Argument(min=1, help="Number of the entry; see `bank suspense`.")]


@app.command("confirm")
def confirm(
    entry: EntryArgument,
    claim: Annotated[
        list[str] | None, typer.Option("--claim", help="Invoice number; may be given several times.")
    ] = None,
    case: Annotated[
        str, typer.Option("--case", help="Case reference, alone or where several have the invoice's number.")
    ] = "",
    book: BookOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Book an entry as proposed, or for what you name. The payer is remembered for next time.

    Examples:

        mahnwerk match confirm 17
        mahnwerk match confirm 17 --claim RE-26-0411 --claim RE-26-0440
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import bank_questions

    answered = bank_questions.confirm(opened, entry, invoices=claim or [], case=case)
    _tell(answered, as_json)


@app.command("reject")
def reject(
    entry: EntryArgument, book: BookOption = "", actor: ActorOption = "", as_json: JsonOption = False
) -> None:
    """Say no to what is proposed for an entry; it is not proposed again.

    Example:

        mahnwerk match reject 17
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import bank_questions

    _tell(bank_questions.reject(opened, entry), as_json)


@app.command("ignore")
def ignore(
    entry: EntryArgument, book: BookOption = "", actor: ActorOption = "", as_json: JsonOption = False
) -> None:
    """Say that an entry concerns no debtor; it is kept and never looked at again.

    Example:

        mahnwerk match ignore 17
    """
    opened = open_book(book, actor)
    from mahnwerk.usecases import bank_questions

    _tell(bank_questions.ignore(opened, entry), as_json)


def _tell(answered: Any, as_json: bool) -> None:
    if as_json:
        output.emit_json(answered)
        return
    entries = ", ".join(map(str, answered.entries))
    place = " ".join([answered.case_reference, *answered.invoices]).strip()
    typer.echo(f"entry {entries}: {answered.state}{f' for {place}' if place else ''}.")
