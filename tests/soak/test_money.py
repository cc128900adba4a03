"""A short soak in every test run, and proof that the soak would see a single cent."""

from __future__ import annotations

import polars as pl
import pytest
from tests.soak import money

from mahnwerk.kernel.ledger import targets


def test_a_few_thousand_operations_leave_no_drift() -> None:
    tally = money.soak_chunk(7, cases=30)
    assert tally.operations.total() > 500 and tally.comparisons > 300
    assert tally.corrections > 20, "late truths must have led to corrections"


def test_a_cent_too_much_in_the_journal_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*given: object) -> pl.DataFrame:
        made = targets(*given)  # type: ignore[arg-type]
        first = pl.int_range(pl.len()) == 0
        return made.with_columns(amount_cents=pl.col("amount_cents") + first.cast(pl.Int64))

    monkeypatch.setattr(money, "targets", wrong)
    with pytest.raises(money.Drift, match="the oracle says"):
        money.soak_chunk(7, cases=10)


def test_a_cent_too_much_in_the_replay_is_seen() -> None:
    result = pl.DataFrame(
        {
            "claim_id": [101],
            "principal_open_cents": [1],
            "interest_accrued_cents": [0],
            "interest_open_cents": [0],
            "costs_open_cents": [0],
            "surplus_cents": [0],
        }
    )
    debt = type(
        "Debt",
        (),
        {"principal": 0, "interest_due": 0, "interest_open": 0, "costs_open": 0, "row": {"claim_id": 101}},
    )
    one = type("Case", (), {"debts": [debt], "surplus": 0})
    with pytest.raises(money.Drift, match="principal_open_cents is 1, the oracle says 0"):
        money.compare(1, money.START, result, [one])  # type: ignore[list-item]
