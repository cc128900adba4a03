from __future__ import annotations

import random
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernel.dunning_books import (
    BUSINESSES,
    CONSUMERS,
    DUE,
    LENDERS,
    Story,
    held,
    laws,
    live_through,
    outcome,
    shipped,
    simple,
)
from tests.kernel.dunning_twin import decide_case

from mahnwerk.frames import Book, DayPlan, FactKind, FrameError
from mahnwerk.kernel.daily_run import plan_day

EVENTS = [
    (FactKind.PAYMENT_RECEIVED, "money"),
    (FactKind.PAYMENT_RECEIVED, "money"),
    (FactKind.CREDIT_NOTE, "claim_money"),
    (FactKind.HOLD_SET, "any"),
    (FactKind.HOLD_LIFTED, "any"),
    (FactKind.DISPUTE_RAISED, "any"),
    (FactKind.DISPUTE_RAISED, "claim_money"),
    (FactKind.DISPUTE_RESOLVED, "any"),
    (FactKind.DEFERRAL_GRANTED, "until"),
    (FactKind.PROMISE_TO_PAY, "until"),
    (FactKind.PLAN_AGREED, "any"),
    (FactKind.PLAN_BROKEN, "any"),
    (FactKind.NEGOTIATION_BEGAN, "any"),
    (FactKind.NEGOTIATION_ENDED, "any"),
    (FactKind.INSOLVENCY_OPENED, "case"),
    (FactKind.HARDSHIP_REPORTED, "case"),
    (FactKind.HARDSHIP_ENDED, "case"),
    (FactKind.LAWYER_NAMED, "case"),
    (FactKind.ADDRESS_UNKNOWN, "case"),
    (FactKind.ADDRESS_FOUND, "case"),
    (FactKind.CLAIM_CLOSED, "any"),
    (FactKind.CLAIM_REOPENED, "any"),
    (FactKind.PROCEDURE_RESTARTED, "case"),
    (FactKind.ENROLLED, "enrol"),
]


def random_story(dice: random.Random, cases: int) -> Story:
    story = Story()
    for case_id in range(1, cases + 1):
        procedure = dice.choice([CONSUMERS, CONSUMERS, BUSINESSES, LENDERS, None])
        story.case(
            case_id,
            procedure=procedure,
            is_consumer=procedure != BUSINESSES,
            land=dice.choice(["BE", "BY", None]),
            has_postal_address=dice.random() < 0.9,
            has_email=dice.random() < 0.8,
            letter_cost_post_cents=dice.choice([None, 0, 55, 400]),
            letter_cost_email_cents=dice.choice([None, 0, 10]),
        )
        for number in range(dice.randint(1, 3)):
            story.claim(
                case_id * 10 + number,
                case_id,
                due_on=DUE + timedelta(days=dice.randint(-30, 40)),
                due_kind=dice.randint(1, 4),
                principal_cents=dice.choice([200, 299, 5_000, 123_456]),
            )
    return story


def random_event(dice: random.Random, story: Story, on: date) -> None:
    case = dice.choice(story.cases)
    claims = [row for row in story.claims if row["case_id"] == case["case_id"]]
    claim = dice.choice(claims)
    kind, how = dice.choice(EVENTS)
    day = on - timedelta(days=dice.choice([0, 0, 1, 6]))
    changes: dict[str, object] = {"recorded_on": on}
    if how in ("money", "claim_money"):
        changes["amount_cents"] = dice.choice([100, claim["principal_cents"], claim["principal_cents"] // 2])
    if how in ("claim_money", "until") or (how in ("any", "money") and dice.random() < 0.5):
        changes["claim_id"] = claim["claim_id"]
    if how == "until":
        changes["until_on"] = on + timedelta(days=dice.randint(-3, 20))
    if how == "enrol":
        changes["code"] = dice.choice([CONSUMERS, LENDERS, "nobody@2020-01"])
    story.fact(kind, day, case["case_id"], **changes)


def send_all(dice: random.Random, story: Story, plan: DayPlan, on: date) -> None:
    for case_id in plan.measures["case_id"]:
        story.send(plan, on, case_id, confirm=dice.random() < 0.95)
        message_id = story.notices[-1]["message_id"]
        fate = dice.random()
        if fate < 0.1:
            story.fact(FactKind.MESSAGE_BOUNCED, on, case_id, message_id=message_id)
        elif fate < 0.3:
            story.fact(FactKind.MESSAGE_DELIVERED, on, case_id, message_id=message_id)


def assert_twin_agrees(story: Story, plan: DayPlan, on: date) -> None:
    balances = {row["claim_id"]: row for row in plan.balances.iter_rows(named=True)}
    measures = {row["case_id"]: row for row in plan.measures.iter_rows(named=True)}
    for case in story.cases:
        case_id = case["case_id"]
        verdict = decide_case(
            case,
            *(
                [row for row in rows if row["case_id"] == case_id]
                for rows in (story.claims, story.facts, story.notices)
            ),
            balances,
            shipped(),
            on,
        )
        assert (verdict.outcome, verdict.word) == outcome(plan, case_id), f"case {case_id} on {on}"
        if verdict.outcome == "measure":
            items = plan.measure_items.filter(pl.col("case_id") == case_id)
            listed = {row["claim_id"]: (row["level"], row["climbs"]) for row in items.iter_rows(named=True)}
            assert verdict.items == listed
            assert verdict.channel == measures[case_id]["channel"]
            assert verdict.fee_cents == measures[case_id]["fee_cents"]


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6))
def test_lives_at_random_as_the_slow_twin_decides_them(seed: int) -> None:
    dice = random.Random(seed)
    story = random_story(dice, 25)
    on = DUE - timedelta(days=8)
    for _ in range(9):
        for _ in range(6):
            random_event(dice, story, on)
        plan = story.plan(on)
        assert_twin_agrees(story, plan, on)
        send_all(dice, story, plan, on)
        again = story.plan(on)
        assert not set(again.measures["case_id"]) & set(plan.measures["case_id"]) - _undelivered(story), (
            "a second message on the day of the first"
        )
        # the base rate is known to the end of the year
        on = min(on + timedelta(days=dice.choice([1, 5, 12, 20, 60])), date(2026, 12, 31))


