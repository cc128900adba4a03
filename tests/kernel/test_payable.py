"""A pay page asks for what a letter of the same day would ask for, and never for what nobody owes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from tests.kernel.dunning_books import DUE, Story, laws, shipped, simple

from mahnwerk.frames import FactKind
from mahnwerk.kernel.daily_run import decide
from mahnwerk.kernel.payable import cents_of_link, payable

ON = date(2026, 3, 31)


def asked(
    story: Story,
    on: date = ON,
    claim_id: int | None = None,
    amount: int | None = None,
    plan_id: int | None = None,
) -> int:
    book = story.book()
    rows = payable(book, decide(book, laws(), on, procedures=shipped()), on)
    return cents_of_link(rows, claim_id, amount, plan_id)


def is_settled(story: Story, on: date = ON) -> bool:
    book = story.book()
    return bool(payable(book, decide(book, laws(), on, procedures=shipped()), on)["is_settled"].all())


def test_what_is_open_is_asked_for_and_never_more() -> None:
    story = simple()
    assert asked(story) == asked(story, amount=99_999) == asked(story, claim_id=11) == 10_000
    assert asked(story, amount=2_500) == 2_500
    story.fact(FactKind.PAYMENT_RECEIVED, ON, amount_cents=4_000)
    assert asked(story) == 6_000
    assert not is_settled(story)
    story.fact(FactKind.PAYMENT_RECEIVED, ON, amount_cents=6_000)
    assert asked(story) == asked(story, amount=100) == 0
    assert is_settled(story)


@pytest.mark.parametrize(
    "kind",
    [
        FactKind.CLAIM_CLOSED,
        FactKind.CLAIM_MOVED,
        FactKind.DISPUTE_RAISED,
        FactKind.INSOLVENCY_OPENED,
        FactKind.DEBTOR_DECEASED,
        FactKind.MINOR_KNOWN,
        FactKind.IDENTITY_DISPUTED,
    ],
)
def test_what_must_not_be_asked_for_cannot_be_paid(kind: FactKind) -> None:
    story = simple().fact(kind, ON, claim_id=11)
    assert asked(story) == asked(story, claim_id=11) == asked(story, amount=500) == 0
    assert is_settled(story) == (kind in (FactKind.CLAIM_CLOSED, FactKind.CLAIM_MOVED))


def test_a_disputed_part_is_left_out_and_so_is_a_claim_that_is_closed() -> None:
    story = simple().claim(12, principal_cents=5_000)
    story.fact(FactKind.DISPUTE_RAISED, ON, claim_id=11, amount_cents=3_000)
    assert asked(story) == 7_000 + 5_000
    story.fact(FactKind.CLAIM_CLOSED, ON, claim_id=12)
    assert asked(story) == 7_000


def test_a_claim_barred_by_time_or_not_yet_issued_cannot_be_paid() -> None:
    assert asked(simple(), date(2030, 1, 2)) == 0
    early = DUE - timedelta(days=20)
    assert asked(simple(), early) == 0
    assert not is_settled(simple(), early)


def test_first_what_is_overdue_then_what_was_told_then_the_rest() -> None:
    saturday = date(2026, 4, 11)
    story = simple().claim(12, due_on=saturday, issued_on=DUE, principal_cents=5_000)
    story.claim(13, due_on=date(2026, 5, 20), issued_on=DUE, principal_cents=700)
    assert asked(story) == 10_000
    assert asked(story, claim_id=13) == 700
    story.fact(FactKind.PAYMENT_RECEIVED, ON, amount_cents=10_000)
    assert asked(story) == 5_700
    monday = saturday + timedelta(days=2)  # § 193 BGB: due on Monday, overdue from Tuesday
    assert asked(story, monday) == 5_700
    assert asked(story, monday + timedelta(days=1)) == 5_000
    told_on = date(2026, 4, 6)
    plan = story.plan(told_on)
    assert plan.measure_items["claim_id"].to_list() == [12]
    assert asked(story.send(plan, told_on), told_on) == asked(story, monday) == 5_000


@pytest.mark.parametrize(
    "kind", [FactKind.DEFERRAL_GRANTED, FactKind.PLAN_AGREED, FactKind.NEGOTIATION_BEGAN]
)
def test_what_may_wait_can_be_paid_all_the_same(kind: FactKind) -> None:
    story = simple().claim(12, principal_cents=5_000)
    story.fact(kind, ON, claim_id=11, until_on=ON + timedelta(days=30))
    assert asked(story) == 5_000
    story.fact(FactKind.PAYMENT_RECEIVED, ON, amount_cents=5_000, claim_id=None)
    assert asked(story) > 0
    assert asked(simple().fact(kind, ON, claim_id=11, until_on=ON + timedelta(days=30))) == 10_000


AGREED = date(2026, 3, 9)
RATES = [date(2026, 4, 15), date(2026, 5, 15), date(2026, 6, 15), date(2026, 7, 15)]


def planned(**changes: Any) -> Story:
    """Four instalments of 25 euro."""
    return simple().agree(RATES, 2_500, AGREED, **changes)


def test_while_a_plan_runs_its_instalments_are_asked_for_and_never_the_whole() -> None:
    story = planned()
    for day, cents in ((ON, 2_500), (RATES[0], 2_500), (RATES[1], 5_000), (date(2026, 6, 20), 7_500)):
        assert asked(story, day) == asked(story, day, claim_id=11) == cents
    assert asked(story, ON, amount=9_000) == 9_000  # a sum that somebody named
    story.fact(FactKind.PAYMENT_RECEIVED, RATES[0], amount_cents=1_000)
    assert asked(story, RATES[0]) == 1_500
    story.fact(FactKind.PAYMENT_RECEIVED, RATES[0], amount_cents=1_500)
    assert asked(story, RATES[0]) == 2_500  # the next one, to who likes to pay early
    story.fact(FactKind.PLAN_BROKEN, date(2026, 6, 20), code="instalments_missed")
    assert asked(story, date(2026, 6, 20)) == asked(story, date(2026, 6, 20), claim_id=11) >= 7_500


def test_what_else_is_due_is_asked_for_with_the_instalment_and_before_the_next() -> None:
    story = planned().claim(12, principal_cents=7_000, due_on=date(2026, 4, 1))
    assert asked(story, date(2026, 4, 1)) == 2_500  # nothing is overdue yet: the next instalment
    owed = asked(story, date(2026, 4, 14), claim_id=12)
    assert owed >= 7_000
    assert asked(story, date(2026, 4, 14)) == owed
    assert asked(story, RATES[0]) == asked(story, RATES[0], claim_id=12) + 2_500


def test_a_reminders_link_asks_for_what_is_due_of_its_plan_and_no_more() -> None:
    story = planned().claim(12, principal_cents=7_000, due_on=date(2026, 4, 1))
    plan_id = story.instalments[0]["plan_id"]
    told = date(2026, 4, 23)
    assert asked(story, told, amount=2_500, plan_id=plan_id) == 2_500
    assert asked(story, date(2026, 6, 20), amount=2_500, plan_id=plan_id) == 2_500
    story.fact(FactKind.PAYMENT_RECEIVED, told, amount_cents=1_000, claim_id=11)
    assert asked(story, told, amount=2_500, plan_id=plan_id) == 1_500
    story.fact(FactKind.PAYMENT_RECEIVED, told, amount_cents=1_500, claim_id=11)
    assert asked(story, told, amount=2_500, plan_id=plan_id) == 0
    story.fact(FactKind.DISPUTE_RAISED, date(2026, 5, 16), claim_id=11)
    assert asked(story, date(2026, 5, 16), amount=2_500, plan_id=plan_id) == 0


def test_what_we_collect_is_not_asked_for() -> None:
    story = planned(is_debited=True, mandate_from=AGREED)
    assert asked(story, ON) == asked(story, RATES[1]) == asked(story, RATES[1], claim_id=11) == 0
    assert asked(story, RATES[1], amount=2_500) == 2_500
    story.instalments[0] |= {"collect_on": RATES[0], "is_ordered": True, "failed_on": RATES[0]}
    assert asked(story, RATES[1]) == 2_500
    ended = planned(is_debited=True, mandate_from=AGREED, mandate_until=date(2026, 5, 20))
    assert asked(ended, date(2026, 5, 20)) == 5_000
