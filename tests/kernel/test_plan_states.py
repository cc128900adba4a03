"""A plan we collect: nobody is told that he missed what was ours to fetch, and no plan breaks by it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from tests.kernel.dunning_books import Story, held, laws, outcome, shipped, simple

from mahnwerk.frames import FactKind, HeldReason
from mahnwerk.kernel import plan_reminders, plan_states
from mahnwerk.kernel.calendar import plus_months
from mahnwerk.kernel.daily_run import decide

K = FactKind
AGREED = date(2026, 3, 9)
FIRST = date(2026, 4, 15)
MISSED = date(2026, 4, 23)
DAYS = [plus_months(FIRST, n) for n in range(4)]


def collected(**changes: Any) -> Story:
    """Four instalments of 25 euro, to be collected under a mandate; nothing was collected yet."""
    return simple().agree(DAYS, 2_500, AGREED, is_debited=True, mandate_from=AGREED, **changes)


def row(story: Story, number: int, **changes: Any) -> Story:
    story.instalments[number - 1] |= changes
    return story


def came_back(story: Story, number: int, on: date, reason: str = "AM04") -> Story:
    day = story.instalments[number - 1]["due_on"]
    return row(story, number, collect_on=day, is_ordered=True, failed_on=on, failed_reason=reason)


def action(story: Story, on: date) -> list[str]:
    """What the terms demand on a day."""
    book = story.book()
    result = decide(book, laws(), on, procedures=shipped())
    told = plan_reminders.told(book.facts, book.claims, book.instalments, result.evidence)
    owed = pl.DataFrame({"case_id": [1], "plan_code": ["plan-1"], "open_cents": [10_000]})
    return plan_states.actions(result.stand, book.instalments, told, owed, on)["action"].to_list()


def test_what_we_did_not_collect_is_said_to_a_person_and_never_to_the_debtor() -> None:
    story = collected()
    on = FIRST
    while on < date(2026, 8, 30):
        plan = story.plan(on)
        assert plan.measures.is_empty(), on
        assert action(story, on) == [], on
        late = on > FIRST
        assert held(plan)["reason"] == HeldReason.PLAN_KEPT
        assert held(plan)["detail"] == f"instalment_{'not_collected' if late else 'late'} 2026-04-15"
        assert held(plan)["next_look_on"] == on + timedelta(days=1)  # a mandate ends without a fact
        on += timedelta(days=3)


def test_one_in_a_file_has_its_days_until_the_bank_has_told() -> None:
    story = row(collected(), 1, collect_on=FIRST, is_ordered=True)
    assert held(story.plan(MISSED - timedelta(days=1)))["detail"] == "instalment_late 2026-04-15"
    assert held(story.plan(MISSED))["detail"] == "instalment_not_collected 2026-04-15"
    later = row(collected(), 1, collect_on=date(2026, 5, 4), is_ordered=False)
    assert held(later.plan(date(2026, 5, 4)))["detail"] == "instalment_late 2026-04-15"  # the day told
    assert held(later.plan(date(2026, 5, 5)))["detail"] == "instalment_not_collected 2026-04-15"
    paid = row(collected(), 1, collect_on=FIRST, is_ordered=True)
    paid.fact(K.PAYMENT_RECEIVED, FIRST, amount_cents=2_500)
    assert held(paid.plan(MISSED))["detail"] == "next_instalment 2026-05-15"


def test_one_that_came_back_is_missing_and_told_of_alone() -> None:
    story = came_back(collected(), 2, date(2026, 5, 19))  # the first was never collected: that is our affair
    assert story.plan(date(2026, 5, 22)).measures.is_empty()  # its days of grace
    plan = story.plan(date(2026, 5, 23))
    assert outcome(plan) == ("measure", "plan_reminder")
    assert plan.measures["demanded_cents"][0] == 2_500


def test_one_that_comes_back_weeks_later_is_told_of_though_another_was_told_of_since() -> None:
    story = came_back(collected(), 1, date(2026, 4, 17))
    story.send(story.plan(MISSED), MISSED)
    came_back(story, 2, date(2026, 6, 3))
    assert story.plan(date(2026, 6, 2)).measures.is_empty()
    plan = story.plan(date(2026, 6, 4))
    assert plan.measures["demanded_cents"].to_list() == [5_000]


@pytest.mark.parametrize("reason", sorted(plan_states.CREDITORS_FAULT))
def test_one_that_came_back_by_our_own_fault_is_ours(reason: str) -> None:
    story = came_back(collected(), 1, date(2026, 4, 17), reason)
    assert held(story.plan(MISSED))["detail"] == "instalment_not_collected 2026-04-15"


def test_announced_anew_it_is_ours_again() -> None:
    story = row(collected(), 1, collect_on=date(2026, 5, 11), is_ordered=False)
    assert story.plan(MISSED).measures.is_empty()


def test_two_that_came_back_break_it_only_after_being_told_of() -> None:
    story = came_back(came_back(collected(), 1, date(2026, 4, 17)), 2, date(2026, 5, 29))
    story.send(story.plan(MISSED), MISSED)
    told = date(2026, 5, 30)
    assert action(story, told) == []
    story.send(story.plan(told), told)
    pay_by = story.notices[-1]["pay_by"]
    assert action(story, pay_by) == []
    assert action(story, pay_by + timedelta(days=1)) == ["instalments_missed"]


def test_without_a_mandate_he_is_told_first_and_told_again_before_it_breaks() -> None:
    """Two were not collected when the mandate ended: the first word about it asks, and breaks nothing."""
    ended = date(2026, 5, 26)
    story = collected()
    assert story.plan(ended - timedelta(days=1)).measures.is_empty()
    for number in range(1, 5):
        row(story, number, mandate_until=ended)
    told = ended + timedelta(days=1)
    plan = story.plan(told)
    assert plan.measures["demanded_cents"].to_list() == [5_000]
    story.send(plan, told)
    on = told
    while on <= date(2026, 6, 22):  # until the third is missed, after its grace
        assert action(story, on) == [], on
        assert story.plan(on).measures.is_empty(), on
        on += timedelta(days=1)
    again = date(2026, 6, 23)
    story.send(story.plan(again), again)
    pay_by = story.notices[-1]["pay_by"]
    assert action(story, pay_by) == []
    assert action(story, pay_by + timedelta(days=1)) == ["instalments_missed"]


def test_a_new_mandate_makes_the_rest_ours_again() -> None:
    story = collected()
    for number in range(1, 5):
        row(story, number, mandate_from=date(2026, 6, 1), mandate_until=None)
    assert outcome(story.plan(MISSED)) == ("measure", "plan_reminder")
    assert held(story.plan(date(2026, 6, 1)))["detail"] == "instalment_not_collected 2026-04-15"


def test_never_given_a_mandate_he_pays_himself() -> None:
    story = simple().agree(DAYS, 2_500, AGREED, is_debited=True)
    assert outcome(story.plan(MISSED)) == ("measure", "plan_reminder")
    book = story.book()
    result = decide(book, laws(), MISSED, procedures=shipped())
    assert result.stand["pays_himself_since"][0] == AGREED
    parts = plan_states.parts(book.facts, book.claims, book.instalments, result.replay.laid, MISSED)
    assert parts.filter("is_missed")["why"].to_list() == ["no_mandate"]
