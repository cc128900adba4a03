from __future__ import annotations

from datetime import date, timedelta

import pytest
from tests.kernel.dunning_books import DUE, Story, held, outcome, simple

from mahnwerk.frames import FactKind
from mahnwerk.kernel.poison import data_errors, without

POISON = [
    ("cases", {"currency": "GBP"}, "cases.currency"),
    ("cases", {"currency": None}, "cases.currency"),
    ("cases", {"role": 9}, "cases.role"),
    ("cases", {"letter_cost_post_cents": -1}, "cases.letter_cost_post_cents"),
    ("cases", {"letter_cost_email_cents": -1}, "cases.letter_cost_email_cents"),
    ("claims", {"principal_cents": 0}, "claims.principal_cents"),
    ("claims", {"principal_cents": None}, "claims.principal_cents"),
    ("claims", {"principal_cents": 10**13 + 1}, "claims.principal_cents"),
    ("claims", {"jurisdiction": "fr"}, "claims.jurisdiction"),
    ("claims", {"kind": 7}, "claims.kind"),
    ("claims", {"due_on": None, "issued_on": None}, "claims.due_on"),
    ("claims", {"due_on": date(1066, 10, 14)}, "claims.due_on"),
    ("claims", {"agreed_rate_ppm": -1}, "claims.agreed_rate_ppm"),
    ("facts", {"kind": 999}, "facts.kind"),
    ("facts", {"effective_on": None}, "facts.effective_on"),
    ("facts", {"amount_cents": None}, "facts.amount_cents"),
    ("facts", {"amount_cents": -5}, "facts.amount_cents"),
    ("facts", {"claim_id": 404}, "facts.claim_id"),
    ("facts", {"claim_id": 11}, "facts.claim_id"),
]


@pytest.mark.parametrize(("table", "wrong", "detail"), POISON, ids=[str(row[1]) for row in POISON])
def test_a_poison_row_holds_its_own_case_only(table: str, wrong: dict[str, object], detail: str) -> None:
    story = simple().case(2).claim(21, 2).fact(FactKind.PAYMENT_RECEIVED, DUE, 2, amount_cents=100)
    getattr(story, table)[-1].update(wrong)
    plan = story.plan(DUE + timedelta(days=10))
    assert outcome(plan, 1) == ("measure", "payment_reminder")
    assert outcome(plan, 2) == ("held", "data_error")
    assert held(plan, 2)["detail"] == detail
    assert plan.balances["case_id"].to_list() == [1]


def test_a_claim_without_due_date_is_due_when_issued() -> None:
    story = simple()
    story.claims[-1].update(due_on=None, issued_on=DUE)
    assert outcome(story.plan(DUE + timedelta(days=10))) == ("measure", "payment_reminder")


def test_a_sound_book_has_no_error_and_stays_the_same_object() -> None:
    book = simple().fact(FactKind.PAYMENT_RECEIVED, DUE, amount_cents=1, claim_id=11).book()
    errors = data_errors(book, ["de"])
    assert errors.is_empty()
    assert without(book, errors) is book


def test_a_claim_number_given_twice_holds_both_cases() -> None:
    story = simple().case(2).claim(11, 2)
    errors = data_errors(story.book(), ["de"])
    assert errors.rows() == [(1, "claims.claim_id"), (2, "claims.claim_id")]
    assert without(story.book(), errors).claims.is_empty()


def test_a_case_given_twice_is_held_once() -> None:
    plan = simple().case(1).plan(DUE)
    assert plan.held.select("case_id", "reason", "detail").rows() == [(1, "data_error", "cases.case_id")]


def test_a_message_about_a_claim_of_another_case_holds_its_own() -> None:
    story = simple().case(2).claim(21, 2)
    on = DUE + timedelta(days=7)
    story.send(story.plan(on), on, 1)
    story.notices[-1]["claim_id"] = 21
    assert data_errors(story.book(), ["de"]).rows() == [(1, "notices.claim_id")]


def test_rows_of_unknown_cases_hold_nobody() -> None:
    story = simple().claim(91, 9).fact(FactKind.HOLD_SET, DUE, 9)
    book = story.book()
    kept = without(book, data_errors(book, ["de"]).clear())
    assert kept.claims["case_id"].to_list() == [1]
    assert outcome(story.plan(DUE + timedelta(days=7)))[0] == "measure"


def test_a_message_level_out_of_range_is_an_error() -> None:
    story = simple()
    on = DUE + timedelta(days=7)
    story.send(story.plan(on), on)
    story.notices[-1]["level"] = 10
    assert outcome(story.plan(on)) == ("held", "data_error")
    assert held(story.plan(on))["detail"] == "notices.level"
    assert isinstance(story, Story)
