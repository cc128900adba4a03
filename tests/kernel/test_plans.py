"""Plans add up, end, cost what they say, and are broken only by those who stop paying."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.kernel.books import frame

from mahnwerk.kernel import plan_states, plans
from mahnwerk.kernel.calendar import plus_months
from mahnwerk.kernel.plans import INSTALMENTS, PlanRefused, PlanWish, solve
from mahnwerk.law import load_laws

ON = date(2026, 11, 16)
LAW = load_laws()["de"]


def wish(open_cents: int, per_month: int, **more: object) -> PlanWish:
    return PlanWish(open_cents, per_month, date(2026, 12, 1), **more)  # type: ignore[arg-type]


def test_a_plan_by_hand() -> None:
    offer = solve(wish(100_00, 30_00), LAW, ON)
    assert [i.amount_cents for i in offer.instalments] == [3000, 3000, 3000, 1000]
    assert offer.last_due_on == date(2027, 3, 1)
    assert (offer.total_cents, offer.interest_cents) == (10000, 0)


def test_interest_is_part_of_the_instalment_and_shown() -> None:
    offer = solve(wish(1_000_00, 100_00, rate_ppm=60_000), LAW, ON)
    assert offer.instalments[0].interest_cents == 247  # 1,000 at 6 % for 15 days: 2.4657…
    assert offer.total_cents == 1_000_00 + offer.interest_cents


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (wish(100_00, 0), "deferral"),
        (wish(100_00, 100), "deferral"),
        (wish(0, 100_00), "nothing to pay"),
        (wish(10_000_00, 50_00), "run past"),
        (wish(100_000_00, 500, rate_ppm=60_000), "interest"),
        (wish(100_00, 50_00, rate_ppm=70_000), "above the law"),
        (wish(100_00, 50_00, clauses=("acknowledgement",)), "unknown clause"),
        (PlanWish(100_00, 50_00, date(2026, 1, 1)), "before today"),
    ],
)
def test_what_is_refused_says_why(asked: PlanWish, why: str) -> None:
    with pytest.raises(PlanRefused, match=why):
        solve(asked, LAW, ON)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 5_000_00), st.integers(500, 1_000_00), st.sampled_from([0, 10_000, 65_200]))
def test_it_adds_up_and_ends(open_cents: int, per_month: int, rate: int) -> None:
    assume(open_cents <= per_month * 60)
    offer = solve(wish(open_cents, per_month, rate_ppm=rate), LAW, ON)
    assert sum(i.amount_cents for i in offer.instalments) == open_cents + offer.interest_cents
    assert all(0 < i.amount_cents <= per_month for i in offer.instalments)
    assert offer.instalments[-1].left_cents == 0
    days = [i.due_on for i in offer.instalments]
    assert days == sorted(set(days))


def test_the_terms_hash_tells_every_change() -> None:
    first = solve(wish(100_00, 30_00), LAW, ON).terms_hash
    assert solve(wish(100_00, 30_00), LAW, ON).terms_hash == first
    assert solve(wish(100_00, 30_00, grace_days=8), LAW, ON).terms_hash != first
    assert solve(wish(100_00, 25_00), LAW, ON).terms_hash != first


def test_affordable_is_what_the_table_leaves() -> None:
    assert plans.affordable(2_000_00, 0, ON, LAW) == 288_82
    assert plans.affordable(2_000_00, 0, ON, LAW, other_plans_cents=300_00) == 0


def agreed(count: int = 3, amount: int = 3000, **changes: Any) -> pl.DataFrame:
    row = {
        "case_id": 1,
        "plan_id": 7,
        "plan_code": "plan-1",
        "amount_cents": amount,
        "grace_days": 7,
        "agreed_on": ON,
        "rate_ppm": 0,
        "is_accelerated": True,
        "is_debited": False,
    }
    rows = [
        {**row, "number": number, "due_on": plus_months(date(2026, 12, 1), number - 1), **changes}
        for number in range(1, count + 1)
    ]
    return frame(INSTALMENTS, rows)


def paid(cents: int) -> pl.DataFrame:
    return frame(plan_states.PAID, [{"case_id": 1, "plan_code": "plan-1", "paid_cents": cents}])


@pytest.mark.parametrize(
    ("payments", "on", "state"),
    [
        (0, date(2026, 11, 30), "kept"),
        (0, date(2026, 12, 1), "grace"),
        (0, date(2026, 12, 8), "grace"),
        (0, date(2026, 12, 9), "missed"),
        (3000, date(2026, 12, 9), "kept"),
        (1000, date(2026, 12, 9), "missed"),
        (0, date(2027, 1, 1), "missed"),  # the second is due today, so it is not missing yet
        (0, date(2027, 1, 8), "missed"),  # the last of its days of grace
        (0, date(2027, 1, 9), "broken"),
        (1000, date(2027, 1, 9), "missed"),  # less than two full ones
        (9000, date(2026, 11, 21), "fulfilled"),
    ],
)
def test_states(payments: int, on: date, state: str) -> None:
    (row,) = plan_states.states(agreed(), paid(payments), on).to_dicts()
    assert row["state"] == state


@pytest.mark.parametrize(
    ("due_on", "last"),
    [
        (date(2026, 12, 14), date(2026, 12, 21)),  # a Monday stays
        (date(2026, 12, 12), date(2026, 12, 21)),  # a Saturday becomes Monday
        (date(2026, 12, 13), date(2026, 12, 21)),
        (date(2026, 12, 18), date(2026, 12, 28)),  # Christmas, and a weekend behind it
        (date(2026, 12, 30), date(2027, 1, 7)),  # Epiphany, a holiday of some Länder: the Land is not asked
        (date(2100, 12, 30), date(2101, 1, 6)),  # beyond the calendar nothing is moved
    ],
)
def test_days_of_grace_end_on_a_working_day(due_on: date, last: date) -> None:
    rows = agreed(1, due_on=due_on)
    assert plan_states.states(rows, paid(0), last)["state"].to_list() == ["grace"]
    (row,) = plan_states.states(rows, paid(0), last + timedelta(days=1)).to_dicts()
    assert (row["state"], row["missed_from"]) == ("missed", last)


ORDER = {"fulfilled": 0, "kept": 1, "grace": 2, "not_collected": 3, "missed": 4, "broken": 5}


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 9_500), st.integers(0, 120), st.integers(1, 3000), st.booleans(), st.integers(0, 60))
def test_paying_more_never_makes_it_worse(
    cents: int, after: int, extra: int, is_debited: bool, failed_after: int
) -> None:
    on = ON + timedelta(days=after)
    failed_on = ON + timedelta(days=failed_after)
    rows = agreed(is_debited=is_debited, mandate_from=ON, is_ordered=True, failed_on=failed_on)
    before = plan_states.states(rows, paid(cents), on)["state"][0]
    better = plan_states.states(rows, paid(cents + extra), on)["state"][0]
    assert ORDER[better] <= ORDER[before]


def acted(
    state_on: date, *, told: date | None, accelerated: bool = True, left: int = 9_000, cents: int = 0
) -> list[str]:
    rows = agreed().with_columns(is_accelerated=pl.lit(accelerated))
    stand = plan_states.states(rows, paid(cents), state_on)
    owed = pl.DataFrame({"case_id": [1], "plan_code": ["plan-1"], "open_cents": [left]})
    known = [(7, told, told + timedelta(days=plan_states.OFFER_DAYS), None)] if told else []
    words = pl.DataFrame(known, schema=plan_states.TOLD, orient="row")
    return plan_states.actions(stand, rows, words, owed, state_on)["action"].to_list()


TOLD = date(2027, 1, 9)


@pytest.mark.parametrize(
    ("on", "told", "accelerated", "left", "action"),
    [
        (date(2027, 1, 23), TOLD, True, 9_000, []),  # the fourteenth day still is for the answer
        (date(2027, 1, 24), TOLD, True, 9_000, ["instalments_missed"]),
        (date(2027, 1, 24), None, True, 9_000, []),  # nobody told him
        (date(2027, 1, 24), date(2026, 11, 30), True, 9_000, []),  # told of something else
        (date(2027, 1, 24), date(2027, 1, 8), True, 9_000, []),  # told when only one was missed
        (date(2027, 1, 24), TOLD, False, 9_000, []),  # not agreed
        (date(2027, 2, 24), date(2027, 2, 9), False, 9_000, ["not_paid_by_its_end"]),  # nothing is to come
        (date(2027, 2, 23), date(2027, 2, 9), False, 9_000, []),  # the fourteenth day
        (date(2027, 2, 24), date(2027, 2, 8), False, 9_000, []),  # told before the last was missed
        (date(2026, 12, 31), date(2026, 12, 9), True, 9_000, []),  # only one is missing
        (date(2027, 1, 24), TOLD, True, 0, ["fulfilled"]),  # nothing is open any more
    ],
)
def test_only_what_was_signed_happens(
    on: date, told: date | None, accelerated: bool, left: int, action: list[str]
) -> None:
    assert acted(on, told=told, accelerated=accelerated, left=left) == action


def test_the_last_instalment_missing_alone_ends_the_plan_once_told_and_unanswered() -> None:
    told = date(2027, 2, 9)
    assert acted(date(2027, 2, 23), told=told, cents=6_000) == []
    assert acted(date(2027, 2, 24), told=told, cents=6_000) == ["not_paid_by_its_end"]
    assert acted(date(2027, 12, 1), told=None, cents=6_000) == []


def test_a_deferral_is_one_instalment_with_its_interest() -> None:
    offer = solve(PlanWish(1_000_00, 10**13, date(2027, 2, 15), rate_ppm=60_000), LAW, ON)
    (only,) = offer.instalments
    assert (only.due_on, only.amount_cents) == (date(2027, 2, 15), 1_000_00 + offer.interest_cents)
    assert offer.interest_cents == 14_96  # 91 days: 14.9589…
    with pytest.raises(PlanRefused, match="months ahead"):
        solve(PlanWish(1_000_00, 10**13, date(2033, 2, 15)), LAW, ON)
