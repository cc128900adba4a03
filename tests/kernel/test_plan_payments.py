"""What counts for a plan is what the statement laid on its claims; the sum of an instalment pays the plan."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from tests.kernel.dunning_books import Story, held, laws, outcome, shipped, simple

from mahnwerk.frames import Book, FactKind, HeldReason
from mahnwerk.kernel import allocation
from mahnwerk.kernel.calendar import plus_months
from mahnwerk.kernel.daily_run import Decided, decide
from mahnwerk.kernel.discounts import in_force
from mahnwerk.kernel.facts import per_claim

K = FactKind
AGREED = date(2026, 3, 9)
FIRST = date(2026, 4, 15)
MISSED = date(2026, 4, 23)
DAYS = [plus_months(FIRST, n) for n in range(4)]
PLANNED, OTHER = 11, 12


def agreed(**other: Any) -> Story:
    """Four instalments of 25 euro on a claim of 100, and another claim of 70 that fell due since."""
    story = simple().agree(DAYS, 2_500, AGREED)
    return story.claim(OTHER, due_on=date(2026, 4, 1), **{"principal_cents": 7_000, **other})


def pays(story: Story, cents: int, on: date = FIRST, claim_id: int | None = None) -> Story:
    return story.fact(K.PAYMENT_RECEIVED, on, amount_cents=cents, claim_id=claim_id)


def decided(story: Story, on: date) -> Decided:
    return decide(story.book(), laws(), on, procedures=shipped())


def open_of(story: Story, claim_id: int, on: date = FIRST) -> int:
    return int(decided(story, on).plan.balances.filter(pl.col("claim_id") == claim_id)["open_cents"][0])


def stand(story: Story, on: date) -> tuple[str, int]:
    (row,) = decided(story, on).stand.iter_rows(named=True)
    return row["state"], row["paid_cents"]


def test_a_payment_for_another_invoice_is_no_instalment() -> None:
    story = pays(agreed(), 2_500, claim_id=OTHER)
    assert stand(story, FIRST) == ("grace", 0)
    assert outcome(story.plan(MISSED)) == ("measure", "plan_reminder")
    assert open_of(story, PLANNED) == 10_000
    assert open_of(story, OTHER) < 7_000


def test_who_pays_an_instalment_and_says_nothing_pays_the_plan() -> None:
    story = pays(agreed(), 2_500)
    assert stand(story, MISSED) == ("kept", 2_500)
    assert open_of(story, PLANNED) == 7_500
    assert open_of(story, OTHER) >= 7_000


@pytest.mark.parametrize("cents", [5_000, 7_500, 10_000])
def test_so_does_who_pays_several_at_once(cents: int) -> None:
    assert stand(pays(agreed(), cents), FIRST)[1] == cents


def test_another_sum_pays_what_is_due_first_and_only_the_rest_counts() -> None:
    story = pays(agreed(), 3_000)
    assert stand(story, FIRST) == ("grace", 0)
    assert open_of(story, PLANNED) == 10_000
    with_rest = pays(agreed(), 9_000)
    rest = 9_000 - open_of(agreed(), OTHER)
    assert stand(with_rest, FIRST) == ("grace", rest)
    assert open_of(with_rest, PLANNED) == 10_000 - rest


def test_exactly_the_rest_of_an_instalment_pays_it() -> None:
    story = pays(agreed(), 1_000, claim_id=PLANNED)
    assert stand(pays(story, 1_500), MISSED) == ("kept", 2_500)
    assert stand(pays(story, 2_500), MISSED) == ("kept", 5_000)  # and so does the regular sum again


def test_before_the_agreement_and_after_its_end_the_sum_says_nothing() -> None:
    early = simple().claim(OTHER, due_on=date(2026, 3, 1), principal_cents=7_000, is_secured=False)
    early.fact(K.PAYMENT_RECEIVED, AGREED - timedelta(days=1), amount_cents=2_500)
    alone = Story(early.cases, early.claims, list(early.facts), [], [])
    assert open_of(early.fact(K.PLAN_AGREED, AGREED, claim_id=PLANNED, code="plan-1"), OTHER, AGREED) == (
        open_of(alone, OTHER, AGREED)
    )
    ended = agreed().fact(K.PLAN_BROKEN, date(2026, 4, 10), code="instalments_missed")
    plain = Story(ended.cases, ended.claims, list(ended.facts), [], [])
    assert open_of(pays(ended, 2_500), OTHER) == open_of(pays(plain, 2_500), OTHER)


def dunned(demand: int) -> Story:
    """The other claim has had a letter, to be answered by the day of the instalment."""
    story = agreed(principal_cents=demand)
    on = date(2026, 4, 13)
    plan = story.plan(on)
    assert plan.measure_items["claim_id"].to_list() == [OTHER]
    return story.send(plan, on)


def test_an_answer_to_a_letter_of_exactly_this_sum_pays_the_letter() -> None:
    story = dunned(2_500)
    demanded = story.notices[-1]["demanded_cents"]
    sums = [row | {"amount_cents": demanded} for row in story.instalments]
    story.instalments[:] = sums
    assert stand(pays(story, demanded), FIRST)[1] == 0
    assert open_of(story, OTHER) == 0


def test_a_letter_that_asks_for_less_does_not_take_the_instalment() -> None:
    story = pays(dunned(1_000), 2_500)
    assert stand(story, FIRST) == ("kept", 2_500)
    assert open_of(story, OTHER) >= 1_000


def test_set_off_counts_and_a_credit_note_does_not() -> None:
    story = agreed().fact(K.SET_OFF, FIRST, claim_id=PLANNED, amount_cents=2_500)
    assert stand(story, FIRST) == ("kept", 2_500)
    story = agreed().fact(K.CREDIT_NOTE, FIRST, claim_id=PLANNED, amount_cents=2_500)
    assert stand(story, FIRST) == ("grace", 0)


def test_it_is_fulfilled_by_what_the_statement_says_is_paid() -> None:
    story = pays(agreed(), 10_000, claim_id=OTHER)  # too much for that one: the rest pays the plan
    result = decided(story, FIRST)
    assert result.stand["paid_cents"][0] == 10_000 - open_of(agreed(), OTHER)
    assert stand(pays(story, 10_000, claim_id=PLANNED), FIRST)[0] == "fulfilled"
    assert open_of(story, PLANNED) == 0


def at_random(dice: random.Random) -> Story:
    story = Story()
    for case_id in range(1, 9):
        story.case(case_id).claim(100 + case_id, case_id)
        if dice.random() < 0.5:
            story.claim(200 + case_id, case_id, due_on=date(2026, 3, dice.randint(1, 8)))
        if dice.random() < 0.4:
            story.fact(K.PAYMENT_RECEIVED, AGREED - timedelta(days=1), case_id, amount_cents=700)
        cents = dice.choice([2_500, 2_000, 3_333])
        story.agree(DAYS, cents, AGREED, case_id, rate_ppm=dice.choice([0, 40_000]))
        if dice.random() < 0.8:
            due_on = date(2026, 4, dice.randint(1, 28))
            story.claim(300 + case_id, case_id, due_on=due_on, principal_cents=4_000)
        mine = [row["claim_id"] for row in story.claims if row["case_id"] == case_id]
        for _ in range(dice.randint(0, 7)):
            on = AGREED + timedelta(days=dice.randint(0, 110))
            kind = dice.choices([K.PAYMENT_RECEIVED, K.SET_OFF, K.CREDIT_NOTE, K.WAIVER], [9, 1, 1, 1])[0]
            amount = dice.choice([cents, cents, 2 * cents, 500, 1_234, cents - 500])
            about = dice.choice([None, None, *mine])
            story.fact(kind, on, case_id, amount_cents=amount, claim_id=about)
        if dice.random() < 0.3:
            story.fact(K.PLAN_ENDED, date(2026, 6, 1), case_id, code="replanned")
            story.agree(DAYS, 1_500, date(2026, 6, 1), case_id)
    return story


def slowly_laid(book: Book, on: date) -> dict[int, int]:
    """What payments and set-offs settled since the last agreement over each claim, from the allocations."""
    live = in_force(book, on)
    result = decide(book, laws(), on, procedures=shipped())
    defaults = result.plan.balances.select("claim_id", "default_began_on", "default_ground")
    replay = allocation.replay(book, defaults, laws(), on, detail=True)
    assert replay.allocations is not None
    facts = {(row["case_id"], row["fact_no"]): row for row in live.iter_rows(named=True)}
    agreements = per_claim(live.filter(pl.col("kind") == int(K.PLAN_AGREED)), book.claims)
    began: dict[int, tuple[date, int]] = {}
    for row in agreements.iter_rows(named=True):
        began[row["claim_id"]] = max(
            began.get(row["claim_id"], (date.min, 0)), (row["effective_on"], row["fact_no"])
        )
    laid = dict.fromkeys(began, 0)
    for row in replay.allocations.iter_rows(named=True):
        fact = facts[row["case_id"], row["fact_no"]]
        pays_ = fact["kind"] in (K.PAYMENT_RECEIVED, K.SET_OFF)
        if row["claim_id"] in began and pays_:
            since = (fact["effective_on"], fact["fact_no"]) > began[row["claim_id"]]
            laid[row["claim_id"]] += row["amount_cents"] if since else 0
    return laid


@pytest.mark.parametrize("seed", range(12))
def test_at_random_it_is_what_the_allocations_say(seed: int) -> None:
    story = at_random(random.Random(seed))
    book, on = story.book(), date(2026, 7, 1)
    slow = slowly_laid(book, on)
    result = decide(book, laws(), on, procedures=shipped())
    laid = dict(result.replay.laid.select("claim_id", "cents").iter_rows())
    assert {claim: laid.get(claim, 0) for claim in slow} == slow
    open_cents = dict(result.plan.balances.select("claim_id", "open_cents").iter_rows())
    for row in result.stand.iter_rows(named=True):
        codes = {r["plan_code"] for r in story.instalments if r["plan_id"] == row["plan_id"]}
        mine = [fact for fact in story.facts if fact["case_id"] == row["case_id"]]
        covered = {fact["claim_id"] for fact in mine if fact["code"] in codes}
        assert row["paid_cents"] == sum(slow[claim] for claim in covered)
        assert all(open_cents[claim] >= 0 for claim in covered)


@pytest.mark.parametrize("seed", range(8))
def test_a_sum_that_means_the_plan_does_what_naming_its_claim_does(seed: int) -> None:
    dice = random.Random(seed)
    silent, spoken = agreed(), agreed()
    for on in sorted(AGREED + timedelta(days=dice.randint(1, 100)) for _ in range(3)):
        cents = dice.choice([2_500, 5_000])
        if dice.random() < 0.5:
            cents, claim = 1_300, OTHER
            pays(silent, cents, on, claim), pays(spoken, cents, on, claim)
            continue
        if sum(row["amount_cents"] or 0 for row in spoken.facts if row["claim_id"] == PLANNED) < 5_000:
            pays(silent, cents, on), pays(spoken, cents, on, PLANNED)
    on = date(2026, 7, 1)
    left, right = (decided(story, on).plan.balances for story in (silent, spoken))
    assert left.equals(right)


def test_a_plan_that_was_paid_holds_no_more_than_its_own_claims() -> None:
    story = pays(agreed(), 10_000)
    assert stand(story, FIRST) == ("fulfilled", 10_000)
    story.fact(K.PLAN_ENDED, FIRST, code="fulfilled")
    later = story.plan(date(2026, 5, 4))
    assert outcome(later)[0] == "measure"
    assert later.measure_items["claim_id"].to_list() == [OTHER]


def fulfilled_and_returned() -> tuple[Story, date]:
    """All four instalments came; the third goes back a month after the plan had ended."""
    story = simple().agree(DAYS, 2_500, AGREED)
    for day in DAYS:
        pays(story, 2_500, day)
    third = story.facts[-2]["fact_no"]
    story.fact(K.PLAN_ENDED, DAYS[-1], code="fulfilled")
    story.fact(K.WAIVER, DAYS[-1], claim_id=PLANNED, amount_cents=1, code="plan_paid_as_signed")
    back = DAYS[-1] + timedelta(days=30)
    story.fact(K.PAYMENT_RETURNED, back, voids_fact_no=third)
    return story, back


def test_a_fulfilled_plan_whose_payment_goes_back_runs_again_as_it_ran() -> None:
    story, back = fulfilled_and_returned()
    before = held(story.plan(back - timedelta(days=1)))
    assert before["reason"] == HeldReason.SETTLED
    assert stand(story, back) == ("missed", 7_500)
    plan = story.plan(back)
    assert outcome(plan) == ("measure", "plan_reminder")  # its grace is over since long; nobody was told
    assert plan.measures["demanded_cents"][0] == 2_500
    assert open_of(story, PLANNED, back) == 2_500  # what the end had waived is owed again, and no interest
    story.send(plan, back)
    assert held(story.plan(back + timedelta(days=1)))["reason"] == HeldReason.PLAN_KEPT


def test_paid_again_it_is_fulfilled_again_and_ends_by_another_fact() -> None:
    story, back = fulfilled_and_returned()
    pays(story, 2_500, back + timedelta(days=3))
    again = back + timedelta(days=3)
    assert stand(story, again) == ("fulfilled", 10_000)
    story.fact(K.PLAN_ENDED, again, code="fulfilled")
    assert held(story.plan(again))["reason"] == HeldReason.SETTLED
    assert decided(story, again).stand.is_empty()


def test_a_return_that_was_an_error_leaves_the_plan_ended() -> None:
    story, back = fulfilled_and_returned()
    story.fact(K.VOIDED, back + timedelta(days=1), voids_fact_no=story.facts[-1]["fact_no"])
    assert held(story.plan(back + timedelta(days=1)))["reason"] == HeldReason.SETTLED
    assert decided(story, back + timedelta(days=1)).stand.is_empty()


def test_an_end_that_had_seen_the_return_stands_and_so_does_an_end_for_another_reason() -> None:
    story = simple().agree(DAYS, 2_500, AGREED)
    pays(story, 2_500, DAYS[0])
    story.fact(K.PAYMENT_RETURNED, DAYS[1], voids_fact_no=story.facts[-1]["fact_no"])
    pays(story, 10_000, DAYS[1])
    story.fact(K.PLAN_ENDED, DAYS[1], code="fulfilled")
    assert decided(story, DAYS[2]).stand.is_empty()
    other = simple().agree(DAYS, 2_500, AGREED)
    pays(other, 2_500, DAYS[0])
    number = other.facts[-1]["fact_no"]
    other.fact(K.PLAN_ENDED, DAYS[1], code="replanned")
    other.fact(K.PAYMENT_RETURNED, DAYS[1], voids_fact_no=number)
    assert decided(other, DAYS[2]).stand.is_empty()
