"""A real-looking ledger of two years, judged month by month against a count made from the file alone."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pytest

FILE = (
    Path(__file__).parents[3]
    / "shared/data/3-receivables-and-experiments/ibm-accounts-receivable/invoices.csv"
)


def _day(text: str) -> dt.date:
    month, day, year = (int(part) for part in text.split("/"))
    return dt.date(year, month, day)


def _count(rows: list[dict[str, str]], on: dt.date) -> dict[str, int]:
    """The same figures in plain Python, from the CSV's own columns."""
    placed = [row for row in rows if _day(row["InvoiceDate"]) <= on]
    still = [row for row in placed if _day(row["SettledDate"]) > on]
    overdue = [row for row in still if _day(row["DueDate"]) < on]

    def cents(chosen: list[dict[str, str]]) -> int:
        return sum(round(float(row["InvoiceAmount"]) * 100) for row in chosen)

    return {
        "placed_count": len(placed),
        "placed_cents": cents(placed),
        "settled_count": len(placed) - len(still),
        "settled_cents": cents(placed) - cents(still),
        "open_count": len(still),
        "open_cents": cents(still),
        "overdue_count": len(overdue),
        "overdue_cents": cents(overdue),
        "days_late": sum((on - _day(row["DueDate"])).days for row in overdue),
    }


@pytest.mark.shared
@pytest.mark.django_db(transaction=True)
def test_every_month_end_of_two_years_to_the_cent(tmp_path: Path) -> None:
    if not FILE.is_file():
        pytest.skip("the sample ledger is not beside the project")
    from mahnwerk.usecases import ageing, main_job
    from mahnwerk.usecases.opening import open_book

    book = str(tmp_path / "ibm")
    main_job.run([FILE], on=dt.date(2013, 6, 30), book=book, actor="test", progress=lambda done, total: None)
    with FILE.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    opened = open_book(book, actor="test")
    ends = ageing.month_ends(dt.date(2012, 1, 31), dt.date(2013, 12, 31))
    assert len(ends) == 24
    for on in ends:
        expected = _count(rows, on)
        found = ageing.ageing(opened, on)
        if not found:
            assert expected["placed_count"] == 0
            continue
        (one,) = found
        assert {name: getattr(one, name) for name in expected} == expected, on
