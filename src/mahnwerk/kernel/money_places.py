"""Where the money lies that facts tell of: at the bank, on its way there, or with a payment provider.

Once a creditor's bank statements are in the book, the bank accounts of the journal are moved by statements
alone (`bank_ledger`). What facts tell then meets them on an account in between, which is zero when both have
told the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from mahnwerk.kernel.accounts import Account

SINCE: Final[dict[str, Any]] = {"creditor_id": pl.Int64, "from_on": pl.Date}
MARKED: Final[dict[str, Any]] = {"case_id": pl.Int64, "fact_no": pl.Int32}
_BANKS: Final = (int(Account.BANK), int(Account.TRUST_BANK))
_TRANSIT: Final = {Account.BANK: Account.MONEY_IN_TRANSIT, Account.TRUST_BANK: Account.TRUST_IN_TRANSIT}
_BEFORE: Final = {Account.BANK: Account.OPENING_BALANCE, Account.TRUST_BANK: Account.TRUST_OPENING_BALANCE}
_PROVIDER: Final = {
    Account.BANK: Account.PROVIDER_CLEARING,
    Account.TRUST_BANK: Account.TRUST_PROVIDER_CLEARING,
}


@dataclass(frozen=True)
class MoneyPlaces:
    """Whose bank statements are known from which day, and which facts are about money at a provider."""

    since: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SINCE))
    """creditor_id, from_on: first day the statements of the creditor's account tell of."""
    at_provider: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MARKED))
    """case_id, fact_no."""


def in_their_place(wanted: pl.DataFrame, cases: pl.DataFrame, places: MoneyPlaces) -> pl.DataFrame:
    """Put money where it lies: at the provider, on its way, or in the bank's opening balance.

    Parameters
    ----------
    wanted : ledger.TARGETS of cases
    cases : CASES (case_id, creditor_id)

    Returns
    -------
    The same rows; `bank` and `trust_bank` are replaced where the place is another. Order is not kept.

    Guarantees
    ----------
    Pure. Own money stays own, trust money stays trust; amounts and keys do not change.
    """
    touches = pl.col("debit").is_in(_BANKS) | pl.col("credit").is_in(_BANKS)
    marks = places.at_provider.with_columns(is_at_provider=pl.lit(True))
    money = (
        wanted.filter(touches)
        .join(cases.select("case_id", "creditor_id"), on="case_id", how="left")
        .join(places.since, on="creditor_id", how="left")
        .join(marks, on=["case_id", "fact_no"], how="left")
    )

    def place(side: str) -> pl.Expr:
        def to(pairs: dict[Account, Account]) -> pl.Expr:
            numbers = {int(old): int(new) for old, new in pairs.items()}
            return pl.col(side).replace(numbers)

        return (
            pl.when(pl.col("is_at_provider").fill_null(False))
            .then(to(_PROVIDER))
            .when(pl.col("from_on").is_null())
            .then(pl.col(side))
            .when(pl.col("document_on") < pl.col("from_on"))
            .then(to(_BEFORE))
            .otherwise(to(_TRANSIT))
        )

    moved = money.with_columns(debit=place("debit"), credit=place("credit")).select(wanted.columns)
    return pl.concat([wanted.filter(~touches), moved])
