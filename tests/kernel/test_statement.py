"""A statement is the replay, told line by line."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.kernel.books import START, book, case, claim, default_after_due, defaults, fact, random_books

from mahnwerk.frames import Book, ClaimKind, FactKind
from mahnwerk.kernel.allocation import replay
from mahnwerk.kernel.statement import claim_statement, claim_statements
from mahnwerk.law import load_laws

LAWS = load_laws()


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(random_books(), st.sampled_from([START + timedelta(days=n) for n in (60, 200, 330)]))
def test_lines_add_up_to_what_the_replay_says(given_book: tuple[Book, pl.DataFrame], on: date) -> None:
    some, began = given_book
    said = {row["claim_id"]: row for row in replay(some, began, LAWS, on).balances.to_dicts()}
    statements = claim_statements(some, LAWS, on, some.cases["case_id"], began)
    for statement in statements.values():
        assert statement.open_cents == sum(line.amount_cents for line in statement.lines)
        for position in statement.claims:
            balance = said[position.claim_id]
            lines = statement.lines_of(position.claim_id)
            assert position.open_cents == balance["open_cents"] == sum(line.amount_cents for line in lines)
            for component in ("principal", "interest", "costs"):
                own = [line for line in lines if component in (line.component, line.settles)]
                assert balance[f"{component}_open_cents"] == sum(line.amount_cents for line in own)
            rows = [row for row in statement.interest if row.claim_id == position.claim_id]
            assert balance["interest_accrued_cents"] == sum(row.interest_cents for row in rows)
        for payment in statement.payments:
            used = sum(part.amount_cents for part in payment.parts)
            assert payment.amount_cents == used + payment.unused_cents
            assert payment.unused_cents >= 0


def test_an_ordinary_case_reads_like_a_bill() -> None:
    rows = [claim(1, principal_cents=100_000, invoice_number="R-1")]
    due = rows[0]["due_on"]
    facts = [
        fact(1, FactKind.COST_INCURRED, due + timedelta(days=20), 110, code="costs.dunning_letter"),
        fact(2, FactKind.PAYMENT_RECEIVED, due + timedelta(days=30), 40_000),
    ]
    on = due + timedelta(days=60)
    statement = claim_statement(book(rows, facts), LAWS, on, 1, default_after_due(rows))
    # 2024-02-15 due; 30 days of 8.62 % on 1,000 euro are 706.56 cents, then 429.71 on 608.17 euro.
    assert [(line.component, line.settles, line.amount_cents) for line in statement.lines] == [
        ("principal", "", 100_000),
        ("interest", "", 707),
        ("interest", "", 429),
        ("costs", "", 110),
        ("payment", "costs", -110),
        ("payment", "interest", -707),
        ("payment", "principal", -39_183),
    ]
    interest = statement.lines[1]
    assert (interest.base_cents, interest.rate_ppm, interest.days) == (100_000, 86_200, 30)
    assert interest.first_day == due + timedelta(days=1)
    assert interest.source == "§ 288 Abs. 1 Satz 2 BGB, § 247 BGB"
    assert interest.confidence == "B"
    assert statement.lines[3].source == "§§ 280 Abs. 1, 2, 286 BGB"
    position = statement.claims[0]
    assert (position.principal_open_cents, position.interest_open_cents, position.costs_open_cents) == (
        60_817,
        429,
        0,
    )
    assert position.default_source == "§ 286 Abs. 2 Nr. 1 BGB"
    # 60,817 cents × 8.62 % / 366 days
    assert position.per_day_millicents == 14_324
    assert position.rate_ppm == 86_200
    assert statement.payments[0].unused_cents == 0


@pytest.mark.parametrize(
    ("kind", "is_consumer", "interest", "payment"),
    [
        (ClaimKind.GOODS_OR_SERVICES, True, "§ 288 Abs. 1 Satz 2 BGB, § 247 BGB", "§§ 366, 367 BGB"),
        (ClaimKind.GOODS_OR_SERVICES, False, "§ 288 Abs. 2 BGB, § 247 BGB", "§§ 366, 367 BGB"),
        (ClaimKind.DAMAGES, False, "§ 288 Abs. 1 Satz 2 BGB, § 247 BGB", "§§ 366, 367 BGB"),
        (ClaimKind.CONSUMER_LOAN, True, "§ 497 Abs. 1 BGB, § 247 BGB", "§ 366, § 497 Abs. 3 BGB"),
    ],
)
def test_each_debtor_reads_his_own_statute(
    kind: ClaimKind, is_consumer: bool, interest: str, payment: str
) -> None:
    rows = [claim(1, principal_cents=100_000, kind=int(kind))]
    due = rows[0]["due_on"]
    facts = [fact(1, FactKind.PAYMENT_RECEIVED, due + timedelta(days=30), 40_000)]
    one = book(rows, facts)
    one = replace(one, cases=one.cases.with_columns(is_consumer=pl.lit(is_consumer)))
    statement = claim_statement(one, LAWS, due + timedelta(days=60), 1, default_after_due(rows))
    assert {line.source for line in statement.lines if line.component == "interest"} == {interest}
    assert {line.source for line in statement.lines if line.component == "payment"} == {payment}


def test_interest_that_begins_tomorrow_is_announced() -> None:
    rows = [claim(1, principal_cents=36_600_000)]
    statement = claim_statement(book(rows), LAWS, rows[0]["due_on"], 1, default_after_due(rows))
    assert statement.open_cents == 36_600_000
    assert statement.per_day_millicents == 86_200 * 100


def test_tomorrow_is_unknown_where_the_base_rate_is() -> None:
    issued = date(2026, 11, 1)
    rows = [claim(1, issued_on=issued)]
    statement = claim_statement(book(rows), LAWS, date(2026, 12, 31), 1, default_after_due(rows))
    assert statement.claims[0].law_gap == ""
    assert statement.per_day_millicents is None


def test_a_law_gap_is_named() -> None:
    rows = [claim(1, issued_on=date(2026, 11, 1))]
    statement = claim_statement(book(rows), LAWS, date(2027, 1, 1), 1, default_after_due(rows))
    assert statement.claims[0].law_gap == "interest.base_rate"


def test_costs_of_an_uncertain_letter_stand_apart() -> None:
    rows = [claim(1)]
    on = rows[0]["due_on"] + timedelta(days=10)
    facts = [
        fact(1, FactKind.COST_INCURRED, on, 110, code="costs.dunning_letter", message_id=7),
        fact(2, FactKind.MESSAGE_UNCERTAIN, on, message_id=7),
    ]
    statement = claim_statement(book(rows, facts), LAWS, on, 1, defaults({}))
    assert statement.costs_open_cents == 0
    assert [line.amount_cents for line in statement.unproven_costs] == [110]
    assert statement.open_cents == 10_000


def test_money_that_came_too_early_or_too_much_is_credit() -> None:
    rows = [claim(1), claim(2, issued_on=START + timedelta(days=100))]
    facts = [fact(1, FactKind.PAYMENT_RECEIVED, START + timedelta(days=1), 12_500)]
    statement = claim_statement(book(rows, facts), LAWS, START + timedelta(days=50), 1, defaults({}))
    assert statement.surplus_cents == statement.payments[0].unused_cents == 2_500
    later = claim_statement(book(rows, facts), LAWS, rows[1]["due_on"], 1, defaults({}))
    assert later.surplus_cents == 0
    assert later.payments[0].parts[-1].settled_on == rows[1]["due_on"]
    assert later.open_cents == 7_500


def test_an_unknown_case_is_an_error() -> None:
    with pytest.raises(KeyError, match="no case 9"):
        claim_statement(book([claim(1)], cases=[case(1)]), LAWS, START, 9, defaults({}))
