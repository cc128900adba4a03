"""Where a plan stands on a day: what is paid of it, what is missing, whose turn it is, and what follows.

What counts for a plan is what the statement laid on the claims it covers since it was agreed. An instalment
that we were to collect and did not is nobody's failure but ours.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Final

import polars as pl

from mahnwerk.frames import FactKind
from mahnwerk.kernel import calendar, plans

CREDITORS_FAULT: Final = frozenset({"MD01", "MD02", "AM05", "AG01", "AG02", "FF05", "RC01"})
"""Codes of the bank for a debit that came back for what the creditor did: no mandate, collected twice, wrong
code. What the bank charges for these is not the debtor's, nor is the money missing because of him."""
OFFER_DAYS: Final = 14
"""How long the offer to change a plan stands before missed instalments can break it."""


class PlanState(StrEnum):
    """Where a plan stands on a day."""

    KEPT = "kept"
    GRACE = "grace"  # an instalment is late, within the days of grace
    MISSED = "missed"  # past the grace: a friendly reminder and the offer to change the plan
    NOT_COLLECTED = "not_collected"  # due, ours to collect, and not there: for a person to see to
    BROKEN = "broken"  # two full instalments missed, the first longer than the offer stands
    FULFILLED = "fulfilled"


class Why(StrEnum):
    """Why an instalment is missed; said in its reminder."""

    NOT_PAID = "not_paid"
    RETURNED = "returned"  # the bank refused or returned our direct debit
    NO_MANDATE = "no_mandate"  # agreed to be collected, but no mandate is open: the debtor pays himself


STATES: Final = {
    "case_id": pl.Int64,
    "plan_id": pl.Int64,
    "state": pl.String,
    "due_cents": pl.Int64,  # of all instalments due so far
    "paid_cents": pl.Int64,  # laid on the claims of the plan since it was agreed
    "missing_cents": pl.Int64,
    "missing_since": pl.Date,  # due date of the oldest instalment due and not fully paid
    "missed_cents": pl.Int64,  # part of it whose days of grace are over and that is not ours to collect
    "missed_since": pl.Date,  # due date of the oldest instalment missed; null = none
    "missed_until": pl.Date,  # due date of the newest
    "missed_from": pl.Date,  # the day with whose end the last of them became missed
    "two_missed_from": pl.Date,  # the day with whose end two full ones were missed; null = they are not
    "uncollected_since": pl.Date,  # due date of the oldest one we should have collected; null = none
    "pays_himself_since": pl.Date,  # agreed to be collected, but no mandate is open since this day
    "next_open_on": pl.Date,  # due date of the first one neither paid nor missed yet, due or not
    "next_due_on": pl.Date,
    "next_cents": pl.Int64,
    "payable_cents": pl.Int64,  # due and not ours to collect: what its debtor is to pay himself by now
    "next_payable_cents": pl.Int64,  # the next one not due yet, unless it is ours to collect; null = none
}
PARTS: Final = {
    "case_id": pl.Int64,
    "plan_id": pl.Int64,
    "number": pl.Int32,
    "due_on": pl.Date,
    "amount_cents": pl.Int64,
    "open_cents": pl.Int64,
    "is_missed": pl.Boolean,
    "why": pl.String,
}
LAID: Final = {"case_id": pl.Int64, "claim_id": pl.Int64, "cents": pl.Int64}
"""What payments and set-offs settled of each claim since the last plan over it was agreed."""
PAID: Final = {"case_id": pl.Int64, "plan_code": pl.String, "paid_cents": pl.Int64}


def paid(
    live: pl.DataFrame, claims: pl.DataFrame, instalments: pl.DataFrame, laid: pl.DataFrame
) -> pl.DataFrame:
    """PAID: what counts for each plan that runs.

    Parameters
    ----------
    live : FACTS in force
    claims, instalments : CLAIMS, INSTALMENTS
    laid : LAID, as from `allocation.replay` of the same day
    """
    return (
        plans.claims_covered(live, claims, instalments)
        .join(laid, on=["case_id", "claim_id"], how="left")
        .group_by("case_id", "plan_code")
        .agg(paid_cents=pl.col("cents").sum())
        .select(list(PAID))
    )


