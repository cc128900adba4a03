from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import polars as pl
import pytest
from tests.kernel.dunning_books import (
    BUSINESSES,
    DUE,
    LENDERS,
    Story,
    laws,
    live_through,
    raw,
    simple,
)

from mahnwerk.frames import ClaimKind, DueKind, FactKind
from mahnwerk.kernel.message_fees import letter_fees
from mahnwerk.kernel.procedures import parse_procedure
from mahnwerk.law import LawGap

F = FactKind


def _days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=n) for n in range(count)]


def test_the_letter_that_puts_in_default_is_free_and_the_next_ones_cost_what_they_cost() -> None:
    story = simple()
    fees = []
    for on in _days(DUE, 80):
        plan = story.plan(on) if not story.notices or on > story.notices[-1]["pay_by"] else None
        if plan is not None and plan.measures.height:
            row = plan.measures.row(0, named=True)
            triggers = plan.measure_items["triggers_default"].to_list()
            fees.append((row["step_id"], row["fee_cents"], row["fee_rule_id"], triggers))
            story.send(plan, on)
    assert fees == [
        ("payment_reminder", 0, None, [False]),
        ("dunning_notice", 0, None, [True]),
        ("second_notice", 76, "costs.dunning_letter", [False]),
        ("final_notice", 76, "costs.dunning_letter", [False]),
    ]


def test_an_e_mail_costs_nothing() -> None:
    story = Story().case(has_postal_address=False).claim(due_kind=int(DueKind.CALENDAR))
    sent = live_through(story, _days(DUE, 70))
    assert "second_notice" in [step for _, step in sent]
    assert not [row for row in story.facts if row["kind"] == F.COST_INCURRED]


def test_a_letter_cost_above_the_cap_is_cut() -> None:
    mapping = raw("lenders")
    mapping["letter_cost_cents"] = {"post": 900, "email": 0}
    dear = {LENDERS: parse_procedure(mapping)}
    story = Story().case(procedure=LENDERS).claim(due_kind=int(DueKind.CALENDAR))
    live_through(story, _days(DUE, 10))
    plan = story.plan(DUE + timedelta(days=30), dear)
    assert plan.measures.select("step_id", "fee_cents").rows() == [("dunning_notice", 250)]


def _dunning_fee(procedure: Mapping[str, object], **case: object) -> int:
    lenders = {LENDERS: parse_procedure({**raw("lenders"), **procedure})}
    story = Story().case(procedure=LENDERS, has_email=False, **case).claim(due_kind=int(DueKind.CALENDAR))
    live_through(story, _days(DUE, 10))
    plan = story.plan(DUE + timedelta(days=30), lenders)
    assert plan.measures["step_id"].to_list() == ["dunning_notice"]
    return int(plan.measures["fee_cents"][0])


def test_a_creditors_own_letters_cost_what_they_cost() -> None:
    assert _dunning_fee({}) == 76
    assert _dunning_fee({}, letter_cost_post_cents=112) == 112
    assert _dunning_fee({}, letter_cost_post_cents=0) == 0
    assert _dunning_fee({}, letter_cost_email_cents=50) == 76
    assert _dunning_fee({}, letter_cost_post_cents=900) == 250, "the cap of the law"


def test_a_steps_own_cost_goes_before_the_creditors() -> None:
    steps = raw("lenders")["steps"]
    steps[2]["letter_cost_cents"] = {"post": 99}
    assert steps[2]["id"] == "dunning_notice"
    assert _dunning_fee({"steps": steps}, letter_cost_post_cents=112) == 99
    steps[2]["letter_cost_cents"] = {"email": 0}
    assert _dunning_fee({"steps": steps}, letter_cost_post_cents=112) == 112


def test_an_e_mail_is_never_charged_whatever_its_creditor_says() -> None:
    story = Story().case(has_postal_address=False, letter_cost_email_cents=50)
    story.claim(due_kind=int(DueKind.CALENDAR))
    assert "second_notice" in [step for _, step in live_through(story, _days(DUE, 70))]
    assert not [row for row in story.facts if row["kind"] == F.COST_INCURRED]


def test_no_fee_while_the_same_letter_puts_another_claim_in_default() -> None:
    def fee(due_kind: DueKind) -> tuple[list[tuple[object, ...]], int]:
        story = Story().case(procedure=LENDERS).claim(due_kind=int(DueKind.CALENDAR))
        story.claim(12, due_on=DUE + timedelta(days=18), due_kind=int(due_kind))
        live_through(story, _days(DUE, 24))
        plan = story.plan(DUE + timedelta(days=24))
        items = plan.measure_items.select("claim_id", "step_id", "level", "climbs", "triggers_default").rows()
        return items, plan.measures["fee_cents"][0]

    older = (11, "dunning_notice", 2, True, False)
    assert fee(DueKind.NOTICE) == ([older, (12, "payment_reminder", 1, True, True)], 0)
    assert fee(DueKind.CALENDAR) == ([older, (12, "payment_reminder", 1, True, False)], 76)


