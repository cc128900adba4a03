"""A missed instalment is told of once, kindly, when nothing stands against it; as a slow twin has it."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from tests.kernel import plan_reminder_twin
from tests.kernel.dunning_books import Story, held, laws, outcome, shipped, simple

from mahnwerk.frames import Book, DayPlan, FactKind, HeldReason
from mahnwerk.kernel import permits, plan_reminders
from mahnwerk.kernel.calendar import plus_months
from mahnwerk.kernel.daily_run import decide
from mahnwerk.kernel.notices import PLAN_REMINDER

K = FactKind
AGREED = date(2026, 3, 9)
FIRST = date(2026, 4, 15)
MISSED = date(2026, 4, 23)  # after seven days of grace
DAYS = [plus_months(FIRST, n) for n in range(4)]


def agreed(**case: Any) -> Story:
    """Four instalments of 25 euro on one claim of 100."""
    return simple(**case).agree(DAYS, 2_500, AGREED)


def test_the_first_day_after_the_grace_it_is_sent_and_says_what_it_may() -> None:
    story = agreed()
    assert held(story.plan(MISSED - timedelta(days=1)))["detail"] == "instalment_late 2026-04-15"
    plan = story.plan(MISSED)
    (measure,) = plan.measures.iter_rows(named=True)
    assert (measure["step_id"], measure["channel"], measure["cycle"]) == (PLAN_REMINDER, "email", 1)
    assert (measure["demanded_cents"], measure["fee_cents"], measure["is_dunning"]) == (2_500, 0, False)
    assert measure["pay_by"] == date(2026, 5, 7)
    (item,) = plan.measure_items.iter_rows(named=True)
    assert (item["climbs"], item["triggers_default"], item["lump_sum_cents"]) == (False, False, 0)


def test_told_it_rests_until_the_next_instalment_is_missed_too() -> None:
    story = agreed()
    sent = []
    for days in range(60):
        on = MISSED + timedelta(days=days)
        plan = story.plan(on)
        if plan.measures.height:
            story.send(plan, on)
            sent.append((on, plan.measures["cycle"][0], plan.measures["demanded_cents"][0]))
    # 15 May has its own days of grace: on the 23rd both are told of, each instalment once.
    assert sent == [(MISSED, 1, 2_500), (date(2026, 5, 23), 2, 5_000)]


def test_the_interval_to_the_last_message_is_kept() -> None:
    story = agreed()
    story.claim(12, due_on=date(2026, 4, 1))  # placed later, so it is dunned by itself
    on = date(2026, 4, 14)
    plan = story.plan(on)
    assert outcome(plan) == ("measure", "payment_reminder")
    story.send(plan, on)
    row = held(story.plan(MISSED))
    assert (row["reason"], row["detail"]) == (HeldReason.MIN_INTERVAL, PLAN_REMINDER)
    assert outcome(story.plan(row["next_look_on"])) == ("measure", PLAN_REMINDER)


def test_the_reminder_goes_before_the_dunning_of_other_claims_and_lists_only_its_own() -> None:
    story = agreed()
    story.claim(12, due_on=date(2026, 4, 10))
    plan = story.plan(MISSED)
    assert outcome(plan) == ("measure", PLAN_REMINDER)
    assert plan.measure_items["claim_id"].to_list() == [11]
    story.send(plan, MISSED)
    later = story.plan(MISSED + timedelta(days=20))
    assert outcome(later) == ("measure", "payment_reminder")
    assert later.measure_items["claim_id"].to_list() == [12]


AGAINST = [
    (K.DISPUTE_RAISED, {"claim_id": 11}, HeldReason.DISPUTED),
    (K.DISPUTE_RAISED, {"claim_id": 11, "amount_cents": 1_000}, HeldReason.DISPUTED),
    (K.DEBTOR_DECEASED, {}, HeldReason.DEBTOR_DECEASED),
    (K.INSOLVENCY_OPENED, {}, HeldReason.INSOLVENCY),
    (K.HARDSHIP_REPORTED, {}, HeldReason.HARDSHIP),
    (K.LAWYER_NAMED, {}, HeldReason.LAWYER_NAMED),
    (K.CONTACT_BANNED, {}, HeldReason.CONTACT_BANNED),
    (K.PROMISE_TO_PAY, {"until_on": MISSED}, HeldReason.PROMISE_PENDING),
    (K.DEFERRAL_GRANTED, {"claim_id": 11, "until_on": MISSED}, HeldReason.DEFERRED),
    (K.HOLD_SET, {"code": "unmatched_credit"}, HeldReason.UNMATCHED_CREDIT),
    (K.HOLD_SET, {}, HeldReason.HOLD),
    (K.LITIGATION_PENDING, {"claim_id": 11}, HeldReason.IN_COURT),
]


@pytest.mark.parametrize(("kind", "more", "reason"), AGAINST, ids=[str(row[0].name) for row in AGAINST])
def test_what_stands_against_it_is_the_reason_shown(
    kind: FactKind, more: dict[str, Any], reason: HeldReason
) -> None:
    story = agreed()
    story.fact(kind, date(2026, 4, 20), **more)
    assert held(story.plan(MISSED))["reason"] == reason
    free = agreed().fact(kind, date(2026, 4, 20), **more)
    number = free.facts[-1]["fact_no"]
    free.fact(K.VOIDED, date(2026, 4, 21), voids_fact_no=number)
    assert outcome(free.plan(MISSED)) == ("measure", PLAN_REMINDER)


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ({"feed_checked_on": date(2026, 4, 1), "feed_max_age_days": 5}, HeldReason.STALE_FEED),
        ({"has_email": False, "has_postal_address": False}, HeldReason.NO_ADDRESS),
        ({"procedure": None}, HeldReason.NOT_ENROLLED),
    ],
)
def test_what_the_case_lacks_holds_it_too(case: dict[str, Any], reason: HeldReason) -> None:
    assert held(agreed(**case).plan(MISSED))["reason"] == reason


def test_a_dispute_of_a_covered_claim_holds_the_reminder_and_not_the_dunning_of_another() -> None:
    story = agreed()
    story.claim(12, due_on=date(2026, 4, 10)).fact(K.DISPUTE_RAISED, date(2026, 4, 20), claim_id=11)
    plan = story.plan(MISSED)
    assert outcome(plan) == ("measure", "payment_reminder")
    assert plan.measure_items["claim_id"].to_list() == [12]


def test_a_few_cents_short_nobody_is_written_to() -> None:
    story = agreed()
    story.fact(K.PAYMENT_RECEIVED, FIRST, amount_cents=2_400)
    assert held(story.plan(MISSED))["reason"] == HeldReason.WITHIN_TOLERANCE


def test_one_that_came_back_is_tried_again_by_the_other_way_under_the_same_key() -> None:
    story = agreed()
    story.send(story.plan(MISSED), MISSED)
    on = MISSED + timedelta(days=1)
    story.fact(K.MESSAGE_BOUNCED, on, message_id=story.notices[-1]["message_id"])
    (measure,) = story.plan(on).measures.iter_rows(named=True)
    assert (measure["step_id"], measure["cycle"], measure["channel"]) == (PLAN_REMINDER, 1, "post")


def test_one_of_which_nobody_knows_is_never_repeated() -> None:
    story = agreed()
    story.send(story.plan(MISSED), MISSED, confirm=False)
    row = held(story.plan(MISSED + timedelta(days=3)))
    assert row["reason"] == HeldReason.UNCERTAIN_MESSAGE


def test_a_payment_between_plan_and_seal_stops_it() -> None:
    story = agreed()
    plan = story.plan(MISSED)
    key = permits.keys_of(plan.measures, plan.measure_items)[1]
    granted = permits.permits(story.book(), laws(), MISSED, shipped(), [key])[1]
    assert granted.granted
    story.fact(K.PAYMENT_RECEIVED, MISSED, amount_cents=2_500)
    refused = permits.permits(story.book(), laws(), MISSED, shipped(), [key])[1]
    assert (refused.granted, refused.refused_by) == (False, "not_held")


def test_every_rule_refuses_a_reminder_that_breaks_it() -> None:
    story = agreed()
    decided = decide(story.book(), laws(), MISSED, procedures=shipped())
    live, book = story.book().facts, story.book()
    whose = plan_reminders.turn(live, book.claims, book.instalments, decided.evidence, decided.stand)
    states = decided.plan.balances.join(book.claims.select("claim_id"), on="claim_id").with_columns(
        reminds=pl.lit(True),
        is_closed=pl.lit(False),
        block_rank=pl.lit(None, pl.Int16),
        level=pl.lit(0, pl.Int16),
        ask_cents=pl.col("open_cents"),
    )
    cases = book.cases.with_columns(
        can_post=pl.lit(True),
        can_email=pl.lit(True),
        tolerance_cents=pl.lit(300),
        min_interval_days=pl.lit(14, pl.Int32),
        last_message_on=pl.lit(None, pl.Date),
    )

    def ask(rule: str, frame: str = "", **change: Any) -> bool:
        frames = {"measures": decided.plan.measures, "items": decided.plan.measure_items}
        frames |= {"states": states, "cases": cases}
        if frame:
            frames[frame] = frames[frame].with_columns(
                **{k: pl.lit(v).cast(frames[frame].schema[k]) for k, v in change.items()}
            )
        asked = plan_reminders.answers(**frames, whose=whose, sent=decided.evidence, on=MISSED)
        return bool(asked[rule][0])

    broken: list[tuple[str, str, dict[str, Any]]] = [
        ("channel_usable", "cases", {"can_email": False}),
        ("something_owed", "measures", {"demanded_cents": 2_499}),
        ("something_owed", "states", {"ask_cents": 100}),
        ("above_tolerance", "cases", {"tolerance_cents": 2_500}),
        ("nothing_blocked", "states", {"block_rank": 16}),
        ("nothing_blocked", "states", {"reminds": False}),
        ("one_step", "items", {"climbs": True}),
        ("one_step", "items", {"level": 1}),
        ("interval_kept", "cases", {"last_message_on": MISSED - timedelta(days=13)}),
        ("pay_by_ahead", "measures", {"pay_by": MISSED}),
        ("no_fee_for_default", "measures", {"fee_cents": 1}),
        ("no_fee_for_default", "measures", {"is_dunning": True}),
        ("no_fee_for_default", "items", {"triggers_default": True}),
        ("lump_sum_lawful", "items", {"lump_sum_cents": 4_000}),
        ("rate_missed", "measures", {"demanded_cents": 2_501}),
    ]
    for rule, frame, change in broken:
        assert ask(rule), rule
        assert not ask(rule, frame, **change), (rule, frame, change)


def told_at_random(dice: random.Random) -> Story:
    """A book of plans in which people pay, miss, bounce and dispute."""
    story = Story()
    for case_id in range(1, 5):
        checked = dice.choice([None, None, None, date(2026, 5, 10)])
        story.case(case_id, feed_checked_on=checked, feed_max_age_days=7 if checked else None)
        story.claim(100 + case_id, case_id)
        story.agree(DAYS, 2_500, AGREED, case_id)
        if dice.random() < 0.5:
            by_debit(dice, [row for row in story.instalments if row["case_id"] == case_id])
    return story


def by_debit(dice: random.Random, instalments: list[dict[str, Any]]) -> None:
    """We collect these: some in time, some not at all, some come back; the mandate may end."""
    ended = dice.choice([None, None, date(2026, 5, 20)])
    for row in instalments:
        row |= {"is_debited": True, "mandate_from": AGREED, "mandate_until": ended}
        if dice.random() < 0.7:
            row |= {"collect_on": row["due_on"], "is_ordered": True}
            if dice.random() < 0.5:
                failed_on = row["due_on"] + timedelta(days=dice.randint(1, 30))
                row |= {"failed_on": failed_on, "failed_reason": dice.choice(["MD06", "AM04", "AM05", None])}


EVENTS = (
    (K.PAYMENT_RECEIVED, 8),
    (K.PAYMENT_RETURNED, 2),
    (K.HOLD_SET, 1),
    (K.HOLD_LIFTED, 1),
    (K.DISPUTE_RAISED, 1),
    (K.DISPUTE_RESOLVED, 1),
    (K.PROMISE_TO_PAY, 1),
    (K.INSOLVENCY_OPENED, 1),
    (K.PLAN_BROKEN, 1),
)


def happens(dice: random.Random, story: Story, case_id: int, on: date) -> None:
    (kind,) = dice.choices([kind for kind, _ in EVENTS], [weight for _, weight in EVENTS])
    more: dict[str, Any] = {}
    if kind == K.PAYMENT_RECEIVED:
        more = {"amount_cents": dice.choice([2_500, 2_500, 1_000, 2_300, 5_000])}
    elif kind == K.PAYMENT_RETURNED:
        undone = {row["voids_fact_no"] for row in story.facts if row["case_id"] == case_id}
        paid = [
            row["fact_no"]
            for row in story.facts
            if row["case_id"] == case_id
            and row["kind"] == K.PAYMENT_RECEIVED
            and row["fact_no"] not in undone
        ]
        if not paid:
            return
        more = {"voids_fact_no": dice.choice(paid)}
    elif kind == K.DISPUTE_RAISED:
        more = {"claim_id": 100 + case_id}
    elif kind == K.PROMISE_TO_PAY:
        more = {"until_on": on + timedelta(days=dice.randint(1, 10))}
    story.fact(kind, on, case_id, **more)


def leaves(dice: random.Random, story: Story, plan: DayPlan, on: date) -> None:
    for case_id in plan.measures["case_id"]:
        fate = dice.choice(["sent", "sent", "sent", "bounced", "uncertain", "lost"])
        if fate == "lost":
            continue  # planned and not sent: the next day asks anew
        story.send(plan, on, case_id, confirm=fate != "uncertain")
        if fate == "bounced":
            story.fact(K.MESSAGE_BOUNCED, on, case_id, message_id=story.notices[-1]["message_id"])


def compared(story: Story, on: date) -> DayPlan:
    book = story.book()
    decided = decide(book, laws(), on, procedures=shipped())
    owed = dict(decided.plan.balances.group_by("case_id").agg(pl.col("open_cents").sum()).iter_rows())
    surplus = dict(decided.plan.balances.group_by("case_id").agg(pl.col("surplus_cents").max()).iter_rows())
    for case in story.cases:
        case_id = case["case_id"]
        received = {
            row["message_id"]: row["received_on"]
            for row in decided.evidence.filter(pl.col("case_id") == case_id).iter_rows(named=True)
            if row["evidence"] in ("proven", "presumed")
        }
        wanted = plan_reminder_twin.asks(story, case_id, on, received)
        if owed[case_id] <= 0 or surplus[case_id] > 0:
            wanted = 0
        mine = decided.plan.measures.filter(
            (pl.col("case_id") == case_id) & (pl.col("step_id") == PLAN_REMINDER)
        )
        got = mine["demanded_cents"][0] if mine.height else 0
        assert got == min(wanted, owed[case_id]), (case_id, on, held_or_sent(decided.plan, case_id))
    return decided.plan


def held_or_sent(plan: DayPlan, case_id: int) -> Any:
    return plan.held.filter(pl.col("case_id") == case_id).to_dicts()


@pytest.mark.parametrize("seed", range(8))
def test_at_random_it_is_sent_when_the_slow_twin_would(seed: int) -> None:
    dice = random.Random(seed)
    story = told_at_random(dice)
    on = FIRST
    while on < date(2026, 7, 20):
        for case_id in range(1, 5):
            if dice.random() < 0.25:
                happens(dice, story, case_id, on)
        leaves(dice, story, compared(story, on), on)
        on += timedelta(days=dice.choice([3, 5, 8]))
    _told_once_each(story)


def _told_once_each(story: Story) -> None:
    """No two reminders of a case that arrived are about the same instalments only."""
    back = {row["message_id"] for row in story.facts if row["kind"] == K.MESSAGE_BOUNCED}
    for case_id in range(1, 5):
        told = sorted(
            {
                row["sealed_on"]
                for row in story.notices
                if row["case_id"] == case_id
                and row["message_step_id"] == PLAN_REMINDER
                and row["message_id"] not in back
            }
        )
        rows = [row for row in story.instalments if row["case_id"] == case_id]
        news = {row["due_on"] + timedelta(days=7) for row in rows}
        news |= {row[name] for row in rows for name in ("failed_on", "mandate_until") if row[name]}
        for before, after in pairwise(told):
            assert any(before <= day < after for day in news)


def test_the_order_of_rows_does_not_matter() -> None:
    story = told_at_random(random.Random(3))
    on = date(2026, 5, 24)
    first = story.plan(on)
    book = story.book()
    turned = Book(*(getattr(book, name).reverse() for name in book.__dataclass_fields__))
    again = decide(replace(turned), laws(), on, procedures=shipped()).plan
    assert again.measures.equals(first.measures)
    assert first.measures.height == 4 - first.held.height
    assert first.measures.height
