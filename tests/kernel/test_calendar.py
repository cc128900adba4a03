"""Working days against the holiday laws and against a walk day by day."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mahnwerk.kernel import calendar

DAYS = st.dates(date(2000, 1, 1), date(2060, 12, 31))
LANDS = st.sampled_from([None, *calendar.LAENDER])


@pytest.mark.parametrize(
    ("day", "land", "working"),
    [
        (date(2026, 11, 21), "BE", False),  # Saturday
        (date(2026, 11, 22), "BE", False),  # Sunday
        (date(2026, 11, 23), "BE", True),
        (date(2026, 12, 24), "BE", True),  # Christmas Eve is a working day
        (date(2026, 12, 31), "BY", True),  # so is New Year's Eve
        (date(2026, 12, 25), "BE", False),
        (date(2026, 1, 6), "BY", False),  # Heilige Drei Könige
        (date(2026, 1, 6), "BE", True),
        (date(2026, 1, 6), None, False),  # unknown Land: any Land's holiday
        (date(2021, 3, 8), "BE", False),  # Frauentag, since 2019
        (date(2018, 3, 8), "BE", True),
        (date(2023, 3, 8), "MV", False),  # since 2023
        (date(2022, 3, 8), "MV", True),
        (date(2017, 10, 31), "BY", False),  # 500 years of the Reformation, everywhere, once
        (date(2016, 10, 31), "BY", True),
        (date(2018, 10, 31), "HH", False),  # since 2018
        (date(2020, 5, 8), "BE", False),  # once
        (date(2025, 5, 8), "BE", False),  # once
        (date(2024, 5, 8), "BE", True),
        (date(2024, 9, 20), "TH", False),  # Weltkindertag
        (date(2024, 11, 20), "SN", False),  # Buß- und Bettag
        (date(2024, 11, 20), "ST", True),
        (date(2024, 5, 30), "HE", False),  # Fronleichnam
        (date(2024, 5, 30), "HH", True),
        (date(2024, 8, 15), "SL", False),  # Mariä Himmelfahrt, whole Land
        (date(2025, 8, 8), "BY", True),  # Augsburg only
    ],
)
def test_holidays_by_land(day: date, land: str | None, working: bool) -> None:
    assert calendar.is_working_day(day, land) is working


def test_days_of_catholic_municipalities_are_a_setting() -> None:
    assumption = date(2024, 8, 15)
    assert not calendar.is_working_day(assumption, "BY")
    assert calendar.is_working_day(assumption, "BY", local_holidays=False)
    assert calendar.is_working_day(date(2024, 5, 30), "SN", local_holidays=False)


def test_austria_and_switzerland() -> None:
    assert not calendar.is_working_day(date(2026, 10, 26), country="at")
    assert calendar.is_working_day(date(2026, 10, 26), "BE")
    assert not calendar.is_working_day(date(2025, 8, 1), "ZH", country="ch")
    with pytest.raises(calendar.CalendarError, match="country 'fr'"):
        calendar.is_working_day(date(2026, 1, 2), country="fr")


def test_next_and_added_days() -> None:
    assert calendar.next_working_day(date(2026, 4, 3), "BE") == date(2026, 4, 7)  # Easter
    assert calendar.next_working_day(date(2026, 4, 2), "BE") == date(2026, 4, 2)
    assert calendar.add_working_days(date(2026, 12, 23), 4, "BE") == date(2026, 12, 30)
    assert calendar.add_working_days(date(2026, 11, 21), 1, "BE") == date(2026, 11, 23)
    assert calendar.add_working_days(date(2026, 11, 21), 0, "BE") == date(2026, 11, 21)
    with pytest.raises(calendar.CalendarError, match="0 or more"):
        calendar.add_working_days(date(2026, 11, 21), -1, "BE")


def test_month_ends() -> None:
    later = calendar.plus_months
    assert later(date(2024, 8, 31), 6) == date(2025, 2, 28)
    assert later(date(2024, 12, 15), 1) == date(2025, 1, 15)
    assert [later(date(2027, 1, 31), months).day for months in range(3)] == [31, 28, 31]
    assert calendar.plus_years(date(2024, 2, 29), 3) == date(2027, 2, 28)
    assert calendar.plus_years(date(2024, 2, 29), 4) == date(2028, 2, 29)


def test_land_is_read_kindly_and_refused_clearly() -> None:
    assert calendar.check_land("DE-be") == "BE"
    assert calendar.check_land(" ") is None
    with pytest.raises(calendar.CalendarError, match="'XX' does not exist; one of BB, BE"):
        calendar.is_working_day(date(2026, 1, 2), "XX")


def test_outside_the_calendar() -> None:
    for day in (date(1989, 12, 31), date(2101, 1, 1)):
        with pytest.raises(calendar.CalendarError, match="reaches from 1990-01-01 to 2100-12-31"):
            calendar.next_working_day(day)
        with pytest.raises(calendar.CalendarError, match="1 such dates"):
            calendar.next_working_days(pl.Series([day]), pl.Series(["BE"]))
        kept = calendar.next_working_days(pl.Series([day]), pl.Series(["BE"]), keep_uncovered=True)
        assert kept.to_list() == [day]
        covered = pl.DataFrame({"day": [day, None, date(2026, 1, 1)]})
        assert covered.select(calendar.is_covered(pl.col("day"))).to_series().to_list() == [False, True, True]
    for rows in (1, 100):
        with pytest.raises(calendar.CalendarError, match="2100-12-31"):
            calendar.add_working_days_to(pl.Series([date(2100, 12, 31)] * rows), 1, pl.Series(["BE"]))


def test_column_keeps_nulls_name_order_and_unknown_lands() -> None:
    dates = pl.Series("due_on", [date(2026, 1, 6), None, date(2026, 1, 6), date(2026, 1, 6)])
    lands = pl.Series(["BE", "BE", "nowhere", None])
    moved = calendar.next_working_days(dates, lands)
    assert moved.name == "due_on"
    assert moved.to_list() == [date(2026, 1, 6), None, date(2026, 1, 7), date(2026, 1, 7)]
    empty = calendar.next_working_days(pl.Series([], dtype=pl.Date), pl.Series([], dtype=pl.String))
    assert empty.dtype == pl.Date
    assert empty.len() == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(DAYS, LANDS, st.integers(0, 12)), min_size=1, max_size=30),
    st.sampled_from([1, calendar._FEW]),
    st.booleans(),
)
def test_column_equals_walking_day_by_day(
    rows: list[tuple[date, str | None, int]], times: int, local: bool
) -> None:
    dates = pl.Series([row[0] for row in rows] * times)
    lands = pl.Series([row[1] for row in rows] * times, dtype=pl.String)
    counts = pl.Series([row[2] for row in rows] * times)
    moved = calendar.next_working_days(dates, lands, local_holidays=local)
    added = calendar.add_working_days_to(dates, counts, lands, local_holidays=local)
    for n, (day, land, count) in enumerate(rows):  # few rows go without the tables, many with them
        assert moved[n] == calendar.next_working_day(day, land, local_holidays=local)
        assert added[n] == calendar.add_working_days(day, count, land, local_holidays=local)
    assert moved.to_list() == moved[: len(rows)].to_list() * times
    assert added.to_list() == added[: len(rows)].to_list() * times


@settings(max_examples=100, deadline=None)
@given(DAYS, LANDS)
def test_moving_is_forward_idempotent_and_kindest_for_unknown_land(day: date, land: str | None) -> None:
    moved = calendar.next_working_day(day, land)
    assert day <= moved <= day + timedelta(days=9)
    assert calendar.next_working_day(moved, land) == moved
    assert calendar.next_working_day(day, None) >= moved