def standing(
    live: pl.DataFrame, claims: pl.DataFrame, instalments: pl.DataFrame, laid: pl.DataFrame, on: date
) -> pl.DataFrame:
    """STATES of the plans that run, from the facts of their cases and what was laid on their claims."""
    mine = plans.running(live, instalments)
    if mine.is_empty():
        return pl.DataFrame(schema=STATES)
    return states(mine, paid(live, claims, mine, laid), on)


def parts(
    live: pl.DataFrame, claims: pl.DataFrame, instalments: pl.DataFrame, laid: pl.DataFrame, on: date
) -> pl.DataFrame:
    """PARTS: each instalment of the plans that run, with what of it is open and why it is missed."""
    mine = plans.running(live, instalments)
    return _rows(mine, paid(live, claims, mine, laid), on).select(list(PARTS))


def grace_ends(rows: pl.DataFrame, due: str = "due_on") -> pl.Series:
    """The last of the days of grace after a due date: the next working day where it would be none.

    The Land is not asked for: any Land's holiday counts, in the debtor's favour. A day outside the
    calendar stays as it is. Source: § 193 BGB.

    Parameters
    ----------
    rows : with grace_days, and the due date in the column `due`, null allowed
    """
    ends = rows.select((pl.col(due).cast(pl.Int32) + pl.col("grace_days")).cast(pl.Date)).to_series()
    return calendar.next_working_days(ends, pl.Series([None], dtype=pl.String), keep_uncovered=True)


def states(instalments: pl.DataFrame, paid: pl.DataFrame, on: date) -> pl.DataFrame:
    """Where each plan stands on a day.

    How: what was paid is held against the cumulated instalments, the oldest first. One that is not covered
    is missed when its days of grace (`grace_ends`) are over, unless it is ours to collect: the terms say so,
    a mandate is open, and its last direct debit did not come back from the debtor's bank.

    Parameters
    ----------
    instalments : INSTALMENTS of the plans in force.
    paid : PAID

    Returns
    -------
    STATES, one row per plan.

    Guarantees
    ----------
    Pure; row order does not matter. Paying earlier or more never makes a state worse.
    """
    is_due, is_open, is_missed = pl.col("is_due"), pl.col("is_open"), pl.col("is_missed")
    due = pl.col("due_on")
    per_plan = (
        _rows(instalments, paid, on)
        .group_by("case_id", "plan_id")
        .agg(
            due_cents=pl.col("amount_cents").filter(is_due).sum(),
            total=pl.col("amount_cents").sum(),
            paid_cents=pl.col("paid_cents").first(),
            missing_since=due.filter(is_due & is_open).min(),
            missed_cents=pl.col("open_cents").filter(is_missed).sum(),
            missed_since=due.filter(is_missed).min(),
            missed_until=due.filter(is_missed).max(),
            first_missed=pl.col("missed_day").filter(is_missed).min(),
            missed_from=pl.col("missed_day").filter(is_missed).max(),
            two_missed_from=pl.col("missed_day")
            .filter(is_missed & (pl.col("missed_so_far") >= 2 * pl.col("usual")))
            .min(),
            uncollected_since=due.filter("is_uncollected").min(),
            pays_himself_since=pl.col("own_since").first(),
            next_open_on=due.filter(is_open & ~is_missed).min(),
            next_due_on=due.filter(~is_due & is_open).min(),
            next_cents=pl.col("open_cents").filter(~is_due & is_open).first(),
            payable_cents=pl.col("open_cents").filter(is_due & ~pl.col("is_ours")).sum(),
            next_payable_cents=pl.col("open_cents").filter(~is_due & is_open & ~pl.col("is_ours")).first(),
        )
    )
    missing = (pl.col("due_cents") - pl.col("paid_cents")).clip(lower_bound=0)
    waited = (pl.lit(on) - pl.col("first_missed")).dt.total_days() > OFFER_DAYS
    return (
        per_plan.with_columns(missing_cents=missing)
        .with_columns(
            state=pl.when(pl.col("paid_cents") >= pl.col("total"))
            .then(pl.lit(PlanState.FULFILLED.value))
            .when(pl.col("missing_cents") == 0)
            .then(pl.lit(PlanState.KEPT.value))
            .when(pl.col("two_missed_from").is_not_null() & waited)
            .then(pl.lit(PlanState.BROKEN.value))
            .when(pl.col("missed_cents") > 0)
            .then(pl.lit(PlanState.MISSED.value))
            .when(pl.col("uncollected_since").is_not_null())
            .then(pl.lit(PlanState.NOT_COLLECTED.value))
            .otherwise(pl.lit(PlanState.GRACE.value))
        )
        .select(list(STATES))
        .sort("case_id", "plan_id")
    )


