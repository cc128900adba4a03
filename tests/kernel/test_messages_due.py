from __future__ import annotations

from datetime import date, timedelta

from tests.kernel.dunning_books import (
    DUE,
    Story,
    held,
    live_through,
    outcome,
    simple,
)

from mahnwerk.frames import FactKind

F = FactKind


def _days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=n) for n in range(count)]


def test_a_later_invoice_gets_a_reminder_of_its_own_under_a_new_key() -> None:
    story = simple().claim(12, due_on=DUE + timedelta(days=150))
    live_through(story, _days(DUE, 140))
    story.fact(F.PAYMENT_RECEIVED, DUE + timedelta(days=140), claim_id=11, amount_cents=10_300)
    story.fact(F.WAIVER, DUE + timedelta(days=140), claim_id=11, amount_cents=500)
    plan = story.plan(DUE + timedelta(days=160))
    assert plan.measures.select("step_id", "level", "cycle").rows() == [("payment_reminder", 1, 2)]
    assert plan.measure_items["claim_id"].to_list() == [12]


def test_the_same_day_gives_no_second_message() -> None:
    story = simple()
    on = DUE + timedelta(days=7)
    plan = story.plan(on)
    assert outcome(story.plan(on)) == outcome(plan) == ("measure", "payment_reminder")
    story.send(plan, on)
    assert outcome(story.plan(on)) == ("held", "waiting")


def test_the_pay_by_date_is_a_working_day_of_the_land() -> None:
    story = Story().case(land="BE").claim(due_on=date(2026, 2, 13))
    plan = story.plan(date(2026, 2, 22))  # 14 days on is Sunday, 8 March
    assert plan.measures["pay_by"].to_list() == [date(2026, 3, 9)]


def test_the_channel_of_the_step_comes_first() -> None:
    on = DUE + timedelta(days=7)
    assert simple().plan(on).measures["channel"].to_list() == ["email"]
    assert simple(has_email=False).plan(on).measures["channel"].to_list() == ["post"]


def test_a_step_without_a_usable_channel_is_held_and_says_which() -> None:
    story = simple(has_email=False)
    row = held(story.plan(DUE - timedelta(days=3)))
    assert (row["reason"], row["detail"]) == ("no_address", "upcoming")


def test_a_key_is_new_even_after_an_early_message_came_back_late() -> None:
    """The reminder of a later invoice had cycle 2; then the first, of cycle 1, comes back."""
    story = simple().claim(12, due_on=DUE + timedelta(days=70), principal_cents=5_000)
    on = DUE + timedelta(days=7)
    story.send(story.plan(on), on)
    story.fact(F.DEFERRAL_GRANTED, on, claim_id=11, until_on=DUE + timedelta(days=100))
    later = DUE + timedelta(days=80)
    plan = story.plan(later)
    assert plan.measures.select("step_id", "cycle").rows() == [("payment_reminder", 2)]
    story.send(plan, later)
    story.fact(F.MESSAGE_BOUNCED, later, message_id=1000)
    again = story.plan(DUE + timedelta(days=101))
    assert again.measures.select("step_id", "cycle").rows() == [("dunning_notice", 1)]
    story.fact(F.DEFERRAL_GRANTED, later, claim_id=12, until_on=DUE + timedelta(days=150))
    first = story.plan(DUE + timedelta(days=101))
    assert first.measures.select("step_id", "cycle").rows() == [("payment_reminder", 3)]


def test_a_message_says_since_when_its_step_is_due_and_which_facts_it_saw() -> None:
    story = simple().fact(F.PAYMENT_RECEIVED, DUE, amount_cents=100)
    row = story.plan(DUE + timedelta(days=9)).measures.row(0, named=True)
    assert (row["reason"], row["fact_no"], row["procedure"]) == (
        "step due since 2026-03-09",
        1,
        "consumers@2026-11",
    )
    assert row["demanded_cents"] == 9_900
