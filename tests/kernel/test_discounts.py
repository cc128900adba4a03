"""Who pays in time may deduct what was agreed; nobody else may, and a returned payment took nothing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernel.books import START, book, claim, default_after_due, fact

from mahnwerk.frames import Book, FactKind
from mahnwerk.kernel.allocation import Replay, replay
from mahnwerk.kernel.discounts import in_force
from mahnwerk.law import load_laws

LAWS = load_laws()
LAST = START + timedelta(days=10)
PAID = FactKind.PAYMENT_RECEIVED


def granting(number: int = 1, **more: Any) -> dict[str, Any]:
    """100 euro, 3 % discount within ten days."""
    return claim(number, **{"discount_cents": 300, "discount_until": LAST, **more})


def result(given_book: Book, claims: list[dict[str, Any]], on: date = START + timedelta(days=40)) -> Replay:
    return replay(given_book, default_after_due(claims), LAWS, on, detail=True)


@pytest.mark.parametrize(
    ("amount", "paid_on", "open_cents"),
    [
        (9_700, LAST, 0),
        (9_850, LAST, 0),  # took less than he might
        (9_699, LAST, 301),
        (9_700, LAST + timedelta(days=1), 300),
        (10_000, LAST, 0),
    ],
)
def test_the_discount_is_rightly_taken_or_stays_owed(amount: int, paid_on: date, open_cents: int) -> None:
    claims = [granting()]
    found = result(book(claims, [fact(1, PAID, paid_on, amount)]), claims, START + timedelta(days=13))
    row = found.balances.row(0, named=True)
    assert row["open_cents"] == open_cents
    assert row["surplus_cents"] == 0
    assert row["credited_cents"] == max(0, 10_000 - amount - open_cents)


def test_a_returned_payment_took_no_discount() -> None:
    claims = [granting()]
    back = fact(2, FactKind.PAYMENT_RETURNED, START + timedelta(days=12), voids_fact_no=1)
    found = result(book(claims, [fact(1, PAID, LAST, 9_700), back]), claims, START + timedelta(days=13))
    assert found.balances["open_cents"][0] == 10_000


def test_one_payment_of_two_claims_takes_both_discounts() -> None:
    claims = [granting(), granting(2, principal_cents=20_000, discount_cents=600)]
    named = [
        {"case_id": 1, "fact_no": 1, "claim_id": 101, "position": 1},
        {"case_id": 1, "fact_no": 1, "claim_id": 102, "position": 2},
    ]
    found = result(book(claims, [fact(1, PAID, LAST, 29_100)], designations=named), claims)
    assert found.balances["open_cents"].to_list() == [0, 0]
    assert found.balances["surplus_cents"].to_list() == [0, 0]


def test_a_claim_without_the_term_gets_none_and_an_unnamed_payment_of_two_neither() -> None:
    claims = [granting(), claim(2)]
    for facts in ([fact(1, PAID, LAST, 19_700)], [fact(1, PAID, LAST, 9_700, claim_id=102)]):
        live = in_force(book(claims, facts), LAST)
        assert live.height == 1


def test_what_else_touched_the_claim_leaves_it_to_a_person() -> None:
    claims = [granting()]
    credit = fact(1, FactKind.CREDIT_NOTE, START, 100, claim_id=101)
    assert in_force(book(claims, [credit, fact(2, PAID, LAST, 9_700)]), LAST).height == 2


def test_a_recorded_discount_is_not_taken_twice() -> None:
    claims = [granting()]
    recorded = fact(2, FactKind.EARLY_PAYMENT_DISCOUNT, LAST, 300, claim_id=101)
    found = result(book(claims, [fact(1, PAID, LAST, 9_700), recorded]), claims)
    assert found.balances.select("open_cents", "surplus_cents").row(0) == (0, 0)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(1, 12_000), st.sampled_from([None, 101, 102])), max_size=5
    ),
    st.integers(0, 500),
)
def test_never_more_than_granted_never_a_credit(
    payments: list[tuple[int, int, int | None]], discount: int
) -> None:
    claims = [granting(discount_cents=discount), granting(2, discount_cents=discount)]
    facts = [
        fact(number, PAID, START + timedelta(days=day), cents, claim_id=key)
        for number, (day, cents, key) in enumerate(payments, start=1)
    ]
    given_book = book(claims, facts)
    derived = in_force(given_book, START + timedelta(days=40)).filter(
        pl.col("kind") == int(FactKind.EARLY_PAYMENT_DISCOUNT)
    )
    assert derived["claim_id"].n_unique() == derived.height
    assert all(0 < cents <= 2 * discount for cents in derived["amount_cents"])
    balances = result(given_book, claims).balances
    paid = sum(cents for _, cents, _ in payments)
    settled = (balances["paid_cents"].sum() or 0) + balances["surplus_cents"].max()
    assert settled == paid
    assert balances["credited_cents"].sum() == derived["amount_cents"].sum()
    shuffled = Book(given_book.cases, given_book.claims.reverse(), given_book.facts.reverse())
    assert result(shuffled, claims).balances.sort("claim_id").equals(balances.sort("claim_id"))