def _rows(instalments: pl.DataFrame, paid: pl.DataFrame, on: date) -> pl.DataFrame:
    """Each instalment with what is open of it, and whose turn it is."""
    through, amount = pl.col("cumulated"), pl.col("amount_cents")
    ended = pl.col("mandate_until") <= on
    mandate = (pl.col("mandate_from") <= on).fill_null(False) & ~ended.fill_null(False)
    own = pl.col("is_debited") & ~mandate
    failed = (pl.col("failed_on") <= on).fill_null(False)
    failed &= ~pl.col("failed_reason").is_in(sorted(CREDITORS_FAULT)).fill_null(False)
    is_over = pl.col("over") < on
    last_day = pl.max_horizontal("due_on", "collect_on")
    wait = last_day + pl.duration(days="grace_days")
    collectable = pl.col("is_debited") & mandate & ~failed
    began = pl.when(own).then(pl.max_horizontal("agreed_on", "mandate_until")).otherwise(None)
    return (
        instalments.with_columns(over=grace_ends(instalments))
        .sort("plan_id", "due_on", "number")
        .with_columns(cumulated=amount.cum_sum().over("plan_id"))
        .join(paid, on=["case_id", "plan_code"], how="left", maintain_order="left")
        .with_columns(
            pl.col("paid_cents").fill_null(0),
            is_due=pl.col("due_on") <= on,
            usual=amount.first().over("plan_id"),
            is_ours=collectable,
            own_since=began,
        )
        .with_columns(open_cents=(through - pl.col("paid_cents")).clip(0).clip(upper_bound=amount))
        .with_columns(is_open=pl.col("open_cents") > 0)
        .with_columns(
            is_missed=pl.col("is_open") & is_over & ~pl.col("is_ours"),
            is_uncollected=pl.col("is_open")
            & pl.col("is_ours")
            & pl.when("is_ordered").then(wait < on).otherwise(last_day < on),
            missed_day=pl.max_horizontal(
                "over",
                pl.when(pl.col("is_debited") & failed).then("failed_on"),
                pl.when(own).then("mandate_until"),
            ),
            why=pl.when(own)
            .then(pl.lit(Why.NO_MANDATE.value))
            .when(pl.col("is_debited") & failed)
            .then(pl.lit(Why.RETURNED.value))
            .otherwise(pl.lit(Why.NOT_PAID.value)),
        )
        .with_columns(
            missed_so_far=pl.when("is_missed").then("open_cents").otherwise(0).cum_sum().over("plan_id")
        )
    )


class PlanAction(StrEnum):
    """What the terms of a plan make of its state; recorded as the code of the fact that ends it."""

    FULFILLED = plans.FULFILLED
    BROKEN = "instalments_missed"
    UNPAID = "not_paid_by_its_end"


ENDING_BADLY: Final = (PlanAction.BROKEN, PlanAction.UNPAID)
"""What is recorded as `PLAN_BROKEN`: dunning goes on where it was."""
TOLD: Final = {
    "plan_id": pl.Int64,
    "told_on": pl.Date,
    "answer_by": pl.Date,
    "told_before": pl.Date,
}
"""When the debtor of a plan was last told of a missed instalment, until when that offer stands, and when he
was told before that (null = not)."""


