"""Where the money lies that facts tell of: at the bank, on its way there, or with a payment provider.

Once a creditor's bank statements are in the book, the bank accounts of the journal are moved by statements
alone (`bank_ledger`). What facts tell then meets them on an account in between, which is zero when both have
told the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from mahnwerk.frames import FactKind
from mahnwerk.kernel.accounts import TRUST_ROLES, Account, Entry

SINCE: Final[dict[str, Any]] = {"creditor_id": pl.Int64, "from_on": pl.Date}
MARKED: Final[dict[str, Any]] = {"case_id": pl.Int64, "fact_no": pl.Int32}
PAID_TO_CREDITOR: Final = "paid.creditor"
"""Code of a payment that went to the creditor itself, past whoever collects for it."""
REFUND_BACK: Final = "refund_back"
"""Code of the fact that voids a refund whose money did not arrive."""
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
    told: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MARKED))
    """case_id, fact_no of facts that an entry of a statement shows; those of a day before it are enough."""


def in_their_place(wanted: pl.DataFrame, cases: pl.DataFrame, places: MoneyPlaces) -> pl.DataFrame:
    """Put money where it lies: at the provider, on its way, or in the bank's opening balance.

    Money from before the first statement lies in its opening balance, unless an entry shows it: banks date
    entries back, and a transfer leaves days after it was ordered.

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
    told = places.told.unique().with_columns(is_told=pl.lit(True))
    money = (
        wanted.filter(touches)
        .join(cases.select("case_id", "creditor_id"), on="case_id", how="left")
        .join(places.since, on="creditor_id", how="left")
        .join(marks, on=["case_id", "fact_no"], how="left")
        .join(told, on=["case_id", "fact_no"], how="left")
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
            .when((pl.col("document_on") < pl.col("from_on")) & pl.col("is_told").is_null())
            .then(to(_BEFORE))
            .otherwise(to(_TRANSIT))
        )

    moved = money.with_columns(debit=place("debit"), credit=place("credit")).select(wanted.columns)
    return pl.concat([wanted.filter(~touches), moved])


def went_back(
    facts: pl.DataFrame, live: pl.DataFrame, cases: pl.DataFrame, places: MoneyPlaces
) -> pl.DataFrame:
    """Money that came or left with the opening balance, and went the other way by an entry of a statement.

    The fact that undoes a payment takes its posting away as if it had never been. But the bank saw both: the
    opening balance holds the first movement and an entry is the second. So the sum passes from the one
    account to the other.

    Parameters
    ----------
    facts : FACTS, undone ones too
    live : the FACTS in force
    cases : CASES (case_id, creditor_id, role)

    Returns
    -------
    Columns of ledger.TARGETS, one row per return of a payment, or of a refund whose coming back an entry
    shows, whose two movements lie in different places. What a bank refused never left, and a payment
    declared void never was: neither has a row.
    """
    undone, key = ["case_id", "voids_fact_no"], ["case_id", "fact_no"]
    pairs = _undone_movements(facts, live, cases, places.told).join(
        places.at_provider, left_on=undone, right_on=key, how="anti"
    )
    bank = pl.when("is_trust").then(int(Account.TRUST_BANK)).otherwise(int(Account.BANK)).cast(pl.Int16)
    first = pairs.select(*undone, document_on="first_on", debit=bank, credit=bank).unique(undone)
    first = in_their_place(first.rename({"voids_fact_no": "fact_no"}), cases, places)
    then = in_their_place(pairs.select(*key, "document_on", debit=bank, credit=bank), cases, places)
    came = pl.col("kind") == int(FactKind.PAYMENT_RECEIVED)
    return (
        pairs.join(then.select(*key, then="debit"), on=key)
        .join(first.select("case_id", voids_fact_no="fact_no", first="debit"), on=undone)
        .filter(pl.col("then") != pl.col("first"))
        .select(
            *key,
            "amount_cents",
            "document_on",
            entry=pl.lit(int(Entry.WENT_BACK)),
            claim_no=pl.lit(0),
            debit=pl.when(came).then("first").otherwise("then"),
            credit=pl.when(came).then("then").otherwise("first"),
        )
    )


def _undone_movements(
    facts: pl.DataFrame, live: pl.DataFrame, cases: pl.DataFrame, told: pl.DataFrame
) -> pl.DataFrame:
    """Facts in force that say money went the other way, with the fact they undo (`kind`, `first_on`)."""
    undoing = live.filter(pl.col("voids_fact_no").is_not_null()).select(
        "case_id", "fact_no", "voids_fact_no", document_on="effective_on", undoes="kind", how="code"
    )
    first = facts.select(
        "case_id", "kind", "code", "amount_cents", voids_fact_no="fact_no", first_on="effective_on"
    )
    is_return = pl.col("undoes") == int(FactKind.PAYMENT_RETURNED)
    is_back = (pl.col("how") == REFUND_BACK).fill_null(False) & pl.col("is_told").fill_null(False)
    is_trust = pl.col("role").is_in([int(role) for role in TRUST_ROLES]).fill_null(False)
    # What went to the creditor itself was never on an account of ours.
    is_ours = ~(pl.col("is_trust") & (pl.col("code") == PAID_TO_CREDITOR).fill_null(False))
    return (
        undoing.join(first, on=["case_id", "voids_fact_no"])
        .join(told.unique().with_columns(is_told=pl.lit(True)), on=["case_id", "fact_no"], how="left")
        .filter(
            (is_return & (pl.col("kind") == int(FactKind.PAYMENT_RECEIVED)))
            | (is_back & (pl.col("kind") == int(FactKind.REFUND_PAID)))
        )
        .join(cases.select("case_id", is_trust=is_trust), on="case_id")
        .filter(is_ours & (pl.col("amount_cents").fill_null(0) > 0))
    )
