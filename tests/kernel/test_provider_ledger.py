"""A provider's clearing account: with fees and settlements posted it holds what the provider still has."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernel.test_bank_ledger import EMPTY, balances

from mahnwerk.kernel.accounts import Account
from mahnwerk.kernel.ledger import corrections
from mahnwerk.kernel.provider_ledger import PROVIDER_BALANCES, provider_targets

A = Account
CLEARING = (A.PROVIDER_CLEARING, A.TRUST_PROVIDER_CLEARING)


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    numbered = [{"about_id": n, "moved_on": date(2026, 3, 2), **row} for n, row in enumerate(rows, 1)]
    return pl.DataFrame(numbered, schema=PROVIDER_BALANCES, orient="row")


def row(gross: int, fee: int = 0, **more: bool) -> dict[str, Any]:
    flags = {"is_payout": False, "is_told": False, "is_trust": False}
    return {"gross_cents": gross, "fee_cents": fee, **flags, **more}


def posted(*rows: dict[str, Any]) -> dict[Account, int]:
    return balances(corrections(provider_targets(frame(*rows)), EMPTY))


def test_a_payment_its_fee_and_the_settlement() -> None:
    ours = row(24_900, 732, is_told=True)
    assert posted(ours) == {A.PROVIDER_FEES: 732, A.PROVIDER_CLEARING: -732}
    # Not of a case, and a settlement no bank statement tells of.
    assert posted(row(1_000, 20), row(-980, is_payout=True)) == {
        A.OTHER_MONEY: -1_000,
        A.PROVIDER_FEES: 20,
        A.BANK: 980,
    }
    assert posted(row(24_900, 732, is_told=True, is_trust=True)) == {
        A.CREDITOR_LIABILITY: 732,
        A.TRUST_PROVIDER_CLEARING: -732,
    }
    assert posted(row(0, -50)) == {A.PROVIDER_FEES: -50, A.PROVIDER_CLEARING: 50}, "a fee given back"


rows = st.builds(
    lambda gross, fee, payout, told, trust: row(gross, fee, is_payout=payout, is_told=told, is_trust=trust),
    st.integers(-(10**9), 10**9),
    st.integers(-(10**4), 10**4),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(rows, max_size=8))
def test_clearing_holds_what_the_provider_holds(given_rows: list[dict[str, Any]]) -> None:
    found = posted(*given_rows)
    for is_trust, account in enumerate(CLEARING):
        mine = [one for one in given_rows if one["is_trust"] == bool(is_trust)]
        told = sum(one["gross_cents"] for one in mine if one["is_told"])
        held = sum(one["gross_cents"] - one["fee_cents"] for one in mine)
        assert found.get(account, 0) + told == held
    for side in (True, False):
        assert sum(c for a, c in found.items() if (a >= A.MANAGED_CLAIMS) == side) == 0
