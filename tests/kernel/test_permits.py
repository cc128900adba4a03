from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest
from tests.kernel.dunning_books import BUSINESSES, CONSUMERS, DUE, Story, laws, shipped, simple

from mahnwerk.frames import DayPlan, FactKind
from mahnwerk.kernel import permit_rules
from mahnwerk.kernel.daily_run import decide
from mahnwerk.kernel.permits import (
    PLAN_RULES,
    MeasureKey,
    Permit,
    keys_of,
    of_plan,
    permits,
    ruleset_hash,
)

F = FactKind
ON = DUE + timedelta(days=7)


def _key(plan: DayPlan, case_id: int = 1) -> MeasureKey:
    return keys_of(plan.measures, plan.measure_items)[case_id]


def _ask(story: Story, key: MeasureKey, on: date = ON) -> Permit:
    return permits(story.book(), laws(), on, shipped(), [key])[1]


def test_what_the_plan_wants_is_granted_with_every_rule_answered() -> None:
    story = simple()
    permit = _ask(story, _key(story.plan(ON)))
    assert permit.granted
    assert permit.refused_by is None
    assert [rule for rule, _, _ in permit.answers] == [*PLAN_RULES, *permit_rules.RULES]
    assert all(ok for _, ok, _ in permit.answers)


LATE_FACTS = [
    (F.PAYMENT_RECEIVED, {"amount_cents": 10_000}, "not_held", "settled"),
    (F.PAYMENT_RECEIVED, {"amount_cents": 12_000}, "not_held", "credit_balance"),
    (F.PAYMENT_RECEIVED, {"amount_cents": 1}, "same_demand", "10000/0/0, now 9999/0/0"),
    (F.DISPUTE_RAISED, {}, "not_held", "disputed"),
    (F.INSOLVENCY_OPENED, {}, "not_held", "insolvency"),
    (F.DEBTOR_DECEASED, {}, "not_held", "debtor_deceased"),
    (F.MINOR_KNOWN, {}, "not_held", "minor"),
    (F.DEFERRAL_GRANTED, {"until_on": ON}, "not_held", f"deferred: until {ON}"),
    (F.HOLD_SET, {"code": "manual"}, "not_held", "hold: manual"),
    (F.CONTACT_BANNED, {"code": "email"}, "same_channel", "email, now post"),
    (
        F.ENROLLED,
        {"code": BUSINESSES},
        "same_step",
        f"{CONSUMERS}/payment_reminder/1, now {BUSINESSES}/payment_reminder/1",
    ),
    (F.CLAIM_CLOSED, {"claim_id": 11}, "not_held", "closed: all_claims_closed"),
]


@pytest.mark.parametrize(
    ("kind", "changes", "rule", "detail"), LATE_FACTS, ids=[f"{row[0].name} {row[1]}" for row in LATE_FACTS]
)
def test_a_fact_between_plan_and_seal_stops_the_message(
    kind: FactKind, changes: dict[str, object], rule: str, detail: str
) -> None:
    story = simple()
    key = _key(story.plan(ON))
    permit = _ask(story.fact(kind, ON, **changes), key)
    assert not permit.granted
    assert (permit.refused_by, permit.detail) == (rule, detail)


def test_a_message_already_sent_is_not_granted_again() -> None:
    story = simple()
    plan = story.plan(ON)
    permit = _ask(story.send(plan, ON), _key(plan))
    assert (permit.granted, permit.refused_by, permit.detail) == (
        False,
        "not_held",
        "waiting: dunning_notice",
    )


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"step_id": "final_notice"}, "same_step"),
        ({"cycle": 2}, "same_step"),
        ({"channel": "post"}, "same_channel"),
        ({"demanded_cents": 10_001}, "same_demand"),
        ({"fee_cents": 1}, "same_demand"),
        ({"pay_by": ON}, "same_pay_by"),
        ({"items": ((11, "payment_reminder", 2, 10_000, 0),)}, "same_items"),
        ({"items": ()}, "same_items"),
    ],
)
def test_a_message_that_differs_in_any_point_is_refused(changes: dict[str, object], rule: str) -> None:
    story = simple()
    key = replace(_key(story.plan(ON)), **changes)
    permit = _ask(story, key)
    assert not permit.granted
    assert permit.refused_by == rule


def test_the_next_day_is_another_decision() -> None:
    story = simple()
    permit = _ask(story, _key(story.plan(ON)), ON + timedelta(days=1))
    assert (permit.granted, permit.refused_by) == (False, "same_pay_by")


def test_an_unknown_case_is_denied_by_default() -> None:
    story = simple()
    key = _key(story.plan(ON))
    (permit,) = permits(Story().book(), laws(), ON, shipped(), [key]).values()
    assert not permit.granted
    assert not any(ok for _, ok, _ in permit.answers)


def test_plan_and_seal_never_disagree() -> None:
    story = (
        simple()
        .case(2)
        .claim(21, 2, due_on=DUE - timedelta(days=40))
        .case(3, procedure=BUSINESSES)
        .claim(31, 3)
    )
    book = story.book()
    decided = decide(book, laws(), ON, procedures=shipped())
    keys = keys_of(decided.plan.measures, decided.plan.measure_items)
    assert sorted(keys) == [1, 2, 3]
    rules_hash = ruleset_hash(laws(), shipped())
    planned = of_plan(decided, book, rules_hash, keys.values())
    assert planned == permits(book, laws(), ON, shipped(), keys.values())
    for case_id, key in keys.items():
        alone = story.book()
        mine = pl.col("case_id") == case_id
        alone = replace(alone, cases=alone.cases.filter(mine), claims=alone.claims.filter(mine))
        assert permits(alone, laws(), ON, shipped(), [key])[case_id] == planned[case_id]


def test_the_ruleset_hash_changes_with_the_procedures() -> None:
    assert ruleset_hash(laws(), shipped()) == ruleset_hash(laws(), dict(shipped()))
    assert ruleset_hash(laws(), shipped()) != ruleset_hash(laws(), {CONSUMERS: shipped()[CONSUMERS]})
