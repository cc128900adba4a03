"""What a creditor gets of the money collected for it: collected, less fees, tax and what is kept back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import polars as pl

from mahnwerk.kernel.accounts import COLLECTED, Account, Entry

PPM: Final = 1_000_000
FEE_PPM_MAX: Final = 1_000_000
RESERVE_DAYS_MAX: Final = 400
"""A direct debit without a mandate can be returned for 13 months (§ 676b Abs. 2 BGB)."""
ITEMS: Final[dict[str, Any]] = {
    "case_id": pl.Int64,  # null for postings of earlier payouts
    "entry": pl.Int16,
    "fact_no": pl.Int32,
    "document_on": pl.Date,
    "debit": pl.Int16,
    "credit": pl.Int16,
    "amount_cents": pl.Int64,
    "is_covered": pl.Boolean,  # by an earlier payout
}
"""Every posting on the creditor's liability so far."""


class TermsError(ValueError):
    """Terms that cannot be meant; says which figure and its bounds."""


@dataclass(frozen=True)
class Terms:
    """What the operator keeps and holds back; shares in parts per million."""

    principal_ppm: int = 0
    interest_ppm: int = 0
    costs_ppm: int = 0
    per_payment_cents: int = 0
    per_payout_cents: int = 0
    has_vat: bool = True
    reserve_ppm: int = 0
    reserve_days: int = 0
    minimum_cents: int = 1

    def __post_init__(self) -> None:
        for name, value, highest in (
            ("principal_ppm", self.principal_ppm, FEE_PPM_MAX),
            ("interest_ppm", self.interest_ppm, FEE_PPM_MAX),
            ("costs_ppm", self.costs_ppm, FEE_PPM_MAX),
            ("reserve_ppm", self.reserve_ppm, FEE_PPM_MAX),
            ("per_payment_cents", self.per_payment_cents, 10**7),
            ("per_payout_cents", self.per_payout_cents, 10**7),
            ("reserve_days", self.reserve_days, RESERVE_DAYS_MAX),
            ("minimum_cents", self.minimum_cents, 10**9),
        ):
            if not 0 <= value <= highest:
                raise TermsError(f"{name}: must be 0 to {highest}, is {value}")


@dataclass(frozen=True)
class Settlement:
    """One creditor's account on a day, and what follows from it."""

    opening_cents: int
    principal_cents: int
    interest_cents: int
    costs_cents: int
    other_cents: int
    payment_count: int
    fee_cents: int
    vat_cents: int
    reserve_cents: int
    available_cents: int
    """After fees, tax and reserve; may be negative."""
    amount_cents: int
    """What is paid out; 0 = nothing today."""

    @property
    def collected_cents(self) -> int:
        return self.principal_cents + self.interest_cents + self.costs_cents


def half_up(amount: int, ppm: int) -> int:
    """Share of an amount, rounded half away from zero, so that a fee and its return cancel."""
    share = (2 * abs(amount) * ppm + PPM) // (2 * PPM)
    return share if amount >= 0 else -share


