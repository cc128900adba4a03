"""A direct debit is told of once and in time, by a message that is no dunning, or the case says why not."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from tests.kernel.dunning_books import DUE, Story, held, laws, shipped, simple

from mahnwerk.frames import FactKind, HeldReason
from mahnwerk.kernel import debit_notices, permits
from mahnwerk.kernel.daily_run import decide
from mahnwerk.kernel.notices import DEBIT_NOTICE
from mahnwerk.kernel.target_days import is_target_day

K = FactKind
ON = DUE + timedelta(days=30)
DAY = debit_notices.in_time(ON, ON, 14)


def announced(**case: Any) -> Story:
    """One claim of 100 euro, overdue, that is to be collected."""
    return simple(**case).announce(ON, DAY)


def test_it_is_told_on_the_day_it_is_decided_and_says_what_it_may() -> None:
    plan = announced().plan(ON)
    (measure,) = plan.measures.iter_rows(named=True)
    assert (measure["step_id"], measure["channel"], measure["cycle"]) == (DEBIT_NOTICE, "email", 1)
    assert (measure["demanded_cents"], measure["fee_cents"], measure["is_dunning"]) == (10_000, 0, False)
    assert (measure["pay_by"], measure["level"]) == (DAY, 0)
    (item,) = plan.measure_items.iter_rows(named=True)
    assert (item["climbs"], item["triggers_default"], item["lump_sum_cents"]) == (False, False, 0)


def test_told_it_rests_until_a_week_after_the_day_named_and_then_dunning_goes_on() -> None:
    story = announced()
    late = ON + timedelta(days=20)
    story.send(story.plan(late), late)
    named = debit_notices.in_time(DAY, late, 14)
    assert named > DAY
    for days in range(1, (named - late).days + 8):
        row = held(story.plan(late + timedelta(days=days)))
        assert (row["reason"], row["detail"]) == (HeldReason.HOLD.value, "direct_debit")
    after = story.plan(named + timedelta(days=8))
    assert after.measures["step_id"].to_list() == ["payment_reminder"]


def test_before_it_is_told_nothing_else_is_sent_and_what_stands_against_it_is_named() -> None:
    for kind, reason in (
        (K.DISPUTE_RAISED, HeldReason.DISPUTED),
        (K.INSOLVENCY_OPENED, HeldReason.INSOLVENCY),
        (K.HARDSHIP_REPORTED, HeldReason.HARDSHIP),
    ):
        claim = {"claim_id": 11} if kind == K.DISPUTE_RAISED else {}
        row = held(announced().fact(kind, ON, **claim).plan(ON))
        assert row["reason"] == reason.value
    partly = announced().fact(K.DISPUTE_RAISED, ON, claim_id=11, amount_cents=4_000).plan(ON)
    assert held(partly)["detail"] == "direct_debit"
    nobody = announced(has_email=False, has_postal_address=False)
    assert held(nobody.plan(ON))["reason"] == HeldReason.NO_ADDRESS.value


def test_less_is_told_if_less_is_owed() -> None:
    story = announced().fact(K.PAYMENT_RECEIVED, ON, amount_cents=9_000)
    asked = story.plan(ON).measures["demanded_cents"].to_list()
    assert asked and asked[0] < 10_000


def test_a_message_that_came_back_told_nobody() -> None:
    story = announced()
    story.send(story.plan(ON), ON)
    back = ON + timedelta(days=3)
    story.fact(K.MESSAGE_BOUNCED, back, message_id=1000)
    again = story.plan(back)
    (measure,) = again.measures.iter_rows(named=True)
    assert (measure["channel"], measure["cycle"]) == ("post", 1)
    assert measure["pay_by"] == debit_notices.in_time(DAY, back, 14)


def test_a_returned_instalment_is_told_of_before_the_plan_is_reminded_of_it() -> None:
    first = ON + timedelta(days=5)
    days = [first + timedelta(days=30 * n) for n in range(4)]
    story = simple().agree(days, 2_500, ON)
    back = first + timedelta(days=20)
    story.announce(back, back, claim_id=None, plan_id=11, number=1, amount_cents=2_500)
    (measure,) = story.plan(back).measures.iter_rows(named=True)
    assert (measure["step_id"], measure["demanded_cents"]) == (DEBIT_NOTICE, 2_500)
    paid = story.fact(K.PAYMENT_RECEIVED, back, amount_cents=2_500).plan(back)
    assert held(paid)["reason"] == HeldReason.PLAN_KEPT.value


def test_two_days_of_a_case_are_told_in_two_messages() -> None:
    story = simple().claim(12, due_on=DUE + timedelta(days=60))
    far = debit_notices.in_time(DUE + timedelta(days=60), ON, 14)
    story.announce(ON, DAY).announce(ON, far, claim_id=12)
    one = story.plan(ON)
    assert one.measures["pay_by"].to_list() == [DAY]
    story.send(one, ON)
    two = story.plan(ON + timedelta(days=1))
    assert (two.measures["pay_by"].to_list(), two.measures["cycle"].to_list()) == ([far], [2])


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        ("debit_in_time", {"pay_by": ON + timedelta(days=13)}),
        ("debit_in_time", {"demanded_cents": 10_001}),
        ("pay_by_ahead", {"pay_by": ON}),
        ("due_as_said", {"pay_by": DUE - timedelta(days=1)}),
        ("no_fee_for_default", {"fee_cents": 100}),
        ("no_fee_for_default", {"is_dunning": True}),
        ("something_owed", {"demanded_cents": 9_999}),
        ("channel_usable", {"channel": "fax"}),
    ],
)
def test_each_rule_refuses_what_is_no_announcement(rule: str, broken: dict[str, Any]) -> None:
    story = announced()
    result = decide(story.book(), laws(), ON, procedures=shipped())
    book = story.book()
    mine = result.debits
    claims = result.plan.measure_items.select("claim_id", ask_cents="open_cents")
    states = (
        book.claims.select("claim_id", "due_on")
        .join(claims, on="claim_id")
        .with_columns(
            tells=True, is_closed=False, block_rank=pl.lit(None, pl.Int16), level=pl.lit(0, pl.Int16)
        )
    )
    cases = book.cases.select("case_id", can_post=True, can_email=True)

    def answer(**changes: Any) -> dict[str, Any]:
        measures = result.plan.measures.with_columns(
            **{name: pl.lit(v).cast(result.plan.measures.schema[name]) for name, v in changes.items()}
        )
        asked = debit_notices.answers(
            measures, result.plan.measure_items, states, cases, mine, result.evidence, ON
        )
        return asked.row(0, named=True)

    assert all(answer().values())
    assert answer(**broken)[rule] is False


def test_whatever_happens_each_debit_is_told_once_in_time_and_never_dunned_meanwhile() -> None:
    chance = random.Random(7)
    told_of = 0
    for _ in range(25):
        story, waits = simple(), chance.choice((1, 5, 14))
        story.claim(12, due_on=DUE + timedelta(days=chance.randrange(40)))
        on = DUE + timedelta(days=chance.randrange(15, 40))
        for claim_id in (11, 12):
            due = next(row["due_on"] for row in story.claims if row["claim_id"] == claim_id)
            day = debit_notices.in_time(due, on, waits)
            story.announce(on, day, claim_id=claim_id, notice_days=waits)
        named: dict[int, date] = {}
        for step in range(60):
            now = on + timedelta(days=step)
            if chance.random() < 0.05:
                story.fact(K.HARDSHIP_REPORTED, now)
            if chance.random() < 0.3:
                story.fact(K.HARDSHIP_ENDED, now)
            if chance.random() < 0.3:
                continue  # no run on this day
            plan = story.plan(now)  # decides each case once, or raises
            if plan.measures.is_empty():
                continue
            (measure,) = plan.measures.iter_rows(named=True)
            claim_ids = plan.measure_items["claim_id"].to_list()
            if measure["step_id"] == DEBIT_NOTICE:
                assert not set(claim_ids) & set(named)
                assert (measure["pay_by"] - now).days >= waits and is_target_day(measure["pay_by"])
                named |= dict.fromkeys(claim_ids, measure["pay_by"])
            else:
                for claim_id in claim_ids:
                    assert now > named[claim_id] + debit_notices.HOLD_AFTER
            key = permits.keys_of(plan.measures, plan.measure_items)[1]
            asked = permits.permits(story.book(), laws(), now, shipped(), [key])
            assert asked[1].granted
            story.send(plan, now)
        told_of += len(named)
    assert told_of >= 45