def actions(
    stand: pl.DataFrame, instalments: pl.DataFrame, told: pl.DataFrame, open_cents: pl.DataFrame, on: date
) -> pl.DataFrame:
    """What the signed terms demand on a day, and nothing else.

    A plan ends when all its instalments are paid, or when nothing is open on its claims any more. It
    breaks only if its terms say so, two full instalments are missed, and the debtor was told so and
    offered a change after the second was missed, and the day to answer by has passed. Where we were to
    collect and no mandate is open any more, he must have been told before that, too, since it ended: the
    first time says that he has to pay himself.

    When no instalment is left to come, all is due by what was agreed, and nothing has to fall due early: a
    plan that is not paid by then, its debtor told and the day to answer by over, is at its end, too, however
    little is missing. Without that the last instalment would be deferred for ever.

    Parameters
    ----------
    stand : STATES
    instalments : INSTALMENTS
    told : TOLD
    open_cents : case_id · plan_code · open_cents of the claims covered

    Returns
    -------
    case_id · plan_id · plan_code · action String of PlanAction; plans without one are not in it.
    """
    terms = instalments.select("case_id", "plan_id", "plan_code", "is_accelerated").unique()
    known = (
        stand.join(terms, on=["case_id", "plan_id"])
        .join(open_cents, on=["case_id", "plan_code"], how="left")
        .join(told, on="plan_id", how="left")
    )
    himself = pl.col("pays_himself_since")
    warned = himself.is_null() | (pl.col("told_before") >= himself).fill_null(False)
    unanswered = warned & (pl.col("answer_by") < on)
    offered = pl.col("told_on") > pl.col("two_missed_from")
    is_broken = (pl.col("state") == PlanState.BROKEN.value) & pl.col("is_accelerated") & offered & unanswered
    nothing_to_come = (pl.col("missed_cents") > 0) & pl.col("next_open_on").is_null()
    is_unpaid = nothing_to_come & (pl.col("told_on") > pl.col("missed_from")) & unanswered
    is_done = (pl.col("state") == PlanState.FULFILLED.value) | (pl.col("open_cents") == 0)
    return (
        known.with_columns(
            action=pl.when(is_done)
            .then(pl.lit(PlanAction.FULFILLED.value))
            .when(is_broken)
            .then(pl.lit(PlanAction.BROKEN.value))
            .when(is_unpaid)
            .then(pl.lit(PlanAction.UNPAID.value))
        )
        .filter(pl.col("action").is_not_null())
        .select("case_id", "plan_id", "plan_code", "action")
        .sort("case_id", "plan_id")
    )


def end_of(live: pl.DataFrame, case_id: int, plan_code: str) -> str:
    """How a plan that no longer runs came to its end: broken, fulfilled, or ended (undone, or by another).

    Parameters
    ----------
    live : FACTS in force
    """
    mine = live.filter(pl.col("case_id") == case_id)
    agreed = mine.filter((pl.col("kind") == int(FactKind.PLAN_AGREED)) & (pl.col("code") == plan_code)).sort(
        "fact_no"
    )
    if agreed.is_empty():
        return "ended"  # the agreement was undone
    start, number = agreed["effective_on"][0], agreed["fact_no"][0]
    kinds, day = [int(kind) for kind in plans.ENDING], pl.col("effective_on")
    ends = mine.filter(
        pl.col("kind").is_in(kinds) & ((day > start) | ((day == start) & (pl.col("fact_no") > number)))
    ).sort("effective_on", "fact_no")
    if ends.is_empty():
        return "ended"
    kind, code = ends.row(0, named=True)["kind"], ends.row(0, named=True)["code"]
    if kind == FactKind.PLAN_BROKEN:
        return "broken"
    return "fulfilled" if code == plans.FULFILLED else "ended"
