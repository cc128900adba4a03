"""What could be collected by direct debit on a day: claims, and the instalments of plans that say so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from mahnwerk.frames import Book, HeldReason
from mahnwerk.kernel import debit_notices, holds
from mahnwerk.kernel.daily_run import Decided
from mahnwerk.kernel.debit_notices import HOLD_CODE
from mahnwerk.kernel.discounts import in_force
from mahnwerk.records import load
from mahnwerk.records.models import Instalment, InstalmentPlan
from mahnwerk.usecases.cases import decided
from mahnwerk.usecases.opening import OpenBook

AHEAD: Final = dt.timedelta(days=21)
"""Claims due within this time are worth announcing."""
MAY_COLLECT: Final = frozenset(
    {
        HeldReason.PLAN_KEPT,
        HeldReason.NOT_YET_DUE,
        HeldReason.WAITING,
        HeldReason.MIN_INTERVAL,
        HeldReason.PROCEDURE_ENDED,
        HeldReason.WITHIN_TOLERANCE,
        HeldReason.NO_ADDRESS,
        HeldReason.NOT_ENROLLED,
    }
)
"""Reasons not to write that are no reason not to collect what a mandate covers."""
OWN_QUIET: Final = frozenset({HeldReason.HOLD, HeldReason.DEFERRED})
"""With the code of direct debits: kept quiet for a collection of ours, which may have come to nothing."""


@dataclass(frozen=True)
class Target:
    """A claim or an instalment, and what of it may be collected."""

    case_id: int
    claim_id: int | None
    instalment_id: int | None
    plan_id: int | None
    what: str
    due_on: dt.date
    amount_cents: int
    told_on: dt.date | None = None
    """Of an instalment: the day its plan, which names day and sum, was agreed on."""


@dataclass(frozen=True)
class Found:
    """What may be collected, and what debtors were told of by messages."""

    targets: list[Target]
    told: Mapping[int, tuple[dt.date, dt.date]]
    """notice_id → day the message left, day of collection it named"""


def targets(book: OpenBook, case_ids: Iterable[int], on: dt.date) -> Found:
    """What may be collected in these cases, claims first, in a fixed order.

    Nothing of a case that is held for a reason of the debtor's (dispute, insolvency, hardship, a hold …);
    of claims only what is undisputed, not blocked and not under a plan; of plans only instalments whose
    plan agrees on direct debit, and only what is missing of them.
    """
    wanted = sorted(case_ids)
    if not wanted:
        return Found([], {})
    loaded = load.book(book.tenant_id, case_ids=wanted, on=on)
    result = decided(book, on, loaded)
    live = in_force(loaded, on)
    reasons = dict(result.plan.held.select("case_id", "reason").iter_rows())
    details = dict(result.plan.held.select("case_id", "detail").iter_rows())
    free = [
        case_id
        for case_id in wanted
        if case_id not in reasons
        or reasons[case_id] in MAY_COLLECT
        or (reasons[case_id] in OWN_QUIET and details[case_id] == HOLD_CODE)
    ]
    told = debit_notices.told(loaded.debits, live, loaded.claims, loaded.instalments, result.evidence)
    return Found(
        [*_claims(loaded, result, live, free, on), *_instalments(book, result, free)],
        {notice_id: (left_on, debit_on) for notice_id, left_on, debit_on in told.iter_rows()},
    )


def _claims(loaded: Book, result: Decided, live: pl.DataFrame, free: list[int], on: dt.date) -> list[Target]:
    blocks = holds.fact_blocks(live, on).filter(
        pl.col("claim_id").is_not_null() & (pl.col("detail") != HOLD_CODE)
    )
    owed = (
        result.plan.balances.filter(pl.col("case_id").is_in(free))
        .join(blocks.select("claim_id").unique(), on="claim_id", how="anti")
        .join(loaded.claims.select("claim_id", "claim_no", "invoice_number", "due_on"), on="claim_id")
        .with_columns(ask=pl.col("open_cents") - pl.col("disputed_cents"))
        .filter((pl.col("ask") > 0) & (pl.col("disputed_cents") == 0) & (pl.col("due_on") <= on + AHEAD))
        .sort("case_id", "claim_no")
    )
    return [
        Target(
            row["case_id"],
            row["claim_id"],
            None,
            None,
            f"Rechnung {row['invoice_number']}",
            row["due_on"],
            row["ask"],
        )
        for row in owed.iter_rows(named=True)
    ]


def _instalments(book: OpenBook, result: Decided, free: list[int]) -> list[Target]:
    running = result.stand.filter(pl.col("case_id").is_in(free))
    stand = {row["plan_id"]: row for row in running.iter_rows(named=True)}
    plans = InstalmentPlan.objects.filter(tenant_id=book.tenant_id, id__in=list(stand)).order_by("case_id")
    plans = plans.prefetch_related("instalments")
    found = []
    for plan in plans:
        if "direct_debit" in plan.terms["clauses"]:
            found += _missing(plan, stand[plan.id])
    return found


def _missing(plan: InstalmentPlan, stand: Mapping[str, Any]) -> list[Target]:
    """Each instalment as far as payments since the agreement do not cover it, the oldest first."""
    paid, found = stand["paid_cents"], []
    rows: list[Instalment] = sorted(plan.instalments.all(), key=lambda row: row.number)
    for row in rows:
        covered = min(paid, row.amount_cents)
        paid -= covered
        if covered < row.amount_cents:
            found.append(
                Target(
                    plan.case_id,
                    None,
                    row.id,
                    plan.id,
                    f"Rate {row.number}",
                    row.due_on,
                    row.amount_cents - covered,
                    plan.recorded_on,
                )
            )
    return found
