"""A pay page asks for what a letter of the same day would ask for, and never for what nobody owes."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from tests.kernel.dunning_books import DUE, Story, laws, shipped, simple

from mahnwerk.frames import FactKind
from mahnwerk.kernel.daily_run import decide
from mahnwerk.kernel.payable import cents_of_link, payable

ON = date(2026, 3, 31)


def asked(story: Story, on: date = ON, claim_id: int | None = None, amount: int | None = None) -> int:
    book = story.book()
    return cents_of_link(payable(book, decide(book, laws(), on, procedures=shipped()), on), claim_id, amount)


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
