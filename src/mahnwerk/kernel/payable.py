"""What a debtor is asked to pay of his own accord on a day: what a letter of that day would ask for."""

from __future__ import annotations

from datetime import date
from typing import Final

import polars as pl

from mahnwerk.frames import PRINCIPAL_CENTS_MAX, Book, HeldReason, Schema
from mahnwerk.kernel import calendar, plans
from mahnwerk.kernel.daily_run import Decided
from mahnwerk.kernel.discounts import in_force
from mahnwerk.kernel.holds import RANK, fact_blocks

PAYABLE: Final[Schema] = {
    "case_id": pl.Int64,
    "claim_id": pl.Int64,
    "cents": pl.Int64,  # may be paid: what is open less what is disputed; 0 = nobody asks for it
    "turn": pl.Int8,  # 0 = overdue and asked for; 1 = not yet due, but a message told of it; 2 = any other
    "is_settled": pl.Boolean,  # closed, or nothing is open
    "plan_id": pl.Int64,  # the plan that runs over it; null = none
    "plan_due_cents": pl.Int64,  # of that plan as a whole: due by now, for the debtor to pay himself
    "plan_next_cents": pl.Int64,  # of that plan as a whole: its next one, unless we collect it; 0 = none
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
    plan or in court is left out of letters: its turn is last. Of a plan, its instalments are asked for.

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
    plans_of = _plans(book, decided, on)
    joined = (
        claims.with_columns(is_overdue=overdue.fill_null(False))
        .join(decided.plan.balances.select("claim_id", "open_cents", "disputed_cents"), on="claim_id")
        .join(plans_of, on="claim_id", how="left")
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
        "plan_id",
        cents=pl.when(~pl.col("is_never")).then(pl.max_horizontal(asked, 0)).otherwise(0),
        turn=turn.cast(pl.Int8),
        is_settled=pl.col("is_closed") | (pl.col("open_cents") <= 0),
        plan_due_cents=pl.col("payable_cents").fill_null(0),
        plan_next_cents=pl.col("next_payable_cents").fill_null(0),
    ).select(list(PAYABLE))


def _is_blocked(blocks: pl.DataFrame, reasons: tuple[HeldReason, ...]) -> pl.Expr:
    """Whether one of these holds is in force for a claim or for its whole case."""
    mine = blocks.filter(pl.col("rank").is_in([RANK[reason] for reason in reasons]))
    whole = mine.filter(pl.col("claim_id").is_null())["case_id"].to_list()
    return pl.col("claim_id").is_in(mine["claim_id"].drop_nulls().to_list()) | pl.col("case_id").is_in(whole)


def _plans(book: Book, decided: Decided, on: date) -> pl.DataFrame:
    """claim_id of every claim under a plan with instalments that runs, with what that plan asks for."""
    running = book.instalments.select("case_id", "plan_id", "plan_code").unique()
    return (
        plans.claims_covered(in_force(book, on), book.claims, book.instalments)
        .join(running, on=["case_id", "plan_code"])
        .join(decided.stand, on=["case_id", "plan_id"])
        .select("claim_id", "plan_id", "payable_cents", "next_payable_cents")
        .unique("claim_id", keep="first", maintain_order=True)
    )


def cents_of_link(
    payable: pl.DataFrame, claim_id: int | None, amount_cents: int | None, plan_id: int | None = None
) -> int:
    """What a link of a case is worth: of one claim or of those whose turn it is, at most its own sum.

    While a plan runs, its claims are asked for as agreed: what is due of it now; where nothing is due of
    anything, its next instalment. The whole that it defers is not asked for by any link that names no sum.

    Parameters
    ----------
    payable : PAYABLE of one case
    claim_id : the link is about this claim; None = the whole case
    amount_cents : the link's own sum, of whatever is open; None = what is asked for. Where nothing is asked
        for, what comes next counts: who wants to pay early can.
    plan_id : the link is about what was missed of this plan, which runs: never more than is due of it now
    """
    if plan_id is not None:
        mine = payable.filter(pl.col("plan_id") == plan_id)
        return min(_of_plans(mine, "plan_due_cents"), amount_cents or PRINCIPAL_CENTS_MAX)
    if claim_id is not None:
        payable = payable.filter(pl.col("claim_id") == claim_id)
    if amount_cents is not None:
        return min(int(payable["cents"].sum()), amount_cents)
    planned = payable.filter(pl.col("plan_id").is_not_null())
    free = payable.filter(pl.col("plan_id").is_null() & (pl.col("cents") > 0))

    def of_turn(turn: int) -> int:
        return int(free.filter(pl.col("turn") == turn)["cents"].sum())

    now = of_turn(0) + _of_plans(planned, "plan_due_cents")
    return now or of_turn(1) or _of_plans(planned, "plan_next_cents") or of_turn(2)


def _of_plans(planned: pl.DataFrame, column: str) -> int:
    """What the plans of these claims ask for, each at most what may be paid of its claims."""
    asked = planned.group_by("plan_id").agg(pl.col(column).first(), pl.col("cents").sum())
    return int(asked.select(pl.min_horizontal(column, "cents").sum()).item() or 0)
