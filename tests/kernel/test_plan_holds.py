"""A plan holds its claims until a fact ends it, and says what comes next; interest runs as agreed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernel.books import book, claim, default_after_due, fact, frame
from tests.kernel.dunning_books import DUE, held, laws, outcome, shipped, simple

from mahnwerk.frames import FactKind, HeldReason
from mahnwerk.kernel import plans
from mahnwerk.kernel.allocation import replay
from mahnwerk.kernel.calendar import plus_months
from mahnwerk.kernel.daily_run import plan_day

AGREED = date(2026, 4, 1)
FIRST = date(2026, 4, 15)
K = FactKind


def instalments(rate: int = 0, count: int = 4, amount: int = 2_500, case_id: int = 1) -> pl.DataFrame:
    rows = [
        {
            "case_id": case_id,
            "plan_id": 7,
            "plan_code": "plan-1",
            "number": n,
            "due_on": plus_months(FIRST, n - 1),
            "amount_cents": amount,
            "grace_days": 7,
            "agreed_on": AGREED,
            "rate_ppm": rate,
            "is_accelerated": True,
            "is_debited": False,
        }
        for n in range(1, count + 1)
    ]
    return frame(plans.INSTALMENTS, rows)


def planned(on: date, *facts: tuple[K, date, dict[str, Any]], rate: int = 0, told: date | None = None) -> Any:
    story = simple()
    story.fact(K.PLAN_AGREED, AGREED, claim_id=11, code="plan-1")
    for kind, day, more in facts:
        story.fact(kind, day, **more)
    rows = instalments(rate).with_columns(reminded_on=pl.lit(told, pl.Date))
    return plan_day(replace(story.book(), instalments=rows), laws(), on, procedures=shipped())


@pytest.mark.parametrize(
    ("on", "detail", "look_on"),
    [
        (date(2026, 4, 2), "next_instalment 2026-04-15", date(2026, 4, 15)),
        (date(2026, 4, 15), "instalment_late 2026-04-15", date(2026, 4, 23)),
    ],
)
def test_unpaid_it_holds_and_says_how_it_stands(on: date, detail: str, look_on: date | None) -> None:
    row = held(planned(on))
    assert (row["reason"], row["detail"]) == (HeldReason.PLAN_KEPT, detail)
    assert row["next_look_on"] == look_on


@pytest.mark.parametrize(
    ("on", "told", "detail", "look_on"),
    [
        (date(2026, 4, 24), date(2026, 4, 23), "instalment_missed 2026-04-15", date(2026, 5, 8)),
        (date(2026, 5, 10), date(2026, 4, 23), "instalment_missed 2026-04-15", date(2026, 5, 23)),
        (date(2026, 5, 20), date(2026, 4, 23), "instalment_missed 2026-04-15", date(2026, 5, 23)),
        (date(2026, 5, 25), date(2026, 5, 25), "instalments_missed 2026-04-15", date(2026, 6, 9)),
    ],
)
def test_once_told_it_waits_for_the_answer_or_the_next_instalment(
    on: date, told: date, detail: str, look_on: date
) -> None:
    row = held(planned(on, told=told))
    assert (row["reason"], row["detail"]) == (HeldReason.PLAN_KEPT, detail)
    assert row["next_look_on"] == look_on


def test_where_the_grace_ends_on_a_saturday_it_is_looked_at_after_the_next_working_day() -> None:
    paid = (K.PAYMENT_RECEIVED, date(2026, 4, 14), {"amount_cents": 5_000})
    saturday = date(2026, 6, 20) - timedelta(days=7)
    story = simple()
    story.fact(K.PLAN_AGREED, AGREED, claim_id=11, code="plan-1").fact(paid[0], paid[1], **paid[2])
    rows = instalments().with_columns(
        due_on=pl.when(pl.col("number") == 3).then(pl.lit(saturday)).otherwise("due_on")
    )
    row = held(
        plan_day(replace(story.book(), instalments=rows), laws(), date(2026, 6, 21), procedures=shipped())
    )
    assert row["detail"] == f"instalment_late {saturday}"
    assert row["next_look_on"] == date(2026, 6, 23)


def test_missed_and_not_told_yet_it_is_the_reminders_turn() -> None:
    assert outcome(planned(date(2026, 4, 23))) == ("measure", "plan_reminder")


def test_paid_it_looks_to_the_next_instalment() -> None:
    paid = (K.PAYMENT_RECEIVED, date(2026, 4, 14), {"amount_cents": 2_500})
    assert held(planned(date(2026, 4, 16), paid))["detail"] == "next_instalment 2026-05-15"


def test_broken_or_ended_dunning_goes_on() -> None:
    for kind in (K.PLAN_BROKEN, K.PLAN_ENDED):
        day = date(2026, 5, 20)
        assert outcome(planned(day, (kind, day, {})))[0] == "measure"


def test_a_claim_placed_after_the_plan_is_dunned_by_itself() -> None:
    story = simple().claim(12, due_on=date(2026, 4, 20))
    story.fact(K.PLAN_AGREED, AGREED, claim_id=11, code="plan-1")
    story.fact(K.PAYMENT_RECEIVED, date(2026, 4, 15), claim_id=11, amount_cents=2_500)
    given_book = replace(story.book(), instalments=instalments())
    plan = plan_day(given_book, laws(), date(2026, 5, 4), procedures=shipped())
    assert plan.measure_items["claim_id"].to_list() == [12]


def money(on: date, *facts: dict[str, Any], rate: int = 0) -> dict[str, Any]:
    claims = [claim(1, issued_on=date(2026, 1, 1), principal_cents=100_000)]
    given_book = replace(book(claims, list(facts)), instalments=instalments(rate))
    result = replay(given_book, default_after_due(claims), laws(), on, detail=True)
    assert result.spans is not None
    assert result.tomorrow is not None
    row = result.balances.row(0, named=True)
    return {**row, "spans": result.spans.to_dicts(), "tomorrow": result.tomorrow.row(0, named=True)}


AGREEMENT = fact(1, K.PLAN_AGREED, AGREED, claim_id=101, code="plan-1")


def test_no_interest_runs_under_a_plan_without_any_and_none_is_made_up_for() -> None:
    before = money(AGREED)["interest_accrued_cents"]
    assert before > 0
    kept = money(date(2026, 6, 1), AGREEMENT)
    assert kept["interest_accrued_cents"] == before
    assert kept["tomorrow"]["interest_millicents"] == 0
    broken = fact(2, K.PLAN_BROKEN, date(2026, 6, 1), code="instalments_missed")
    after = money(date(2026, 6, 11), AGREEMENT, broken)
    ten_days = (
        money(date(2026, 6, 11))["interest_accrued_cents"] - money(date(2026, 6, 1))["interest_accrued_cents"]
    )
    assert abs(after["interest_accrued_cents"] - before - ten_days) <= 1


def test_interest_as_agreed_runs_on_the_open_principal_and_stands_in_the_schedule() -> None:
    before = money(AGREED)["interest_accrued_cents"]
    found = money(AGREED + timedelta(days=73), AGREEMENT, rate=50_000)
    assert found["interest_accrued_cents"] == before + 1_000  # 1,000 euro at 5 % for a fifth of a year
    last = found["spans"][-1]
    assert (last["rule_id"], last["margin_ppm"], last["first_day"]) == (
        "interest.agreed",
        50_000,
        AGREED + timedelta(days=1),
    )
    assert found["tomorrow"]["rate_ppm"] == 50_000


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 120), st.integers(1, 30_000)), max_size=4),
    st.sampled_from([0, 10_000, 60_000]),
    st.integers(0, 150),
    st.integers(0, 100),
)
def test_a_plan_never_costs_more_than_no_plan(
    payments: list[tuple[int, int]], rate: int, after: int, ends_after: int
) -> None:
    paid = [
        fact(n, K.PAYMENT_RECEIVED, AGREED + timedelta(days=day), cents)
        for n, (day, cents) in enumerate(payments, start=10)
    ]
    ended = fact(2, K.PLAN_BROKEN, AGREED + timedelta(days=ends_after))
    on = AGREED + timedelta(days=after)
    with_plan = money(on, AGREEMENT, ended, *paid, rate=rate)
    without = money(on, *paid)
    assert with_plan["open_cents"] <= without["open_cents"]
    assert on > DUE
