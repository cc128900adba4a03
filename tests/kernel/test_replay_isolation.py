"""A case's outcome depends on its own rows only, whatever other cases share the book."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.kernel.books import START, book, claim, defaults, fact, random_books

from mahnwerk.frames import Book, FactKind
from mahnwerk.kernel.allocation import replay
from mahnwerk.law import load_laws

LAWS = load_laws()
K = FactKind


def alone(whole: Book, case_id: int) -> Book:
    def mine(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.filter(pl.col("case_id") == case_id)

    return Book(
        mine(whole.cases),
        mine(whole.claims),
        mine(whole.facts),
        mine(whole.designations),
        mine(whole.notices),
    )


def assert_isolated(whole: Book, began: pl.DataFrame, on: date) -> None:
    together = replay(whole, began, LAWS, on, detail=True)
    for case_id in whole.cases["case_id"]:
        single = replay(alone(whole, case_id), began, LAWS, on, detail=True)
        assert together.balances.filter(pl.col("case_id") == case_id).equals(single.balances)
        assert together.allocations is not None and single.allocations is not None
        own = together.allocations.filter(pl.col("case_id") == case_id)
        assert own.sort("*").equals(single.allocations.sort("*"))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(random_books(), st.sampled_from([30, 90, 200, 330]))
def test_cases_do_not_touch_each_other(given_book: tuple[Book, pl.DataFrame], offset: int) -> None:
    assert_isolated(*given_book, START + timedelta(days=offset))


def test_a_refund_is_not_swallowed_because_another_case_is_paid_at_the_same_turn() -> None:
    """A surplus waits beside open costs; the refund of it shares its turn with another case's payment."""
    later = START + timedelta(days=120)
    claims = [claim(1, issued_on=later), claim(2), claim(1, case_id=2)]
    facts = [
        fact(1, K.COST_INCURRED, START + timedelta(days=1), 2_000, claim_id=101, code="costs.dunning_letter"),
        fact(2, K.PAYMENT_RECEIVED, START + timedelta(days=2), 10_500, claim_id=102),
        fact(3, K.REFUND_PAID, START + timedelta(days=3), 500),
        fact(1, K.PAYMENT_RECEIVED, START, 1, case_id=2),
        fact(2, K.PAYMENT_RECEIVED, START, 1, case_id=2),
        fact(3, K.PAYMENT_RECEIVED, START, 1, case_id=2),
    ]
    whole = book(claims, facts)
    on = START + timedelta(days=10)
    assert_isolated(whole, defaults({}), on)
    own = replay(whole, defaults({}), LAWS, on)
    assert own.problems.is_empty(), "the refund found its credit"
    assert own.balances["costs_open_cents"].to_list()[0] == 2_000
