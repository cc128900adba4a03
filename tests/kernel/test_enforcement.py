"""Attachable income: every cell of the official tables, an exact twin, and bounds for any income."""

from __future__ import annotations

import doctest
from datetime import date, timedelta
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.law.official import cents, rows

from mahnwerk.frames import PRINCIPAL_CENTS_MAX
from mahnwerk.kernel import enforcement
from mahnwerk.kernel.enforcement import EnforcementError, attachable
from mahnwerk.law import LawGap, load_laws

LAW = load_laws()["de"]
NOW = date(2026, 11, 21)
TABLES = ("2021-07-01", "2022-07-01", "2024-07-01", "2026-07-01")
INCOMES = st.one_of(st.integers(0, 800_000), st.integers(0, PRINCIPAL_CENTS_MAX))
DAYS = st.dates(date(2019, 7, 1), date(2027, 6, 30))


def twin(net_cents: int, dependants: int, day: date) -> int:
    """The same from the transcribed notices, in exact fractions of euro."""
    figures = next(r for r in rows("attachment_figures") if r["from"] <= day.isoformat() <= r["to"])
    net, cap = Fraction(net_cents, 100), Fraction(figures["cap"])
    counted = min(dependants, 5)
    free = Fraction(figures["base"])
    kept = Fraction(3, 10)
    for number in range(1, counted + 1):
        free += Fraction(figures["first_dependant" if number == 1 else "further_dependant"])
        kept += Fraction(2 if number == 1 else 1, 10)
    rounded = floor(min(net, cap) / 10) * 10
    below = max(rounded - free, Fraction(0)) * (1 - kept)
    above = max(net - cap, Fraction(0))
    return floor((below + above) * 100 + Fraction(1, 2))


@pytest.mark.parametrize("table", TABLES)
def test_every_cell_of_the_official_monthly_tables(table: str) -> None:
    """At both ends of each row, so nothing in between can differ (the figure never falls)."""
    first_day = date.fromisoformat(table)
    last_day = first_day.replace(year=first_day.year + 1) - timedelta(days=1)
    cells = 0
    for row in rows(f"attachment_month_{table}"):
        for dependants in range(6):
            expected = cents(row[str(dependants)])
            for net in (cents(row["from"]), cents(row["to"])):
                for day in (first_day, last_day):
                    assert attachable(net, dependants, day, LAW).attachable_cents == expected, (
                        row,
                        dependants,
                    )
            cells += 1
    assert cells == 6 * len(rows(f"attachment_month_{table}")) > 1_500


@pytest.mark.parametrize("row", rows("attachment_figures"), ids=lambda r: r["from"])
def test_figures_of_the_six_notices(row: dict[str, str]) -> None:
    for day in (date.fromisoformat(row["from"]), date.fromisoformat(row["to"])):
        for key in ("base", "first_dependant", "further_dependant", "cap"):
            assert LAW.cents("enforcement.attachment_exemption", day, key) == cents(row[key])
        assert LAW.cents("enforcement.attachment_exemption_week", day, "base") == cents(row["base_week"])
        assert LAW.cents("enforcement.attachment_exemption_day", day, "base") == cents(row["base_day"])
        assert LAW.cents("enforcement.protected_account", day) == cents(row["protected_account"])
        first = cents(row["first_row_from"])
        assert attachable(first, 0, day, LAW).attachable_cents == cents(row["first_row_attachable"])
        assert attachable(first - 1, 0, day, LAW).attachable_cents == 0


@pytest.mark.parametrize(
    ("net", "dependants", "expected"),
    [
        ("1599.99", 0, "1.82"),
        ("2000.00", 0, "288.82"),
        ("2000.00", 1, "0"),
        ("3100.00", 0, "1058.82"),
        ("4866.30", 0, "2290.82"),
        ("5000.00", 0, "2424.52"),
        ("5000.00", 2, "1070.64"),
    ],
)
def test_examples_of_2026(net: str, dependants: int, expected: str) -> None:
    assert attachable(cents(net), dependants, NOW, LAW).attachable_cents == cents(expected)


def test_weeks_and_days_of_2026_by_hand() -> None:
    # 402.90 → 402.50; 402.50 - 365.33 = 37.17; 7/10 of it = 26.019
    assert attachable(40_290, 0, NOW, LAW, per="week").attachable_cents == 2_602
    # 110.30 → 110.00; 110.00 - 73.06 - 27.50 = 9.44; 5/10 of it = 4.72
    assert attachable(11_030, 1, NOW, LAW, per="day").attachable_cents == 472
    # all above 1 119.90 a week; below it: 1 117.50 - 365.33 = 752.17; 7/10 = 526.519
    assert attachable(120_000, 0, NOW, LAW, per="week").attachable_cents == 52_652 + 8_010


def test_what_is_not_known_is_a_gap() -> None:
    with pytest.raises(LawGap, match=r"attachment_exemption_week\.yaml"):
        attachable(50_000, 0, date(2026, 6, 30), LAW, per="week")
    with pytest.raises(LawGap, match="announced anew after 2027-06-30"):
        attachable(200_000, 0, date(2027, 7, 1), LAW)
    with pytest.raises(LawGap, match="our data begin on 2019-07-01"):
        attachable(200_000, 0, date(2019, 6, 30), LAW)


@pytest.mark.parametrize(
    ("net", "dependants", "per", "message"),
    [
        (-1, 0, "month", "net income"),
        (PRINCIPAL_CENTS_MAX + 1, 0, "month", "net income"),
        (1.5, 0, "month", "whole cents"),
        (True, 0, "month", "whole cents"),
        (1, -1, "month", "dependants"),
        (1, 1.5, "month", "dependants"),
        (1, 0, "year", "unknown period 'year'; use one of month, week, day"),
    ],
)
def test_broken_input(net: object, dependants: object, per: str, message: str) -> None:
    with pytest.raises(EnforcementError, match=message):
        attachable(net, dependants, NOW, LAW, per=per)  # type: ignore[arg-type]


@settings(max_examples=200)
@given(INCOMES, st.integers(0, 9), st.dates(date(2021, 7, 1), date(2027, 6, 30)))
def test_equals_its_twin(net: int, dependants: int, day: date) -> None:
    assert attachable(net, dependants, day, LAW).attachable_cents == twin(net, dependants, day)


@settings(max_examples=100)
@given(INCOMES, INCOMES, st.integers(0, 9), st.integers(0, 9), DAYS)
def test_bounds_and_order(a: int, b: int, few: int, many: int, day: date) -> None:
    (a, b), (few, many) = sorted((a, b)), sorted((few, many))
    low, high = attachable(a, few, day, LAW), attachable(b, few, day, LAW)
    assert 0 <= low.attachable_cents <= a
    assert low.attachable_cents + low.exempt_cents == a
    assert low.attachable_cents <= high.attachable_cents
    assert attachable(a, many, day, LAW).attachable_cents <= low.attachable_cents
    assert low.exempt_cents >= min(a, low.base_cents, low.cap_cents)


def test_more_than_five_dependants_change_nothing() -> None:
    assert attachable(480_000, 6, NOW, LAW) == attachable(480_000, 5, NOW, LAW)


def test_examples_in_the_documentation() -> None:
    result = doctest.testmod(enforcement)
    assert result.attempted > 0
    assert result.failed == 0
