"""The replay against the law, against a second opinion, and against itself."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.kernel.books import START, random_books
from tests.kernel.oracle import cases_of

from mahnwerk.frames import Book
from mahnwerk.kernel.allocation import ReplaySettings, replay
from mahnwerk.law import load_laws

LAWS = load_laws()
SLOW = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
ENDS = st.sampled_from([START + timedelta(days=n) for n in (30, 90, 200, 330)])


@SLOW
@given(random_books(), ENDS, st.sampled_from(["act/act", "act/365", "30/360"]))
def test_replay_agrees_with_the_oracle_to_the_cent(
    given_book: tuple[Book, pl.DataFrame], on: date, day_count: str
) -> None:
    book, began = given_book
    result = replay(book, began, LAWS, on, detail=True, settings=ReplaySettings(day_count))
    cases = cases_of(book, began.to_dicts(), LAWS["de"], on, day_count)
    expected = [
        {
            "claim_id": debt.row["claim_id"],
            "principal_open_cents": debt.principal,
            "interest_accrued_cents": debt.interest_due,
            "interest_open_cents": debt.interest_open,
            "costs_open_cents": debt.costs_open,
            "costs_charged_cents": sum(cost["charged"] for cost in debt.costs),
            "surplus_cents": case.surplus,
        }
        for case in cases
        for debt in case.debts
    ]
    assert result.balances.select(list(expected[0])).to_dicts() == expected
