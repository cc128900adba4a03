"""A payment provider's account in the journal: its fees, its settlements, and what is not ours in it.

Payments, refunds and returns of our cases are posted with their facts, against the same clearing account.
With the fees and the settlement on the bank statement it is zero.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from mahnwerk.kernel.accounts import Account, Entry
from mahnwerk.kernel.ledger import KEY, TARGETS

PROVIDER_BALANCES: Final[dict[str, Any]] = {
    "about_id": pl.Int64,
    "moved_on": pl.Date,
    "gross_cents": pl.Int64,  # before the fee; to us is positive
    "fee_cents": pl.Int64,
    "is_payout": pl.Boolean,
    "is_told": pl.Boolean,  # the money is posted already: with a fact, or with an entry of the bank
    "is_trust": pl.Boolean,  # of a creditor we collect for
}
"""Changes of the balance with a provider."""
_A = Account


def provider_targets(balances: pl.DataFrame) -> pl.DataFrame:
    """What the journal should hold of providers' balances besides facts and bank entries.

    Parameters
    ----------
    balances : PROVIDER_BALANCES

    Returns
    -------
    ledger.TARGETS with `case_id` = about_id, sorted by key. Fees are an expense of the shop, or come off what
    a creditor is owed; a payment that is none of a case is other money; a settlement that no bank statement
    will tell of is on the bank account.

    Guarantees
    ----------
    Pure; row order does not matter. What it posts on clearing accounts is the sum of all rows, less the
    gross of those told elsewhere.
    """
    own_or_trust = {
        "clearing": (_A.PROVIDER_CLEARING, _A.TRUST_PROVIDER_CLEARING),
        "fees": (_A.PROVIDER_FEES, _A.CREDITOR_LIABILITY),
        "other": (_A.OTHER_MONEY, _A.TRUST_OTHER_MONEY),
        "bank": (_A.BANK, _A.TRUST_BANK),
    }
    rows = balances.with_columns(
        **{
            name: pl.when("is_trust").then(int(trust)).otherwise(int(own))
            for name, (own, trust) in own_or_trust.items()
        }
    ).with_columns(against=pl.when("is_payout").then("bank").otherwise("other"))
    parts = [
        _part(rows, Entry.PROVIDER_FEE, "fees", "clearing", "fee_cents"),
        _part(rows.filter(~pl.col("is_told")), Entry.PROVIDER_OTHER, "clearing", "against", "gross_cents"),
    ]
    return pl.concat(parts).sort(*KEY, "debit", "credit")


def _part(rows: pl.DataFrame, entry: Entry, debit: str, credit: str, cents: str) -> pl.DataFrame:
    is_in = pl.col(cents) > 0
    return rows.filter(pl.col(cents) != 0).select(
        case_id="about_id",
        entry=pl.lit(int(entry)).cast(TARGETS["entry"]),
        fact_no=pl.lit(0, pl.Int32),
        claim_no=pl.lit(0, pl.Int32),
        debit=pl.when(is_in).then(debit).otherwise(credit).cast(TARGETS["debit"]),
        credit=pl.when(is_in).then(credit).otherwise(debit).cast(TARGETS["credit"]),
        amount_cents=pl.col(cents).abs(),
        document_on="moved_on",
    )
