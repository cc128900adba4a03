"""When a claim becomes time-barred: the statute's cases, and a slow twin that counts day by day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mahnwerk.kernel.calendar import next_working_day, plus_years
from mahnwerk.kernel.limitation_period import (
    Suspension,
    limitation_of,
    negotiation,
    payment_order,
    periods_of,
)
from mahnwerk.law import LawGap, load_laws

LAWS = load_laws()
D = date.fromisoformat
ONE_DAY = timedelta(days=1)
PERIODS = periods_of(LAWS["de"], D("2023-05-10"))


def ends(due: str, **events: Any) -> str:
    return str(limitation_of(D(due), PERIODS, land="BE", **events).time_barred_after)


def test_regular_period_ends_with_the_year() -> None:
    found = limitation_of(D("2023-05-10"), PERIODS, land="BE")
    assert found.began_after == D("2023-12-31")
    assert found.time_barred_after == found.warn_on == D("2026-12-31")
    assert found.rule_id == "limitation.regular_years"
    assert not found.is_time_barred(D("2026-12-31"))
    assert found.is_time_barred(D("2027-01-01"))
    assert ends("2023-01-01") == ends("2023-12-31") == "2026-12-31"


def test_part_payment_restarts_at_once() -> None:
    assert ends("2023-05-10", restarts=[D("2026-03-02")]) == "2029-03-02"
    assert (
        limitation_of(D("2023-05-10"), PERIODS, restarts=[D("2026-03-02")]).rule_id == "limitation.restarted"
    )
    assert ends("2023-05-10", restarts=[D("2026-03-02"), D("2025-02-03")]) == "2029-03-02"


def test_restart_outside_the_period_does_nothing() -> None:
    assert ends("2023-05-10", restarts=[D("2023-07-01")]) == "2026-12-31"  # before it began
    assert ends("2023-05-10", restarts=[D("2027-01-01")]) == "2026-12-31"  # after it ended
    assert ends("2023-05-10", restarts=[D("2026-12-31")]) == "2029-12-31"  # on its last day
    assert ends("2023-05-10", restarts=[D("2024-01-01")]) == "2027-01-04"  # its first: Friday 1 January


def test_last_day_on_a_weekend_warns_on_it_and_bars_after_the_next_working_day() -> None:
    found = limitation_of(D("2019-05-10"), PERIODS, land="BE")
    assert (found.warn_on, found.time_barred_after) == (D("2022-12-31"), D("2023-01-02"))
    # until then a restart is still in time
    assert ends("2019-05-10", restarts=[D("2023-01-02")]) == "2026-01-02"
    assert ends("2019-05-10", restarts=[D("2023-01-03")]) == "2023-01-02"


def test_payment_order_suspends_from_filing_if_served_soon() -> None:
    filed, served = D("2026-12-29"), D("2027-01-11")
    suspended = payment_order(filed, served, None, PERIODS)
    assert suspended == Suspension(filed, D("2027-07-11"))
    # 29 December to 11 July are 195 days, which the claim has left after 31 December
    assert ends("2023-05-10", suspensions=[suspended]) == str(D("2026-12-31") + 195 * ONE_DAY)
    ended = payment_order(filed, served, D("2027-03-31"), PERIODS)
    assert ended.last_day == D("2027-09-30")
    late = payment_order(filed, D("2027-02-15"), None, PERIODS)
    assert late.first_day == D("2027-02-15")
    assert ends("2023-05-10", suspensions=[late]) == "2026-12-31"


def test_negotiation_is_not_counted_and_leaves_three_months() -> None:
    talks = negotiation(D("2025-03-01"), D("2025-03-31"), PERIODS)
    assert ends("2023-05-10", suspensions=[talks]) == str(next_working_day(D("2027-01-31"), "BE"))
    assert limitation_of(D("2023-05-10"), PERIODS, suspensions=[talks]).rule_id == "limitation.suspended"
    short = negotiation(D("2026-12-30"), D("2026-12-30"), PERIODS)
    assert ends("2023-05-10", suspensions=[short]) == "2027-03-30"
    assert (
        ends("2023-05-10", suspensions=[negotiation(D("2027-01-01"), D("2027-02-01"), PERIODS)])
        == "2026-12-31"
    )


def test_overlapping_suspensions_count_once_and_early_ones_not_at_all() -> None:
    first, second = Suspension(D("2025-01-10"), D("2025-01-19")), Suspension(D("2025-01-15"), D("2025-01-29"))
    both = limitation_of(D("2023-05-10"), PERIODS, suspensions=[second, first], land="BE")
    assert both.warn_on == D("2026-12-31") + 20 * ONE_DAY
    early = Suspension(D("2023-06-01"), D("2024-01-10"))
    assert limitation_of(D("2023-05-10"), PERIODS, suspensions=[early]).warn_on == D("2027-01-10")


def test_title_gives_thirty_years_whatever_came_before() -> None:
    assert ends("2023-05-10", titles=[D("2026-05-04")]) == "2056-05-04"
    assert ends("2015-05-10", titles=[D("2026-05-04")]) == "2056-05-04"
    found = limitation_of(
        D("2023-05-10"), PERIODS, titles=[D("2026-05-04")], restarts=[D("2027-01-04")], land="BE"
    )
    assert (found.time_barred_after, found.rule_id) == (D("2057-01-04"), "limitation.title_years")


def test_knowledge_later_than_the_claim_and_the_long_stop() -> None:
    known = {"known_on": D("2025-02-01")}
    assert ends("2023-05-10", **known) == "2029-01-02"  # 31 December 2028 is a Sunday
    late = limitation_of(D("2016-05-10"), PERIODS, known_on=D("2025-02-01"), land="BE")
    assert (late.time_barred_after, late.rule_id) == (D("2026-05-11"), "limitation.long_stop_years")
    assert late.warn_on == D("2026-05-10")  # a Sunday
    assert ends("2023-05-10", known_on=D("2020-01-01")) == "2026-12-31"


def test_law_before_the_reform_is_a_gap() -> None:
    with pytest.raises(LawGap, match=r"limitation\.regular_years"):
        periods_of(LAWS["de"], D("2001-12-31"))


# --- slow twin --------------------------------------------------------------------------------


def slow_ends(
    due: date, restarts: list[date], suspensions: list[Suspension], titles: list[date], land: str | None
) -> date:
    """Count the days one by one, as a clerk with a calendar would."""
    start, years = date(due.year, 12, 31), 3
    left = (plus_years(start, years) - start).days
    begun: list[Suspension] = []
    floor, day = date.min, min([due, *titles, *restarts, *(one.first_day for one in suspensions)])
    while True:
        for one in suspensions:
            if one.first_day == day:
                begun.append(one)
                floor = max(floor, one.at_least_until or floor, one.last_day if left == 0 else floor)
        if day > start and left > 0 and not any(one.first_day <= day <= one.last_day for one in begun):
            left -= 1
        if day in restarts and day > start:
            start, left = day, max(left, (plus_years(day, years) - day).days)
        if day in titles:
            start, years, begun, floor = day, 30, [], day
            left = (plus_years(day, years) - day).days
        if left == 0 and day >= floor:
            grace = next_working_day(day, land)
            rescued = any(day < event <= grace for event in [*restarts, *(s.first_day for s in suspensions)])
            later = [title for title in titles if title > day]
            if not rescued and not later:
                return day
            if not rescued:
                day = min(later) - ONE_DAY
        day += ONE_DAY


NEAR = st.integers(-400, 1900).map(lambda n: D("2023-12-31") + n * ONE_DAY)
SPAN = st.builds(
    lambda first, length, tail: Suspension(
        first, first + length * ONE_DAY, None if tail is None else first + (length + tail) * ONE_DAY
    ),
    NEAR,
    st.integers(0, 300),
    st.none() | st.integers(89, 92),
)
DUE = st.integers(0, 364).map(lambda n: D("2023-01-01") + n * ONE_DAY)
LAND = st.sampled_from([None, "BE", "BY"])
SPANS = st.lists(SPAN, max_size=4, unique_by=lambda one: one.first_day)
RESTARTS = st.lists(NEAR, max_size=4, unique=True)
TITLES = st.lists(NEAR, max_size=1)


@settings(max_examples=120, deadline=None)
@given(DUE, RESTARTS, SPANS, TITLES, LAND)
def test_equals_counting_day_by_day(
    due: date, restarts: list[date], spans: list[Suspension], titles: list[date], land: str | None
) -> None:
    titles = [title for title in titles if title not in {one.first_day for one in spans}]
    found = limitation_of(due, PERIODS, restarts=restarts, suspensions=spans, titles=titles, land=land)
    assert found.warn_on == slow_ends(due, restarts, spans, titles, land)
    assert found.time_barred_after == next_working_day(found.warn_on, land)


@settings(max_examples=150, deadline=None)
@given(DUE, RESTARTS, SPANS, SPAN, NEAR, st.none() | NEAR)
def test_more_events_never_end_it_earlier(
    due: date, restarts: list[date], spans: list[Suspension], one: Suspension, again: date, known: date | None
) -> None:
    plain = limitation_of(due, PERIODS, restarts=restarts, suspensions=spans, known_on=known)
    suspended = limitation_of(due, PERIODS, restarts=restarts, suspensions=[*spans, one], known_on=known)
    restarted = limitation_of(due, PERIODS, restarts=[*restarts, again], suspensions=spans, known_on=known)
    assert suspended.warn_on >= plain.warn_on
    assert restarted.warn_on >= plain.warn_on
    backwards = limitation_of(due, PERIODS, restarts=restarts[::-1], suspensions=spans[::-1], known_on=known)
    assert backwards == plain
