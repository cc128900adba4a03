"""Days are read in German and ISO form; days that do not exist or can be two days are refused."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mahnwerk.formats import dates


def read(cell: str, date_format: str = "") -> tuple[date | None, str | None]:
    day, reason = dates.parse(pl.Series([cell]), date_format).row(0)
    return day, reason


@pytest.mark.parametrize(
    "cell",
    ["02.03.2026", "2.3.2026", "2026-03-02", "2026-3-2", " 02.03.2026 ", "2026-03-02T00:00:00", "2. 3.2026"],
)
def test_german_and_iso_days_are_read(cell: str) -> None:
    assert read(cell) == (date(2026, 3, 2), None)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("30.02.2026", dates.NO_SUCH_DAY),
        ("29.02.2025", dates.NO_SUCH_DAY),
        ("2026-13-01", dates.NO_SUCH_DAY),
        ("00.01.2026", dates.NO_SUCH_DAY),
        ("3/4/2026", dates.SLASHES),
        ("02.03.26", dates.TWO_DIGIT_YEAR),
        ("1926-01-01", dates.FAR),
        ("2126-01-01", dates.FAR),
        ("bald", dates.UNREADABLE),
        ("2026-03-02T10:00", dates.UNREADABLE),
        ("46083", dates.UNREADABLE),
    ],
)
def test_other_days_are_refused_with_the_reason(cell: str, reason: str) -> None:
    assert read(cell) == (None, reason)


def test_a_leap_day_is_a_day_and_an_empty_cell_no_error() -> None:
    assert read("29.02.2024") == (date(2024, 2, 29), None)
    assert read("") == (None, None)


@pytest.mark.parametrize(
    ("cell", "date_format"),
    [
        ("3/2/2026", "m/d/y"),
        ("2/3/2026", "d/m/y"),
        ("02-03-2026", "d-m-y"),
        ("20260302", "yyyymmdd"),
        ("2026-03-02", "iso"),
    ],
)
def test_a_mapping_names_other_forms(cell: str, date_format: str) -> None:
    assert read(cell, date_format) == (date(2026, 3, 2), None)


def test_a_named_form_is_the_only_one() -> None:
    assert read("02.03.2026", "m/d/y") == (None, dates.UNREADABLE)
    with pytest.raises(KeyError):
        read("02.03.2026", "y-d-m")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 55_000), min_size=1, max_size=40), st.sampled_from(["%d.%m.%Y", "%Y-%m-%d"]))
def test_every_day_comes_back(offsets: list[int], form: str) -> None:
    days = [date(1950, 1, 1) + timedelta(offset) for offset in offsets]
    parsed = dates.parse(pl.Series([day.strftime(form) for day in days]))
    assert parsed["day"].to_list() == days
    assert parsed["reason"].null_count() == len(days)
