"""`ageing`: placed, settled, open, overdue, on any day."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from mahnwerk.cli import output
from mahnwerk.cli.options import DAY_FORMATS, BookOption, JsonOption, LastRunOption, day_of, open_book
from mahnwerk.cli.output import date_text, money

SinceOption = Annotated[
    dt.datetime | None,
    typer.Option("--since", formats=DAY_FORMATS, help="Every month end since then, up to --on."),
]


def ageing(
    on: LastRunOption = None, since: SinceOption = None, book: BookOption = "", as_json: JsonOption = False
) -> None:
    """Placed, settled, open and overdue claims as of a day, also one long past.

    Amounts are principals: interest and costs are in `mahnwerk cases`.

    Examples:

        mahnwerk ageing
        mahnwerk ageing --on 2026-06-30
        mahnwerk ageing --since 2026-01-31 --on 2026-06-30 --json
    """
    opened = open_book(book)
    from mahnwerk.usecases import ageing as use_case
    from mahnwerk.usecases.cases import viewing_day

    last = viewing_day(opened, day_of(on))
    first = day_of(since)
    days = use_case.month_ends(first, last) if first else [last]
    found = [row for one in days for row in use_case.ageing(opened, one)]
    if as_json:
        output.emit_json([row.as_json() for row in found])
        return
    amounts = ("placed", "settled", "open", "overdue")
    output.table(
        "Principal, as of each day",
        ["day", *(word for name in amounts for word in (name, "amount"))],
        [
            [
                date_text(row.on),
                *(
                    cell
                    for name in amounts
                    for cell in (
                        getattr(row, f"{name}_count"),
                        money(getattr(row, f"{name}_cents"), row.currency),
                    )
                ),
            ]
            for row in found
        ],
        right=(*amounts, "amount"),
    )
    labels = [label for label, _, _ in found[-1].buckets] if found else []
    output.table(
        "Of the overdue, by days past the due date",
        ["day", *labels],
        [[date_text(row.on), *(money(cents, row.currency) for _, _, cents in row.buckets)] for row in found],
        right=labels,
    )
