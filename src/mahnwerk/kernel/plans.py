"""Instalment plans: from what somebody can pay to a plan that ends, and whether it is being kept.

A plan has no fee, bears interest only when that is agreed and never more than the law's default rate, and
shows its whole cost and last day before anybody signs. It acknowledges nothing. What is agreed is recorded
with the hash of its terms; the daily run executes those terms and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

import polars as pl

from mahnwerk.frames import INSTALMENTS, PRINCIPAL_CENTS_MAX, RATE_PPM_MAX, FactKind
from mahnwerk.kernel.calendar import plus_months
from mahnwerk.kernel.enforcement import attachable
from mahnwerk.kernel.facts import per_claim
from mahnwerk.law import Law

__all__ = ["INSTALMENTS", "PlanOffer", "PlanRefused", "PlanState", "PlanWish", "solve", "states"]

INSTALMENTS_MAX: Final = 72
"""Six years. A plan that does not end within them is not offered."""
INSTALMENT_CENTS_MIN: Final = 500
DAYS_PER_YEAR: Final = 365

CLAUSES: Final[dict[str, str]] = {
    "pay_early": "Earlier or larger payments are welcome at any time and shorten the plan.",
    "no_fee": "The plan costs no fee.",
    "no_acknowledgement": "Agreeing to the plan acknowledges nothing; objections remain.",
    "pause_once": "One instalment may be put off to the end once a year, on request before it is due.",
    "no_interest": "No interest runs while the plan does; none is added for that time, however it ends.",
    "interest_as_agreed": "Interest at the agreed rate, and no other, runs on the open principal.",
    "due_on_default": "Two full instalments missing, and no answer to our offer: the rest falls due.",
    "direct_debit": "Instalments are collected by SEPA direct debit under a separate mandate.",
}
"""The only clauses a plan can have. An acknowledgement of debt is not among them (§ 13a Abs. 4 RDG)."""


class PlanRefused(ValueError):  # noqa: N818 - a refusal is an answer
    """No lawful plan that ends fits what was asked for; says why and what would."""


@dataclass(frozen=True)
class PlanWish:
    """What is owed and what the debtor says he can do."""

    open_cents: int  # all that is owed today, 1..PRINCIPAL_CENTS_MAX
    per_month_cents: int  # what he can pay
    first_due_on: date
    rate_ppm: int = 0  # agreed interest; 0 = none while the plan is kept
    bearing_cents: int | None = None  # part of open_cents that bears it, the principal; None = all
    clauses: tuple[str, ...] = ("no_fee", "pay_early", "no_acknowledgement", "due_on_default")
    grace_days: int = 7
    covers: tuple[str, ...] = ()  # invoice numbers of the claims it is about


@dataclass(frozen=True)
class Instalment:
    number: int
    due_on: date
    amount_cents: int
    interest_cents: int  # part of amount_cents
    left_cents: int  # principal still open after it


@dataclass(frozen=True)
class PlanOffer:
    """A plan to be shown before it is agreed."""

    wish: PlanWish
    instalments: tuple[Instalment, ...]
    total_cents: int
    interest_cents: int
    last_due_on: date
    terms_hash: str
    notes: tuple[str, ...] = ()


def solve(
    wish: PlanWish, law: Law, on: date, *, next_working_day: Callable[[date], date] = lambda day: day
) -> PlanOffer:
    """Make the plan for what somebody can pay.

    How: equal monthly instalments on the day of the first, moved to the next working day; interest on the
    open principal by act/365, part of the instalment; costs and older interest are paid first and bear
    none (§§ 289, 367 BGB); the last instalment is what is left.

    Raises
    ------
    PlanRefused : the instalment does not even pay the interest, the plan would not end within
        INSTALMENTS_MAX, the rate is above the law's default rate, or a clause is unknown.

    Guarantees
    ----------
    The instalments add up to open_cents plus interest. Each is at most per_month_cents. It ends. Pure.
    """
    _check(wish, law, on)
    left, interest_total = wish.open_cents, 0
    instalments: list[Instalment] = []
    before = on
    while left > 0:
        number = len(instalments) + 1
        if number > INSTALMENTS_MAX:
            fitting = -(-wish.open_cents // INSTALMENTS_MAX)
            raise PlanRefused(
                f"with {wish.per_month_cents} cents a month it would run past {INSTALMENTS_MAX} months; "
                f"about {fitting} cents a month would end it, or offer a deferral or a compromise"
            )
        due = next_working_day(plus_months(wish.first_due_on, number - 1))
        bearing = left if wish.bearing_cents is None else min(left, wish.bearing_cents)
        interest = _interest(bearing, wish.rate_ppm, (due - before).days)
        amount = min(wish.per_month_cents, left + interest)
        if amount <= interest and left > 0 and amount < left + interest:
            raise PlanRefused("the instalment would not even pay the interest: agree on a lower rate or none")
        left -= amount - interest
        interest_total += interest
        instalments.append(Instalment(number, due, amount, interest, left))
        before = due
    offer = PlanOffer(
        wish,
        tuple(instalments),
        sum(i.amount_cents for i in instalments),
        interest_total,
        instalments[-1].due_on,
        "",
    )
    return PlanOffer(**{**offer.__dict__, "terms_hash": terms_hash(offer.instalments, wish)})


def affordable(net_cents: int, dependants: int, on: date, law: Law, *, other_plans_cents: int = 0) -> int:
    """A signal, not a limit: what the attachment table leaves takable, less what other plans take.

    A voluntary instalment may be higher or lower; nobody has to live on the attachment-exempt minimum to
    keep a promise. Sources: § 850c ZPO.
    """
    return max(0, attachable(net_cents, dependants, on, law).attachable_cents - other_plans_cents)


def terms_hash(instalments: Sequence[Instalment], wish: PlanWish) -> str:
    """SHA-256 of everything agreed: what is signed is what is executed."""
    terms: dict[str, Any] = {
        "instalments": [[i.number, i.due_on.isoformat(), i.amount_cents] for i in instalments],
        "open_cents": wish.open_cents,
        "covers": sorted(wish.covers),
        "rate_ppm": wish.rate_ppm,
        "grace_days": wish.grace_days,
        "clauses": sorted(wish.clauses),
    }
    return hashlib.sha256(json.dumps(terms, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _interest(left_cents: int, rate_ppm: int, days: int) -> int:
    denominator = 1_000_000 * DAYS_PER_YEAR
    return (left_cents * rate_ppm * max(0, days) + denominator // 2) // denominator


def _check(wish: PlanWish, law: Law, on: date) -> None:
    if not 1 <= wish.open_cents <= PRINCIPAL_CENTS_MAX:
        raise PlanRefused(
            f"open amount of {wish.open_cents} cents: there is nothing to pay, or too much to be true"
        )
    if wish.per_month_cents < min(INSTALMENT_CENTS_MIN, wish.open_cents):
        raise PlanRefused(
            f"{wish.per_month_cents} cents a month is below {INSTALMENT_CENTS_MIN}: offer a deferral instead"
        )
    if wish.first_due_on < on:
        raise PlanRefused(f"the first instalment would be due on {wish.first_due_on}, before today ({on})")
    unknown = sorted(set(wish.clauses) - set(CLAUSES))
    if unknown:
        raise PlanRefused(f"unknown clause {', '.join(unknown)}: known are {', '.join(CLAUSES)}")
    if not 0 <= wish.rate_ppm <= RATE_PPM_MAX:
        raise PlanRefused(f"rate of {wish.rate_ppm} ppm is out of bounds")
    if wish.rate_ppm:
        highest = law.ppm("interest.base_rate", on) + law.ppm("interest.default_margin", on, "general")
        if wish.rate_ppm > highest:
            raise PlanRefused(f"{wish.rate_ppm} ppm a year is above the law's default rate of {highest} ppm")


class PlanState(StrEnum):
    """Where a plan stands on a day."""

    KEPT = "kept"
    GRACE = "grace"  # an instalment is late, within the days of grace
    MISSED = "missed"  # past the grace: a friendly reminder and the offer to change the plan
    BROKEN = "broken"  # two full instalments missed, the first longer than the offer stands
    FULFILLED = "fulfilled"


STATES: Final = {
    "case_id": pl.Int64,
    "plan_id": pl.Int64,
    "state": pl.String,
    "due_cents": pl.Int64,  # of all instalments due so far
    "paid_cents": pl.Int64,  # since the plan was agreed
    "missing_cents": pl.Int64,
    "missing_since": pl.Date,  # due date of the oldest instalment not fully paid
    "missed_cents": pl.Int64,  # part of missing_cents whose days of grace are over
    "missed_until": pl.Date,  # due date of the newest instalment missed, grace over; null = none
    "two_missed_from": pl.Date,  # due date of the instalment that makes two full ones missed; null = not
    "next_open_on": pl.Date,  # due date of the first one neither paid nor missed yet, due or not
    "next_due_on": pl.Date,
    "next_cents": pl.Int64,
}

OFFER_DAYS: Final = 14
"""How long the offer to change a plan stands before missed instalments can break it."""


def states(instalments: pl.DataFrame, payments: pl.DataFrame, on: date) -> pl.DataFrame:
    """Where each plan stands on a day.

    How: payments since the agreement are held against the cumulated instalments, the oldest first; the
    first one not covered tells since when something is missing.

    Parameters
    ----------
    instalments : INSTALMENTS of the plans in force.
    payments : case_id Int64 · effective_on Date · amount_cents Int64, live payments of these cases.

    Returns
    -------
    STATES, one row per plan.

    Guarantees
    ----------
    Pure; row order does not matter. Paying earlier or more never makes a state worse.
    """
    agreed = instalments.select("case_id", "plan_id", "agreed_on").unique()
    paid = (
        agreed.join(payments.filter(pl.col("effective_on") <= on), on="case_id", how="left")
        .filter(pl.col("effective_on").is_null() | (pl.col("effective_on") >= pl.col("agreed_on")))
        .group_by("plan_id")
        .agg(paid_cents=pl.col("amount_cents").sum())
    )
    rows = (
        instalments.sort("plan_id", "due_on", "number")
        .with_columns(cumulated=pl.col("amount_cents").cum_sum().over("plan_id"))
        .join(agreed.select("plan_id").join(paid, on="plan_id", how="left"), on="plan_id", how="left")
        .with_columns(pl.col("paid_cents").fill_null(0))
        .with_columns(
            is_open=pl.col("cumulated") > pl.col("paid_cents"),
            is_due=pl.col("due_on") <= on,
            usual=pl.col("amount_cents").first().over("plan_id"),
        )
        .with_columns(
            is_missed=pl.col("is_open")
            & ((pl.lit(on) - pl.col("due_on")).dt.total_days() > pl.col("grace_days")),
            short=pl.col("cumulated") - pl.col("paid_cents"),
        )
    )
    per_plan = rows.group_by("case_id", "plan_id").agg(
        due_cents=pl.col("amount_cents").filter(pl.col("is_due")).sum(),
        total=pl.col("amount_cents").sum(),
        paid_cents=pl.col("paid_cents").first(),
        grace=pl.col("grace_days").first(),
        missing_since=pl.col("due_on").filter(pl.col("is_due") & pl.col("is_open")).min(),
        missed_cents=pl.col("short").filter(pl.col("is_missed")).max().fill_null(0),
        missed_until=pl.col("due_on").filter(pl.col("is_missed")).max(),
        two_missed_from=pl.col("due_on")
        .filter(pl.col("is_missed") & (pl.col("short") >= 2 * pl.col("usual")))
        .min(),
        next_open_on=pl.col("due_on").filter(pl.col("is_open") & ~pl.col("is_missed")).min(),
        next_due_on=pl.col("due_on").filter(~pl.col("is_due") & pl.col("is_open")).min(),
        next_cents=pl.col("amount_cents").filter(~pl.col("is_due") & pl.col("is_open")).first(),
    )
    late = (pl.lit(on) - pl.col("missing_since")).dt.total_days()
    missing = (pl.col("due_cents") - pl.col("paid_cents")).clip(lower_bound=0)
    return (
        per_plan.with_columns(missing_cents=missing)
        .with_columns(
            state=pl.when(pl.col("paid_cents") >= pl.col("total"))
            .then(pl.lit(PlanState.FULFILLED.value))
            .when(pl.col("missing_cents") == 0)
            .then(pl.lit(PlanState.KEPT.value))
            .when(late <= pl.col("grace"))
            .then(pl.lit(PlanState.GRACE.value))
            .when(pl.col("two_missed_from").is_not_null() & (late > pl.col("grace") + OFFER_DAYS))
            .then(pl.lit(PlanState.BROKEN.value))
            .otherwise(pl.lit(PlanState.MISSED.value))
        )
        .select(list(STATES))
        .sort("case_id", "plan_id")
    )


PAYING: Final = (FactKind.PAYMENT_RECEIVED, FactKind.SET_OFF)
ENDING: Final = (FactKind.PLAN_ENDED, FactKind.PLAN_BROKEN)
COVERED: Final = {
    "case_id": pl.Int64,
    "fact_no": pl.Int64,
    "plan_code": pl.String,
    "claim_id": pl.Int64,
    "agreed_on": pl.Date,
    "ended_on": pl.Date,
    "rate_ppm": pl.Int64,
}


def covered(live: pl.DataFrame, instalments: pl.DataFrame) -> pl.DataFrame:
    """Which claims which plan covers, and from when to when.

    Parameters
    ----------
    live : FACTS in force. `PLAN_AGREED` names its plan by its code and the claim it covers (none = all);
        the next `PLAN_ENDED` or `PLAN_BROKEN` of the case, or of that claim, ends it.
    instalments : INSTALMENTS; they give the agreed rate. A plan without instalments bears none.

    Returns
    -------
    COVERED, one row per fact `PLAN_AGREED`; `claim_id` as in the fact, `ended_on` null = runs.
    """
    agreed = live.filter(pl.col("kind") == int(FactKind.PLAN_AGREED)).select(
        "case_id",
        "claim_id",
        plan_code="code",
        agreed_on="effective_on",
        fact_no=pl.col("fact_no").cast(pl.Int64),
    )
    if agreed.is_empty():
        return pl.DataFrame(schema=COVERED)
    kinds = [int(kind) for kind in ENDING]
    ends = live.filter(pl.col("kind").is_in(kinds)).select(
        "case_id", end_claim="claim_id", end_on="effective_on", end_no=pl.col("fact_no").cast(pl.Int64)
    )
    later = (pl.col("end_on") > pl.col("agreed_on")) | (
        (pl.col("end_on") == pl.col("agreed_on")) & (pl.col("end_no") > pl.col("fact_no"))
    )
    mine = pl.col("end_claim").is_null() | pl.col("end_claim").eq_missing(pl.col("claim_id"))
    ended = (
        agreed.join(ends, on="case_id")
        .filter(later & mine)
        .group_by("case_id", "fact_no")
        .agg(ended_on=pl.col("end_on").min())
    )
    rates = instalments.select("case_id", "plan_code", "rate_ppm").unique(["case_id", "plan_code"])
    return (
        agreed.join(ended, on=["case_id", "fact_no"], how="left")
        .join(rates, on=["case_id", "plan_code"], how="left")
        .with_columns(pl.col("rate_ppm").fill_null(0))
        .select(list(COVERED))
    )


def running(live: pl.DataFrame, instalments: pl.DataFrame) -> pl.DataFrame:
    """INSTALMENTS of the plans that are agreed and not ended."""
    if instalments.is_empty():
        return instalments
    open_plans = covered(live, instalments).filter(pl.col("ended_on").is_null())
    return instalments.join(open_plans, on=["case_id", "plan_code"], how="semi", maintain_order="left")


def standing(live: pl.DataFrame, instalments: pl.DataFrame, on: date) -> pl.DataFrame:
    """STATES of the plans that run, from the facts of their cases.

    A payment known when the plan was agreed is in its open amount; of those of the same day only what was
    recorded after the agreement counts for the plan.
    """
    mine = running(live, instalments)
    first = (
        covered(live, instalments)
        .filter(pl.col("ended_on").is_null())
        .group_by("case_id")
        .agg(pl.col("agreed_on").max(), first_no=pl.col("fact_no").max())
    )
    before = (pl.col("effective_on") == pl.col("agreed_on")) & (pl.col("fact_no") < pl.col("first_no"))
    payments = (
        live.filter(pl.col("kind").is_in([int(kind) for kind in PAYING]))
        .join(first, on="case_id")
        .filter(~before)
        .select("case_id", "effective_on", pl.col("amount_cents").fill_null(0))
    )
    return states(mine, payments, on)


def claims_covered(live: pl.DataFrame, claims: pl.DataFrame, instalments: pl.DataFrame) -> pl.DataFrame:
    """case_id, claim_id, plan_code of every claim under a plan that runs."""
    open_plans = covered(live, instalments).filter(pl.col("ended_on").is_null())
    return per_claim(open_plans, claims).select("case_id", "claim_id", "plan_code").unique()


class PlanAction(StrEnum):
    """What the terms of a plan make of its state; recorded as the code of the fact that ends it."""

    FULFILLED = "fulfilled"
    BROKEN = "instalments_missed"


TOLD: Final = {"plan_id": pl.Int64, "told_on": pl.Date, "answer_by": pl.Date}
"""When the debtor of a plan was last told of a missed instalment, and until when that offer stands."""


def actions(
    stand: pl.DataFrame, instalments: pl.DataFrame, told: pl.DataFrame, open_cents: pl.DataFrame, on: date
) -> pl.DataFrame:
    """What the signed terms demand on a day, and nothing else.

    A plan ends when all its instalments are paid, or when nothing is open on its claims any more. It
    breaks only if its terms say so, two full instalments are missed, and the debtor was told so and
    offered a change after the second was missed, and the day to answer by has passed.

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
    terms = instalments.select("case_id", "plan_id", "plan_code", "is_accelerated", "grace_days").unique()
    known = (
        stand.join(terms, on=["case_id", "plan_id"])
        .join(open_cents, on=["case_id", "plan_code"], how="left")
        .join(told, on="plan_id", how="left")
    )
    offered = (pl.col("told_on") - pl.col("two_missed_from")).dt.total_days() > pl.col("grace_days")
    unanswered = offered & (pl.col("answer_by") < on)
    is_broken = (pl.col("state") == PlanState.BROKEN.value) & pl.col("is_accelerated") & unanswered
    is_done = (pl.col("state") == PlanState.FULFILLED.value) | (pl.col("open_cents") == 0)
    return (
        known.with_columns(
            action=pl.when(is_done)
            .then(pl.lit(PlanAction.FULFILLED.value))
            .when(is_broken)
            .then(pl.lit(PlanAction.BROKEN.value))
        )
        .filter(pl.col("action").is_not_null())
        .select("case_id", "plan_id", "plan_code", "action")
        .sort("case_id", "plan_id")
    )


def as_json(offer: PlanOffer) -> dict[str, Any]:
    """The offer as plain values, for pages, letters and `plan offer --json`."""
    return {
        "open_cents": offer.wish.open_cents,
        "covers": list(offer.wish.covers),
        "rate_ppm": offer.wish.rate_ppm,
        "grace_days": offer.wish.grace_days,
        "total_cents": offer.total_cents,
        "interest_cents": offer.interest_cents,
        "fee_cents": 0,
        "first_due_on": offer.wish.first_due_on.isoformat(),
        "last_due_on": offer.last_due_on.isoformat(),
        "instalments": [{**asdict(i), "due_on": i.due_on.isoformat()} for i in offer.instalments],
        "clauses": {clause: CLAUSES[clause] for clause in offer.wish.clauses},
        "terms_hash": offer.terms_hash,
    }
