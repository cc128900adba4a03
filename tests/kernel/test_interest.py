"""Interest against published figures, against fractions, and against itself."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernel.oracle import half_up, year_share

from mahnwerk.frames import PRINCIPAL_CENTS_MAX, SPANS
from mahnwerk.kernel.interest import (
    default_interest,
    interest_schedule,
    rate_index,
)
from mahnwerk.kernel.interest_of_one import DAY_COUNTS, BoundError, interest_between
from mahnwerk.law import LawGap, load_laws

LAW = load_laws()["de"]
INDEX = {day_count: rate_index(LAW, day_count) for day_count in DAY_COUNTS}

# principal, first and last day (both counted), business?, act/365, act/act, 30/360
VECTORS = [
    (100_000, date(2025, 1, 1), date(2025, 12, 31), False, 6_766, 6_766, 6_770),
    (1_000_000, date(2026, 6, 15), date(2026, 7, 15), True, 8_825, 8_825, 8_948),
    (500_000, date(2023, 12, 15), date(2024, 2, 29), False, 8_976, 8_957, 8_988),
    (123_456, date(2022, 11, 15), date(2026, 11, 21), False, 35_644, 35_615, 35_617),
    (24_990, date(2026, 9, 2), date(2026, 11, 21), False, 362, 362, 362),
    (1_000_000, date(2016, 1, 1), date(2016, 7, 30), False, 24_179, 24_113, 24_169),
    (300_000, date(2014, 6, 1), date(2014, 12, 31), True, 12_812, 12_812, 12_748),
    (10_000_000, date(2024, 1, 1), date(2024, 12, 31), True, 1_252_855, 1_249_432, 1_249_500),
]
EXAMPLES = [
    (100_000, date(2025, 3, 1), 25, 51_200, "act/365", 351),  # anleiter.de
    (1_000_000, date(2025, 1, 1), 181, 66_200, "act/365", 32_828),  # tests of ameax/bgb-interest
    (1_000_000, date(2025, 1, 1), 181, 106_200, "act/365", 52_664),  # the same
    (1_000_000, date(2025, 1, 1), 365, 81_200, "act/365", 81_200),  # jurablogs, a year
    (1_000_000, date(2025, 1, 1), 1, 81_200, "act/365", 222),  # jurablogs, a day
    # p-konto.de: 210 bank days from 1 January "to 30 July"; July is whole for us only with its 31st.
    (1_000_000, date(2016, 1, 1), 213, 60_000, "30/360", 35_000),
]


def span(first: date, last: date, principal: int, margin: int, **columns: Any) -> dict[str, Any]:
    return {
        "case_id": 1,
        "claim_id": 1,
        "first_day": first,
        "last_day": last,
        "principal_cents": principal,
        "is_base_linked": True,
        "margin_ppm": margin,
        "rule_id": "interest.default",
        **columns,
    }


def spans(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=dict(SPANS), orient="row")


@pytest.mark.parametrize("vector", VECTORS)
def test_reference_vectors(vector: tuple[Any, ...]) -> None:
    amount, first, last, is_commercial, *expected = vector
    for day_count, cents in zip(("act/365", "act/act", "30/360"), expected, strict=True):
        result = interest_between(
            amount, first, last, law=LAW, is_commercial=is_commercial, day_count=day_count
        )
        assert result.interest_cents == cents
        assert sum(row["interest_cents"] for row in result.rows) == cents


@pytest.mark.parametrize("example", EXAMPLES)
def test_published_examples(example: tuple[Any, ...]) -> None:
    amount, first, days, rate, day_count, expected = example
    row = span(first, first + timedelta(days=days - 1), amount, rate, is_base_linked=False)
    priced = default_interest(spans(row), INDEX[day_count])
    assert priced["interest_cents"].to_list() == [expected]


def test_rows_are_split_at_changes_of_rate_and_year() -> None:
    result = interest_between(1_000_000, date(2025, 6, 20), date(2026, 7, 1), law=LAW)
    assert [(row["first_day"], row["rate_ppm"], row["days"]) for row in result.rows] == [
        (date(2025, 6, 20), 72_700, 11),
        (date(2025, 7, 1), 62_700, 184),
        (date(2026, 1, 1), 62_700, 181),
        (date(2026, 7, 1), 65_200, 1),
    ]


def test_the_margin_follows_the_day_the_obligation_arose() -> None:
    def yearly(arose_on: date) -> int:
        year = (date(2015, 1, 1), date(2015, 12, 31))
        return interest_between(
            1_000_000, *year, law=LAW, is_commercial=True, arose_on=arose_on
        ).interest_cents

    assert yearly(date(2014, 7, 28)) == 71_700  # 8 points over −0.83
    assert yearly(date(2014, 7, 29)) == 81_700


def test_an_unverified_margin_is_said_to_be_one() -> None:
    def doubts(*, is_commercial: bool, arose_on: date) -> list[str]:
        year = (date(2015, 1, 1), date(2015, 12, 31))
        sources = interest_between(1, *year, law=LAW, is_commercial=is_commercial, arose_on=arose_on).sources
        assert [source.split(" (")[0] for source in sources] == [
            "§ 288 Abs. 1 Satz 2 und Abs. 2 BGB",
            "§ 247 BGB",
        ]
        return [source for source in sources if "unverified" in source]

    (doubt,) = doubts(is_commercial=True, arose_on=date(2014, 7, 28))
    assert doubt.startswith("§ 288 Abs. 1 Satz 2 und Abs. 2 BGB (Art. 1 G. v. 26.11.2001")
    assert doubts(is_commercial=True, arose_on=date(2014, 7, 29)) == []
    assert doubts(is_commercial=False, arose_on=date(2014, 7, 28)) == []


@pytest.mark.parametrize("last_day", [date(2027, 1, 1), date(2030, 5, 5)])
def test_an_unknown_base_rate_is_an_error(last_day: date) -> None:
    with pytest.raises(LawGap, match=r"interest\.base_rate.*base_rate\.yaml"):
        interest_between(100, date(2026, 12, 1), last_day, law=LAW)
    with pytest.raises(LawGap):
        interest_between(100, date(2001, 12, 31), date(2002, 2, 1), law=LAW)


def test_unknown_days_are_marked_and_left_out() -> None:
    known = span(date(2026, 12, 1), date(2026, 12, 31), 1_000_000, 50_000)
    beyond = span(date(2026, 12, 1), date(2027, 2, 1), 1_000_000, 50_000, claim_id=2)
    after = span(date(2027, 1, 15), date(2027, 2, 1), 1_000_000, 50_000, claim_id=3)
    fixed = span(date(2027, 1, 15), date(2027, 2, 1), 1_000_000, 50_000, claim_id=4, is_base_linked=False)
    priced = default_interest(spans(known, beyond, after, fixed), INDEX["act/act"])
    assert priced["is_law_gap"].to_list() == [False, True, True, False]
    assert priced["interest_cents"].to_list() == [5_538, 5_538, 0, 2_466]
    assert interest_schedule(spans(after), INDEX["act/act"]).is_empty()


def test_the_largest_amount_over_the_longest_span_is_exact() -> None:
    row = span(date(2003, 1, 1), date(2102, 12, 31), PRINCIPAL_CENTS_MAX, 1_000_000, is_base_linked=False)
    assert default_interest(spans(row), INDEX["act/act"])["interest_cents"][0] == 100 * PRINCIPAL_CENTS_MAX


def test_out_of_bounds_is_refused() -> None:
    good = (date(2025, 1, 1), date(2025, 1, 2))
    with pytest.raises(BoundError, match="principal"):
        default_interest(spans(span(*good, PRINCIPAL_CENTS_MAX + 1, 1)), INDEX["act/act"])
    with pytest.raises(BoundError, match="outside"):
        default_interest(spans(span(date(1969, 1, 1), good[1], 1, 1)), INDEX["act/act"])
    with pytest.raises(BoundError, match="before the first"):
        interest_between(1, good[1], good[0], law=LAW)
    with pytest.raises(BoundError, match="amount"):
        interest_between(-1, *good, law=LAW)
    with pytest.raises(BoundError, match="act/act"):
        rate_index(LAW, "actual")


first_days = st.dates(date(2002, 1, 1), date(2026, 10, 1))


@st.composite
def random_spans(draw: st.DrawFn) -> list[dict[str, Any]]:
    """One to four spans of one claim, one after the other."""
    rows, day = [], draw(first_days)
    for _ in range(draw(st.integers(1, 4))):
        last = min(day + timedelta(days=draw(st.integers(0, 500))), date(2026, 12, 31))
        if last < day:
            break
        principal = draw(st.sampled_from([1, 99, 12_345, 10_000_000, PRINCIPAL_CENTS_MAX]))
        margin = draw(st.sampled_from([25_000, 50_000, 80_000, 90_000]))
        rows.append(span(day, last, principal, margin, is_base_linked=draw(st.booleans())))
        day = last + timedelta(days=1)
    return rows


def exact(rows: list[dict[str, Any]], day_count: str) -> int:
    """Day by day in fractions."""
    from fractions import Fraction

    total = Fraction(0)
    for row in rows:
        day = row["first_day"]
        while day <= row["last_day"]:
            rate = Fraction(row["margin_ppm"], 1_000_000)
            if row["is_base_linked"]:
                rate += Fraction(LAW.number("interest.base_rate", day)) / 100
            total += row["principal_cents"] * rate * year_share(day, day_count)
            day += timedelta(days=1)
    return half_up(total)


@settings(max_examples=60, deadline=None)
@given(random_spans(), st.sampled_from(DAY_COUNTS))
def test_mass_path_schedule_and_fractions_agree(rows: list[dict[str, Any]], day_count: str) -> None:
    index = INDEX[day_count]
    expected = exact(rows, day_count)
    assert default_interest(spans(*rows), index)["interest_cents"].sum() == expected
    assert interest_schedule(spans(*rows), index)["interest_cents"].sum() == expected


@settings(max_examples=60, deadline=None)
@given(random_spans(), st.data(), st.sampled_from(DAY_COUNTS))
def test_cutting_a_span_changes_no_total(
    rows: list[dict[str, Any]], data: st.DataObject, day_count: str
) -> None:
    cut: list[dict[str, Any]] = []
    for row in rows:
        length = (row["last_day"] - row["first_day"]).days
        at = row["first_day"] + timedelta(days=data.draw(st.integers(0, length)))
        cut.append({**row, "last_day": at})
        if at < row["last_day"]:
            cut.append({**row, "first_day": at + timedelta(days=1)})
    index = INDEX[day_count]
    whole = default_interest(spans(*rows), index)["interest_cents"].sum()
    shuffled = data.draw(st.permutations(cut))
    assert default_interest(spans(*shuffled), index)["interest_cents"].sum() == whole
    assert interest_schedule(spans(*shuffled), index)["interest_cents"].sum() == whole


def test_austrian_and_german_indexes_differ() -> None:
    austrian = rate_index(load_laws()["at"])
    assert austrian.base_rates[(date(2025, 8, 1) - date(1970, 1, 1)).days] == 15_300
    assert INDEX["act/act"].base_rates[(date(2025, 8, 1) - date(1970, 1, 1)).days] == 12_700