def _undelivered(story: Story) -> set[int]:
    """Cases with a message that came back: it may go out again by another channel."""
    return {row["case_id"] for row in story.facts if row["kind"] == FactKind.MESSAGE_BOUNCED}


def _shuffled(book: Book, dice: random.Random) -> Book:
    def mixed(frame: pl.DataFrame) -> pl.DataFrame:
        return (
            frame.sample(fraction=1.0, shuffle=True, seed=dice.randint(0, 10**6)) if frame.height else frame
        )

    return Book(
        mixed(book.cases),
        mixed(book.claims),
        mixed(book.facts),
        mixed(book.designations),
        mixed(book.notices),
    )


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10**6))
def test_the_order_of_rows_does_not_matter_and_each_case_is_there_once(seed: int) -> None:
    dice = random.Random(seed)
    story = random_story(dice, 25)
    for day in (0, 20, 45):
        on = DUE + timedelta(days=day)
        for _ in range(15):
            random_event(dice, story, on)
        plan = story.plan(on)
        send_all(dice, story, plan, on)
    on = DUE + timedelta(days=70)
    one = story.plan(on)
    other = plan_day(_shuffled(story.book(), dice), laws(), on, procedures=shipped())
    for name, keys in {
        "measures": ["case_id"],
        "measure_items": ["case_id", "claim_id"],
        "held": ["case_id"],
        "balances": ["claim_id"],
    }.items():
        assert getattr(one, name).sort(keys).equals(getattr(other, name).sort(keys)), name
    every = sorted([*one.measures["case_id"], *one.held["case_id"]])
    assert every == [row["case_id"] for row in story.cases]


def test_a_case_decides_the_same_alone_and_among_others() -> None:
    dice = random.Random(5)
    story = random_story(dice, 30)
    on = DUE + timedelta(days=30)
    for _ in range(30):
        random_event(dice, story, on)
    book, plan = story.book(), story.plan(on)
    for case_id in range(1, 31, 3):
        mine = pl.col("case_id") == case_id
        alone = plan_day(
            Book(book.cases.filter(mine), book.claims.filter(mine), book.facts.filter(mine)),
            laws(),
            on,
            procedures=shipped(),
        )
        assert alone.measures.equals(plan.measures.filter(mine))
        assert alone.held.equals(plan.held.filter(mine))


def test_unknown_law_holds_the_cases_that_need_it() -> None:
    story = simple().claims and Story().case(1).claim(11, 1, due_kind=2).case(2).claim(
        21, 2, due_on=date(2027, 6, 1)
    )
    assert isinstance(story, Story)
    plan = story.plan(date(2027, 6, 20))
    assert outcome(plan, 1) == ("held", "law_gap")
    assert held(plan, 1)["detail"] == "interest.base_rate"
    assert outcome(plan, 2) == ("measure", "payment_reminder")


def test_whoever_has_paid_is_not_dunned_whatever_came_before() -> None:
    days = [DUE + timedelta(days=n) for n in range(7, 60)]
    story = simple()
    live_through(story, days)
    story.fact(FactKind.PAYMENT_RECEIVED, days[-1], amount_cents=20_000)
    for later in (0, 1, 30, 300):
        assert outcome(story.plan(days[-1] + timedelta(days=later))) == ("held", "credit_balance")


def test_a_returned_payment_brings_the_dunning_back_where_it_stood() -> None:
    story = simple()
    live_through(story, [DUE + timedelta(days=7)])
    day = DUE + timedelta(days=10)
    story.fact(FactKind.PAYMENT_RECEIVED, day, amount_cents=10_000)
    later = DUE + timedelta(days=40)
    assert outcome(story.plan(later)) == ("held", "settled")
    story.fact(FactKind.PAYMENT_RETURNED, later, voids_fact_no=story.facts[-1]["fact_no"])
    assert outcome(story.plan(later)) == ("measure", "dunning_notice")


def test_balances_cover_every_claim_and_the_hash_names_law_and_procedures() -> None:
    story = simple().claim(12)
    plan = story.plan(DUE)
    assert plan.balances["claim_id"].sort().to_list() == [11, 12]
    fewer = story.plan(DUE, {CONSUMERS: shipped()[CONSUMERS]})
    assert len(plan.law_hash) == 64
    assert fewer.law_hash != plan.law_hash


def test_an_empty_book_gives_an_empty_plan() -> None:
    plan = Story().plan(DUE)
    assert (plan.measures.height, plan.held.height, plan.balances.height) == (0, 0, 0)


def test_a_case_without_claims_is_accounted_for() -> None:
    assert outcome(Story().case().plan(DUE)) == ("held", "closed")


def test_a_frame_of_the_wrong_shape_is_refused() -> None:
    book = simple().book()
    broken = Book(book.cases, book.claims.drop("due_on"))
    with pytest.raises(FrameError, match="claims: column missing: due_on"):
        plan_day(broken, laws(), DUE, procedures=shipped())
