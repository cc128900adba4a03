"""What a debtor is asked to pay of his own accord on a day: what a letter of that day would ask for."""

from __future__ import annotations

from datetime import date
from typing import Final

import polars as pl

from mahnwerk.frames import Book, HeldReason, Schema
from mahnwerk.kernel import calendar
from mahnwerk.kernel.daily_run import Decided
from mahnwerk.kernel.discounts import in_force
from mahnwerk.kernel.holds import RANK, fact_blocks

PAYABLE: Final[Schema] = {
    "case_id": pl.Int64,
    "claim_id": pl.Int64,
    "cents": pl.Int64,  # may be paid: what is open less what is disputed; 0 = nobody asks for it
    "turn": pl.Int8,  # 0 = overdue and asked for; 1 = not yet due, but a message told of it; 2 = any other
    "is_settled": pl.Boolean,  # closed, or nothing is open
}
NEVER: Final = (
    HeldReason.CLOSED,
    HeldReason.DEBTOR_DECEASED,
    HeldReason.INSOLVENCY,
    HeldReason.MINOR,
    HeldReason.IDENTITY_DISPUTED,
    HeldReason.DISPUTED,
)
"""Holds under which money must not be asked for, or could not be kept (§ 81 InsO, § 108 BGB)."""
LATER: Final = (
    HeldReason.DEFERRED,
    HeldReason.PLAN_KEPT,
    HeldReason.NEGOTIATION,
    HeldReason.IN_COURT,
)
"""Holds of a claim that keep it out of letters; who wants to pay it all the same may."""


def payable(book: Book, decided: Decided, on: date) -> pl.DataFrame:
    """Say of each claim how much may be paid, and whether it is its turn on the day.

    Parameters
    ----------
    book : some cases, with their facts up to `on`
    decided : what was decided for them on `on`

    Returns
    -------
    PAYABLE, one row per claim. Neither closed nor disputed, time-barred or not yet issued claims can be paid,
    nor anything of a debtor who is insolvent, dead, a minor, or says it is not he. What is deferred, under a
    plan or in court is left out of letters: its turn is last.

    Guarantees
    ----------
    Pure; 0 ≤ cents ≤ what is open.

    Sources
    -------
    § 193 BGB for the due date.
    """
    blocks = fact_blocks(in_force(book, on), on)
    told = book.notices.filter(pl.col("sealed_on") <= on)["claim_id"].to_list()
    claims = book.claims.select(
        "case_id", "claim_id", "issued_on", due_on=pl.coalesce("due_on", "issued_on")
    ).join(book.cases.select("case_id", "land"), on="case_id", how="left", maintain_order="left")
    overdue = calendar.next_working_days(claims["due_on"], claims["land"]) < on
    joined = (
        claims.with_columns(is_overdue=overdue.fill_null(False))
        .join(decided.plan.balances.select("claim_id", "open_cents", "disputed_cents"), on="claim_id")
        .join(decided.limitation.select("claim_id", "is_time_barred"), on="claim_id", how="left")
        .with_columns(
            is_closed=_is_blocked(blocks, (HeldReason.CLOSED,)),
            is_never=_is_blocked(blocks, NEVER)
            | pl.col("is_time_barred").fill_null(False)
            | (pl.col("issued_on").fill_null(on) > on),
            is_last=_is_blocked(blocks, LATER),
            is_told=pl.col("claim_id").is_in(told),
        )
    )
    turn = pl.when("is_last").then(2).when("is_overdue").then(0).when("is_told").then(1).otherwise(2)
    asked = pl.col("open_cents") - pl.col("disputed_cents").fill_null(0)
    return joined.select(
        "case_id",
        "claim_id",
        cents=pl.when(~pl.col("is_never")).then(pl.max_horizontal(asked, 0)).otherwise(0),
        turn=turn.cast(pl.Int8),
        is_settled=pl.col("is_closed") | (pl.col("open_cents") <= 0),
    )


def _is_blocked(blocks: pl.DataFrame, reasons: tuple[HeldReason, ...]) -> pl.Expr:
    """Whether one of these holds is in force for a claim or for its whole case."""
    mine = blocks.filter(pl.col("rank").is_in([RANK[reason] for reason in reasons]))
    whole = mine.filter(pl.col("claim_id").is_null())["case_id"].to_list()
    return pl.col("claim_id").is_in(mine["claim_id"].drop_nulls().to_list()) | pl.col("case_id").is_in(whole)


def cents_of_link(payable: pl.DataFrame, claim_id: int | None, amount_cents: int | None) -> int:
    """What a link of a case is worth: of one claim or of those whose turn it is, at most its own sum.

    Parameters
    ----------
    payable : PAYABLE of one case
    claim_id : the link is about this claim; None = the whole case
    amount_cents : the link's own sum, of whatever is open; None = what is asked for. Where nothing is asked
        for, what comes next counts: who wants to pay early can.
    """
    if claim_id is not None:
        payable = payable.filter(pl.col("claim_id") == claim_id)
    if amount_cents is not None:
        return min(int(payable["cents"].sum()), amount_cents)
    open_ones = payable.filter(pl.col("cents") > 0)
    return int(open_ones.filter(pl.col("turn") == pl.col("turn").min())["cents"].sum())