def settle(items: pl.DataFrame, terms: Terms, vat_ppm: int, on: date) -> Settlement:
    """Settle a creditor's account.

    Everything no payout covers yet is taken in: collected money by component, what was returned (negative),
    bank charges and changes of debtors' credits. Fees are a share of each component, a fixed sum per payment
    (once, however often later facts change it) and one per payout, with value
    added tax on top where the operator charges it. The reserve is a share of the money that came in during
    the last days; it is computed anew each time, so what is older comes free by itself. What is below the
    minimum waits for the next time.

    Parameters
    ----------
    items : ITEMS, all of one creditor and currency
    terms : as agreed
    vat_ppm : rate of value added tax in parts per million
    on : the day of the payout

    Returns
    -------
    `Settlement`.

    Guarantees
    ----------
    Pure; row order does not matter. opening + collected + other = fee + tax + reserve + amount whenever
    something is paid out. Never more than what is there. Money that was returned takes its fee back.

    Sources
    -------
    Duty to hand over: §§ 667, 675 BGB. Tax on the operator's service: § 1 Abs. 1 Nr. 1 UStG (own knowledge,
    confidence C).
    """
    sign = pl.when(pl.col("credit") == int(Account.CREDITOR_LIABILITY)).then(1).otherwise(-1)
    moves = items.with_columns(cents=sign * pl.col("amount_cents"))
    opening = int(moves.filter("is_covered")["cents"].sum())
    new = moves.filter(~pl.col("is_covered"))
    by_entry = dict(new.group_by("entry").agg(pl.col("cents").sum()).iter_rows())
    parts = {word: int(by_entry.get(int(entry), 0)) for entry, word in COLLECTED.items()}
    other = int(new["cents"].sum()) - sum(parts.values())
    count = _payments(moves)
    shares = (
        ("principal", terms.principal_ppm),
        ("interest", terms.interest_ppm),
        ("costs", terms.costs_ppm),
    )
    fee = sum(half_up(parts[word], ppm) for word, ppm in shares)
    fee += count * terms.per_payment_cents + terms.per_payout_cents
    vat = half_up(fee, vat_ppm) if terms.has_vat else 0
    reserve = _reserve(moves, terms, on)
    available = opening + sum(parts.values()) + other - fee - vat - reserve
    amount = available if available >= max(1, terms.minimum_cents) else 0
    return Settlement(
        opening_cents=opening,
        principal_cents=parts["principal"],
        interest_cents=parts["interest"],
        costs_cents=parts["costs"],
        other_cents=other,
        payment_count=count,
        fee_cents=fee,
        vat_cents=vat,
        reserve_cents=reserve,
        available_cents=available,
        amount_cents=amount,
    )


def _payments(moves: pl.DataFrame) -> int:
    """Payments of which the creditor has something now, less those of which it had something before.

    So each bears its fixed fee once, whatever later facts change: more of it is credited, it goes back and
    comes again, or a new fact takes its place (a part was charged back). Negative if more went than came.
    """
    sums = (
        moves.filter(pl.col("entry").is_in([int(entry) for entry in COLLECTED]))
        .group_by("case_id", "fact_no")
        .agg(now=pl.col("cents").sum(), before=pl.col("cents").filter("is_covered").sum())
    )
    return int((sums["now"] > 0).sum()) - int((sums["before"] > 0).sum())


def _reserve(moves: pl.DataFrame, terms: Terms, on: date) -> int:
    """Share of what came in during the last `reserve_days` days, this one included, and was not the
    creditor's before (`PAYMENT_IN` on its liability).
    """
    if not terms.reserve_days:
        return 0
    recent = moves.filter(
        pl.col("entry").is_in([int(entry) for entry in (*COLLECTED, Entry.PAYMENT_IN)])
        & (pl.col("document_on") > on - timedelta(days=terms.reserve_days))
    )
    return half_up(max(0, int(recent["cents"].sum())), terms.reserve_ppm)


def payout_postings(
    settlement: Settlement, on: date, paid_from: Account = Account.TRUST_BANK
) -> pl.DataFrame:
    """The postings of a payout, without its case: fee, tax and the money that leaves.

    Parameters
    ----------
    paid_from : the trust bank; or, where the bank's own statement will tell, the account of money on its way

    Returns
    -------
    entry, fact_no, claim_no, sequence, document_on, debit, credit, amount_cents, is_reversal; a negative fee
    is posted the other way round.
    """
    liability = int(Account.CREDITOR_LIABILITY)
    rows = []
    for entry, account, cents in (
        (Entry.PAYOUT_FEE, Account.OPERATOR_FEES, settlement.fee_cents),
        (Entry.PAYOUT_FEE_VAT, Account.FEE_VAT, settlement.vat_cents),
        (Entry.PAYOUT_PAID, paid_from, settlement.amount_cents),
    ):
        if cents:
            pair = (liability, int(account)) if cents > 0 else (int(account), liability)
            rows.append((int(entry), 0, 0, 1, on, *pair, abs(cents), cents < 0))
    schema = {
        "entry": pl.Int16,
        "fact_no": pl.Int32,
        "claim_no": pl.Int32,
        "sequence": pl.Int32,
        "document_on": pl.Date,
        "debit": pl.Int16,
        "credit": pl.Int16,
        "amount_cents": pl.Int64,
        "is_reversal": pl.Boolean,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")
