"""Instalment plans: from what somebody can pay to a plan that ends, and whether it is being kept.

A plan has no fee, bears interest only when that is agreed and never more than the law's default rate, and
shows its whole cost and last day before anybody signs. It acknowledges nothing. What is agreed is recorded
with the hash of its terms; the daily run executes those terms and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

import polars as pl

from mahnwerk.frames import INSTALMENTS, PRINCIPAL_CENTS_MAX, RATE_PPM_MAX, FactKind
from mahnwerk.kernel.calendar import plus_months
from mahnwerk.kernel.enforcement import attachable
from mahnwerk.kernel.facts import VOIDING, per_claim
from mahnwerk.law import Law

__all__ = ["INSTALMENTS", "PlanOffer", "PlanRefused", "PlanWish", "solve"]

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
                f"with {_shown(wish.per_month_cents)} a month it would run past {INSTALMENTS_MAX} months; "
                f"about {_shown(fitting)} a month would end it, or offer a deferral or a compromise"
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


def hash_of(values: Mapping[str, Any]) -> str:
    """The hash of terms kept as plain values, as `as_json` gives them."""
    wish = PlanWish(
        open_cents=values["open_cents"],
        per_month_cents=0,
        first_due_on=date.min,
        rate_ppm=values["rate_ppm"],
        clauses=tuple(values["clauses"]),
        grace_days=values["grace_days"],
        covers=tuple(values["covers"]),
    )
    rows = [
        Instalment(**{**one, "due_on": date.fromisoformat(one["due_on"])}) for one in values["instalments"]
    ]
    return terms_hash(rows, wish)


def _shown(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100},{abs(cents) % 100:02d}"


def _interest(left_cents: int, rate_ppm: int, days: int) -> int:
    denominator = 1_000_000 * DAYS_PER_YEAR
    return (left_cents * rate_ppm * max(0, days) + denominator // 2) // denominator


def _check(wish: PlanWish, law: Law, on: date) -> None:
    if not 1 <= wish.open_cents <= PRINCIPAL_CENTS_MAX:
        raise PlanRefused(
            f"open amount of {_shown(wish.open_cents)}: there is nothing to pay, or too much to be true"
        )
    if wish.per_month_cents < min(INSTALMENT_CENTS_MIN, wish.open_cents):
        raise PlanRefused(
            f"{_shown(wish.per_month_cents)} a month is below {_shown(INSTALMENT_CENTS_MIN)}, the least an "
            "instalment may be: name more, or offer a deferral instead"
        )
    if wish.first_due_on > plus_months(on, INSTALMENTS_MAX):
        raise PlanRefused(
            f"it would begin on {wish.first_due_on}, more than {INSTALMENTS_MAX} months ahead: "
            "name an earlier day"
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


ENDING: Final = (FactKind.PLAN_ENDED, FactKind.PLAN_BROKEN)
FULFILLED: Final = "fulfilled"
"""Code of the fact `PLAN_ENDED` of a plan that was paid."""
AS_SIGNED: Final = "plan_paid_as_signed"
"""Code of the waiver of what the count of days leaves when a plan was paid as signed."""
SETTLING: Final = (
    FactKind.PAYMENT_RECEIVED,
    FactKind.SET_OFF,
    FactKind.CREDIT_NOTE,
    FactKind.GOODS_RETURNED,
    FactKind.EARLY_PAYMENT_DISCOUNT,
    FactKind.WAIVER,
    FactKind.WRITE_OFF,
    FactKind.COMPROMISE,
)
"""Facts by which a plan can come to be fulfilled."""
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


def revived(live: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """The facts in force without the ends of plans that were fulfilled by what was undone later.

    A plan ended as fulfilled rests on what had settled its claims by then. When a payment of it is returned
    weeks later, the plan was never fulfilled: it runs as it ran before, and what was waived because of that
    end is owed again. Once all is paid again, it ends again, by another fact.

    Parameters
    ----------
    live : FACTS in force
    facts : FACTS, all of the same cases

    Guarantees
    ----------
    Pure; the order of the rows is kept. A return that is voided brings the end back.
    """
    ends = live.filter((pl.col("kind") == int(FactKind.PLAN_ENDED)) & (pl.col("code") == FULFILLED)).select(
        "case_id", end_no="fact_no", ended_on="effective_on"
    )
    if ends.is_empty():
        return live
    undoing = live.filter(pl.col("kind").is_in([int(kind) for kind in VOIDING])).select(
        "case_id", undoing_no="fact_no", fact_no="voids_fact_no"
    )
    settling = facts.filter(pl.col("kind").is_in([int(kind) for kind in SETTLING]))
    undone = settling.select("case_id", "fact_no").join(undoing, on=["case_id", "fact_no"])
    over = (
        ends.join(undone, on="case_id")
        .filter((pl.col("fact_no") < pl.col("end_no")) & (pl.col("undoing_no") > pl.col("end_no")))
        .select("case_id", "end_no", "ended_on")
        .unique()
    )
    if over.is_empty():
        return live
    with_it = (
        live.filter((pl.col("kind") == int(FactKind.WAIVER)) & (pl.col("code") == AS_SIGNED))
        .join(over, left_on=["case_id", "effective_on"], right_on=["case_id", "ended_on"])
        .filter(pl.col("fact_no") > pl.col("end_no"))
        .select("case_id", "fact_no")
    )
    gone = pl.concat([over.select("case_id", fact_no="end_no"), with_it])
    return live.join(gone, on=["case_id", "fact_no"], how="anti", maintain_order="left")


def claims_covered(live: pl.DataFrame, claims: pl.DataFrame, instalments: pl.DataFrame) -> pl.DataFrame:
    """case_id, claim_id, plan_code of every claim under a plan that runs."""
    open_plans = covered(live, instalments).filter(pl.col("ended_on").is_null())
    return per_claim(open_plans, claims).select("case_id", "claim_id", "plan_code").unique()


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