def _business(**changes: object) -> Story:
    return Story().case(procedure=BUSINESSES, is_consumer=False).claim(**changes)  # type: ignore[arg-type]


def test_a_business_in_default_owes_the_lump_sum_once_per_claim() -> None:
    story = _business().claim(12, kind=int(ClaimKind.DAMAGES))
    live_through(story, _days(DUE, 15))
    plan = story.plan(DUE + timedelta(days=25))
    assert plan.measures.select("step_id", "fee_cents").rows() == [("second_notice", 0)]
    assert plan.measure_items.select("claim_id", "lump_sum_cents").rows() == [(11, 4000), (12, 0)]
    story.send(plan, DUE + timedelta(days=25))
    later = story.plan(DUE + timedelta(days=60))
    assert later.measure_items["lump_sum_cents"].to_list() == [0, 0]
    assert later.balances.filter(pl.col("claim_id") == 11)["costs_open_cents"].to_list() == [4000]


def test_no_lump_sum_before_default_nor_for_old_obligations_nor_consumers() -> None:
    def lump_sums(story: Story) -> list[int]:
        live_through(story, _days(DUE, 15))
        return story.plan(DUE + timedelta(days=25)).measure_items["lump_sum_cents"].to_list()

    assert lump_sums(_business()) == [4000]
    assert lump_sums(_business(obligation_arose_on=date(2014, 7, 28))) == [0]
    assert lump_sums(_business(obligation_arose_on=date(2014, 7, 29))) == [4000]
    assert lump_sums(Story().case(procedure=BUSINESSES, is_consumer=True).claim()) == [0]
    assert lump_sums(Story().case(procedure=BUSINESSES, is_consumer=None).claim()) == [0]
    assert lump_sums(Story().case(procedure=BUSINESSES, is_consumer=False, currency="CHF").claim()) == [0]


def test_whoever_owes_the_lump_sum_pays_no_letter_cost_beside_it() -> None:
    def fee(lump_sum: bool) -> int:
        story = Story().case(procedure=LENDERS).claim(due_kind=int(DueKind.CALENDAR))
        live_through(story, _days(DUE, 10))
        if lump_sum:
            rule = "costs.late_payment_lump_sum"
            story.fact(F.COST_INCURRED, DUE + timedelta(days=9), claim_id=11, amount_cents=4000, code=rule)
        plan = story.plan(DUE + timedelta(days=30))
        assert plan.measures["step_id"].to_list() == ["dunning_notice"]
        return int(plan.measures["fee_cents"][0])

    assert (fee(False), fee(True)) == (76, 0)


def test_no_euro_cost_on_another_currency_or_under_another_law() -> None:
    def fee(claim: dict[str, object], **case: object) -> int:
        story = Story().case(procedure=LENDERS, **case).claim(due_kind=int(DueKind.CALENDAR), **claim)
        live_through(story, _days(DUE, 10))
        return int(story.plan(DUE + timedelta(days=30)).measures["fee_cents"][0])

    assert fee({}) == 76
    assert fee({}, currency="CHF") == 0
    assert fee({"jurisdiction": "at"}) == 0


def test_caps_not_known_hold_only_the_messages_that_need_them() -> None:
    old = date(2001, 6, 1)
    items = pl.DataFrame(
        {
            "case_id": [1, 2],
            "triggers_default": [False, False],
            "is_in_default": [True, True],
            "is_top": [True, True],
            "has_lump_sum": [False, False],
            "jurisdiction": ["de", "de"],
            "currency": ["EUR", "EUR"],
        }
    )
    chosen = pl.DataFrame(
        {
            "case_id": [1, 2],
            "channel": ["post", "post"],
            "charges_letter_cost": [True, False],
            "letter_cost_cents": [76, 76],
        }
    )
    with pytest.raises(LawGap, match=r"costs\.dunning_letter_cap"):
        letter_fees(chosen, items, laws(), old)
    free = letter_fees(chosen.filter(pl.col("case_id") == 2), items, laws(), old)
    assert free.rows() == [(2, 0, None)]
    assert letter_fees(chosen, items, laws(), DUE).rows() == [(1, 76, "costs.dunning_letter"), (2, 0, None)]
