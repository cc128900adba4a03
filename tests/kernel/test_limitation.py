"""When claims become time-barred: the statute's cases, and a slow twin that walks day by day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mahnwerk.frames import CLAIMS, FACTS, ClaimKind, DueKind, FactKind
from mahnwerk.kernel.calendar import next_working_day
from mahnwerk.kernel.limitation import (
    Suspension,
    limitation,
    limitation_of,
    negotiation,
    payment_order,
    periods_of,
    plus_months,
    plus_years,
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


def test_month_ends() -> None:
    assert plus_months(D("2024-08-31"), 6) == D("2025-02-28")
    assert plus_years(D("2024-02-29"), 3) == D("2027-02-28")
    assert plus_years(D("2024-02-29"), 4) == D("2028-02-29")
    assert plus_months(D("2024-12-15"), 1) == D("2025-01-15")


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


# --- columns ----------------------------------------------------------------------------------

_CLAIM: dict[str, Any] = {
    **dict.fromkeys([*CLAIMS, "land"]),
    "claim_id": 1,
    "case_id": 10,
    "jurisdiction": "de",
    "kind": int(ClaimKind.GOODS_OR_SERVICES),
    "due_on": D("2023-05-10"),
    "due_kind": int(DueKind.CALENDAR),
    "land": "BE",
}
Fact = tuple[FactKind, str, dict[str, Any]]


def claims(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(
        [{**_CLAIM, **row} for row in rows], schema={**CLAIMS, "land": pl.String}, orient="row"
    )


def facts(*rows: Fact) -> pl.DataFrame:
    made = [
        {"case_id": 10, "fact_no": n, "claim_id": 1, "kind": int(kind), "effective_on": D(on), **more}
        for n, (kind, on, more) in enumerate(rows, start=1)
    ]
    return pl.DataFrame(
        [{column: row.get(column) for column in FACTS} for row in made], schema=dict(FACTS), orient="row"
    )


def column(*rows: Fact, on: str = "2026-11-21", claim: dict[str, Any] | None = None) -> str:
    found = limitation(claims(claim or {}), facts(*rows), LAWS, D(on))
    assert found.height == 1
    return str(found["time_barred_after"][0])


def test_column_of_the_statutes_cases() -> None:
    paid = (FactKind.PAYMENT_RECEIVED, "2026-03-02", {})
    assert column() == "2026-12-31"
    assert column(paid) == "2029-03-02"
    assert column((FactKind.DEBT_ACKNOWLEDGED, "2026-03-02", {"claim_id": None})) == "2029-03-02"
    filed, served = (
        (FactKind.PAYMENT_ORDER_FILED, "2026-12-29", {}),
        (FactKind.PAYMENT_ORDER_SERVED, "2027-01-11", {}),
    )
    assert column(filed, on="2026-12-30") == "2026-12-31"  # filed alone does not suspend
    assert column(filed, served, on="2027-01-12") == str(D("2026-12-31") + 195 * ONE_DAY)
    assert column((FactKind.TITLE_OBTAINED, "2026-05-04", {})) == "2056-05-04"
    sent = (FactKind.MESSAGE_DELIVERED, "2026-05-04", {})
    assert column(sent) == "2026-12-31"  # a reminder does not suspend


def test_column_of_open_ends_assumes_the_earliest() -> None:
    talks = (FactKind.NEGOTIATION_BEGAN, "2026-11-01", {})
    assert column(talks, on="2026-11-30") == str(next_working_day(D("2027-02-28"), "BE"))
    ended = (FactKind.NEGOTIATION_ENDED, "2026-11-10", {})
    assert column(talks, ended, on="2026-11-30") == str(next_working_day(D("2027-02-10"), "BE"))
    suit = (FactKind.LITIGATION_PENDING, "2026-12-01", {})
    assert column(suit, on="2027-03-01") == str(next_working_day(D("2026-12-31") + 275 * ONE_DAY, "BE"))
    deferred = (FactKind.DEFERRAL_GRANTED, "2026-11-01", {"until_on": D("2026-11-30")})
    assert column(deferred) == str(next_working_day(D("2026-12-31") + 30 * ONE_DAY, "BE"))


def test_payment_without_a_claim_restarts_only_the_only_claim() -> None:
    wide = facts((FactKind.PAYMENT_RECEIVED, "2026-03-02", {"claim_id": None}))
    alone = limitation(claims({}), wide, LAWS, D("2026-11-21"))
    assert alone["time_barred_after"].to_list() == [D("2029-03-02")]
    two = limitation(claims({}, {"claim_id": 2}), wide, LAWS, D("2026-11-21"))
    assert two["time_barred_after"].to_list() == [D("2026-12-31")] * 2
    named = facts((FactKind.PAYMENT_RECEIVED, "2026-03-02", {"claim_id": 2}))
    one = limitation(claims({}, {"claim_id": 2}), named, LAWS, D("2026-11-21"))
    assert one["time_barred_after"].to_list() == [D("2026-12-31"), D("2029-03-02")]


def test_consumer_loan_rests_from_default_for_ten_years_at_most() -> None:
    began = pl.DataFrame({"claim_id": [1, 2, 3], "default_began_on": [D("2023-06-01")] * 3})
    rows = claims(
        {"kind": int(ClaimKind.CONSUMER_LOAN)},
        {"claim_id": 2},
        {"claim_id": 3, "kind": int(ClaimKind.CONSUMER_LOAN), "due_on": D("2026-11-20")},
    )
    found = limitation(rows, facts(), LAWS, D("2026-11-21"), defaults=began)
    # 1 January 2024 to 10 May 2033 are not counted
    expected = D("2026-12-31") + (D("2033-05-10") - D("2023-12-31"))
    assert found["warn_on"].to_list() == [expected, D("2026-12-31"), D("2029-12-31")]
    assert limitation(rows, facts(), LAWS, D("2026-11-21"))["warn_on"][0] == D("2026-12-31")
    titled = facts((FactKind.TITLE_OBTAINED, "2026-05-04", {}))
    assert limitation(rows, titled, LAWS, D("2026-11-21"), defaults=began)["warn_on"][0] == D("2056-05-04")


def test_unknown_law_leaves_the_row_empty_and_the_others_whole() -> None:
    rows = claims(
        {"due_on": D("1999-05-10")},
        {"claim_id": 2, "jurisdiction": "ch"},
        {"claim_id": 3, "due_on": None, "issued_on": D("2022-05-10")},
        {"claim_id": 4, "due_on": None},
    )
    found = limitation(rows, facts(), LAWS, D("2026-11-21"))
    assert found["claim_id"].to_list() == [1, 2, 3, 4]
    assert found["warn_on"].to_list() == [None, None, D("2025-12-31"), None]
    assert found["is_time_barred"].to_list() == [False, False, True, False]
    assert found["rule_id"].to_list() == [None, None, "limitation.regular_years", None]
    assert limitation(claims(), facts(), LAWS, D("2026-11-21")).height == 0
    assert limitation(claims({}), facts(), {}, D("2026-11-21"))["warn_on"].to_list() == [None]


EVENT = st.one_of(
    st.tuples(st.sampled_from([FactKind.PAYMENT_RECEIVED, FactKind.DEBT_ACKNOWLEDGED]), NEAR, st.just(0)),
    st.tuples(st.just(FactKind.DEFERRAL_GRANTED), NEAR, st.integers(0, 300)),
    st.tuples(st.just(FactKind.TITLE_OBTAINED), NEAR, st.just(0)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(EVENT, max_size=5), min_size=1, max_size=6), LAND)
def test_column_equals_claim_by_claim(lives: list[list[Any]], land: str | None) -> None:
    rows = [{"claim_id": n, "case_id": n, "land": land} for n in range(len(lives))]
    happened = facts(
        *(
            (kind, str(day), {"claim_id": n, "case_id": n, "until_on": day + length * ONE_DAY})
            for n, life in enumerate(lives)
            for kind, day, length in life
        )
    )
    found = limitation(claims(*rows), happened, LAWS, D("2026-11-21"))
    for n, life in enumerate(lives):
        one = limitation_of(
            D("2023-05-10"),
            PERIODS,
            restarts=[d for k, d, _ in life if k in (FactKind.PAYMENT_RECEIVED, FactKind.DEBT_ACKNOWLEDGED)],
            suspensions=[
                Suspension(d, d + m * ONE_DAY) for k, d, m in life if k == FactKind.DEFERRAL_GRANTED
            ],
            titles=[d for k, d, _ in life if k == FactKind.TITLE_OBTAINED],
            land=land,
        )
        row = found.row(n, named=True)
        assert (row["warn_on"], row["time_barred_after"], row["rule_id"]) == (
            one.warn_on,
            one.time_barred_after,
            one.rule_id,
        )
        assert row["is_time_barred"] is one.is_time_barred(D("2026-11-21"))
