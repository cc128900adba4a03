"""When claims become time-barred, for columns: `limitation_period` for all claims at once.

Facts become events (suspension, restart, title); the k-th event of all claims is taken together.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import polars as pl

from mahnwerk.frames import INSTALMENTS, ClaimKind, FactKind
from mahnwerk.kernel import calendar, plans
from mahnwerk.kernel.arrears import facts_of_claims
from mahnwerk.kernel.facts import per_claim
from mahnwerk.kernel.limitation_period import (
    AFTER_NEGOTIATION,
    AFTER_PROCEEDINGS,
    LONG_STOP,
    ONE_DAY,
    REGULAR,
    RESTART,
    SERVED_SOON_DAYS,
    SUSPENSION,
    TITLE,
    TITLE_OBTAINED,
    Periods,
    periods_of,
)
from mahnwerk.law import Law, LawGap

SOON_DAYS: Final = 90
"""How long before its last safe day a claim is warned of: time enough for a payment order."""
CONSUMER_LOAN: Final = "limitation.consumer_loan_suspension_max_years"

_KINDS: Final = (
    FactKind.PAYMENT_RECEIVED,
    FactKind.DEBT_ACKNOWLEDGED,
    FactKind.NEGOTIATION_BEGAN,
    FactKind.NEGOTIATION_ENDED,
    FactKind.DEFERRAL_GRANTED,
    FactKind.PLAN_AGREED,
    *plans.ENDING,
    FactKind.LITIGATION_PENDING,
    FactKind.PAYMENT_ORDER_FILED,
    FactKind.PAYMENT_ORDER_SERVED,
    FactKind.PAYMENT_ORDER_ENDED,
    FactKind.TITLE_OBTAINED,
)
_LOANS: Final = (ClaimKind.CONSUMER_LOAN, ClaimKind.REAL_ESTATE_CONSUMER_LOAN)
_RESULT: Final = {
    "claim_id": pl.Int64,
    "time_barred_after": pl.Date,
    "warn_on": pl.Date,
    "is_time_barred": pl.Boolean,
    "rule_id": pl.String,
}
_LONG_AGO: Final = pl.lit(date(1, 1, 1))


def limitation(
    claims: pl.DataFrame,
    facts: pl.DataFrame,
    laws: Mapping[str, Law],
    on: date,
    *,
    defaults: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Compute for each claim when it becomes time-barred.

    Claims without events take the short path; the others go through their events in order of date,
    the k-th event of all claims at once.

    Parameters
    ----------
    claims : CLAIMS plus `land` String of the case; null `due_on` counts as due on `issued_on`. All
        claims of a case together, for the rule on payments below
    facts : FACTS, without voided ones and those after `on`. A plan suspends what it covers, from the day
        agreed to its end, as a deferral does (§ 205 BGB). A payment restarts the claim it names, or
        the only claim of its case; a payment that names none of several restarts none, because it is
        not known which debt it acknowledged. A plan defers what it covers until it ends, so that is suspended
    laws : per jurisdiction; so far only German law is applied
    on : day asked
    defaults : claim_id Int64 · default_began_on Date; with it, consumer loans are suspended from
        default on (§ 497 Abs. 3 Satz 3 BGB)

    Returns
    -------
    One row per claim, in the order of `claims`: claim_id · time_barred_after Date · warn_on Date (not
    later than the former) · is_time_barred Boolean · rule_id String, of RULES. Dates and rule are null
    and `is_time_barred` False where the law of the claim's due date is not in the data.

    Guarantees
    ----------
    Pure; row order does not matter; equals `limitation_period.limitation_of` claim by claim.

    Sources
    -------
    As `limitation_of`; § 497 Abs. 3 BGB.
    """
    facts = facts.filter(pl.col("kind").is_in([int(kind) for kind in _KINDS]))
    base = claims.select(
        "claim_id", "case_id", "jurisdiction", "kind", "land", due=pl.coalesce("due_on", "issued_on")
    )
    parts = []
    for first_day, last_day, periods in _segments(laws):
        own = base.filter((pl.col("jurisdiction") == "de") & pl.col("due").is_between(first_day, last_day))
        if own.height:
            events = _claim_events(own, claims, facts, periods, on)
            if defaults is not None:
                events = pl.concat([events, _loan_events(own, defaults, laws["de"])])
            parts.append(_through_events(own, events, periods))
    found = pl.concat(parts) if parts else pl.DataFrame(schema={**_RESULT, "ends": pl.Date})
    return (
        claims.select("claim_id")
        .join(found, on="claim_id", how="left", maintain_order="left")
        .with_columns(is_time_barred=(pl.lit(on) > pl.col("time_barred_after")).fill_null(False))
        .select(list(_RESULT))
    )


def ending_soon(found: pl.DataFrame, balances: pl.DataFrame, on: date) -> pl.DataFrame:
    """Claims whose principal is still open and whose last safe day is `SOON_DAYS` away at most.

    Parameters
    ----------
    found : as from `limitation`
    balances : BALANCES of the same day

    Returns
    -------
    case_id · claim_id · warn_on Date · principal_open_cents, without what is time-barred already
    """
    near = (pl.col("warn_on") <= pl.lit(on).dt.offset_by(f"{SOON_DAYS}d")) & ~pl.col("is_time_barred")
    owed = balances.filter(pl.col("principal_open_cents") > 0)
    return (
        found.filter(near)
        .join(owed.select("case_id", "claim_id", "principal_open_cents"), on="claim_id")
        .select("case_id", "claim_id", "warn_on", "principal_open_cents")
    )


def _segments(laws: Mapping[str, Law]) -> list[tuple[date, date, Periods]]:
    """Stretches of due dates with the same periods; those not known are left out."""
    if "de" not in laws:
        return []
    law = laws["de"]
    names = (REGULAR, LONG_STOP, TITLE, AFTER_NEGOTIATION, AFTER_PROCEEDINGS)
    starts = sorted({day for name in names for day, _ in law.changes_of(name)})
    found = []
    for start, following in zip(starts, [*starts[1:], date.max], strict=True):
        try:
            found.append((start, following - ONE_DAY, periods_of(law, start)))
        except LawGap:
            continue
    return found


def _claim_events(
    own: pl.DataFrame, claims: pl.DataFrame, facts: pl.DataFrame, periods: Periods, on: date
) -> pl.DataFrame:
    """Every suspension, restart and title of these claims: claim_id, day, order, last, at_least."""

    def of(*kinds: FactKind) -> pl.DataFrame:
        return facts_of_claims(own, facts, list(kinds)).sort("effective_on")

    def following(rows: pl.DataFrame, kind: FactKind, name: str) -> pl.DataFrame:
        end = of(kind).select("claim_id", pl.col("effective_on").alias(name), effective_on="effective_on")
        return rows.join_asof(
            end, on="effective_on", by="claim_id", strategy="forward", check_sortedness=False
        )

    after = f"{periods.proceedings_months}mo"
    ended, filed = pl.col("ended"), pl.col("filed")
    negotiations = following(
        of(FactKind.NEGOTIATION_BEGAN), FactKind.NEGOTIATION_ENDED, "ended"
    ).with_columns(last=ended.fill_null(on))
    lawsuits = following(of(FactKind.LITIGATION_PENDING), FactKind.PAYMENT_ORDER_ENDED, "ended")
    orders = following(of(FactKind.PAYMENT_ORDER_SERVED), FactKind.PAYMENT_ORDER_ENDED, "ended").join_asof(
        of(FactKind.PAYMENT_ORDER_FILED).select("claim_id", "effective_on", filed="effective_on"),
        on="effective_on",
        by="claim_id",
        strategy="backward",
        check_sortedness=False,
    )
    day = pl.col("effective_on")
    is_soon = (day - filed).dt.total_days() <= SERVED_SOON_DAYS
    return pl.concat(
        [
            _rows(negotiations, SUSPENSION, pl.col("last"), at_least=_tail(pl.col("last"), periods)),
            _rows(of(FactKind.DEFERRAL_GRANTED), SUSPENSION, pl.col("until_on").fill_null(on)),
            _rows(_planned(own, claims, facts), SUSPENSION, pl.col("ended_on").fill_null(on)),
            _rows(lawsuits, SUSPENSION, ended.fill_null(on).dt.offset_by(after)),
            _rows(
                orders,
                SUSPENSION,
                pl.coalesce(ended, day).dt.offset_by(after),
                day=pl.when(is_soon).then(filed).otherwise(day),
            ),
            _rows(_restarting(own, claims, facts), RESTART, day),
            _rows(of(FactKind.TITLE_OBTAINED), TITLE_OBTAINED, day),
        ]
    )


def _tail(day: pl.Expr, periods: Periods) -> pl.Expr:
    return day.dt.offset_by(f"{periods.negotiation_months}mo")


def _rows(
    rows: pl.DataFrame,
    order: int,
    last: pl.Expr,
    *,
    day: pl.Expr | None = None,
    at_least: pl.Expr | None = None,
) -> pl.DataFrame:
    return rows.select(
        "claim_id",
        day=pl.col("effective_on") if day is None else day,
        order=pl.lit(order, dtype=pl.Int8),
        last=last,
        at_least=_LONG_AGO if at_least is None else at_least,
    )


def _restarting(own: pl.DataFrame, claims: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Acknowledgements, and payments where it is known which claim they paid."""
    alone = claims.filter(pl.len().over("case_id") == 1)["claim_id"].implode()
    paid = facts.filter(pl.col("kind") == int(FactKind.PAYMENT_RECEIVED))
    known = facts_of_claims(own, paid.filter(pl.col("claim_id").is_not_null()), [FactKind.PAYMENT_RECEIVED])
    only = facts_of_claims(
        own.filter(pl.col("claim_id").is_in(alone)),
        paid.filter(pl.col("claim_id").is_null()),
        [FactKind.PAYMENT_RECEIVED],
    )
    return pl.concat([facts_of_claims(own, facts, [FactKind.DEBT_ACKNOWLEDGED]), known, only])


def _planned(own: pl.DataFrame, claims: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Claims a plan defers, from the day agreed to its end: the debtor may refuse to pay at once (§ 205)."""
    agreed = plans.covered(facts, pl.DataFrame(schema=dict(INSTALMENTS))).rename(
        {"agreed_on": "effective_on"}
    )
    return per_claim(agreed, claims).join(own.select("claim_id"), on="claim_id", how="semi")


def _loan_events(own: pl.DataFrame, defaults: pl.DataFrame, law: Law) -> pl.DataFrame:
    """Consumer loans in default rest, at most so many years from accrual; a title ends it by itself."""
    years = pl.lit(None, dtype=pl.String)
    for first_day, value in law.changes_of(CONSUMER_LOAN):
        known = f"{value.numbers['value']}y" if value.state == "known" else None
        years = pl.when(pl.col("due") >= first_day).then(pl.lit(known)).otherwise(years)
    loans = own.filter(pl.col("kind").is_in([int(kind) for kind in _LOANS])).join(
        defaults.select("claim_id", effective_on="default_began_on"), on="claim_id"
    )
    loans = loans.with_columns(until=pl.col("due").dt.offset_by(years)).filter(
        pl.col("effective_on").is_not_null() & pl.col("until").is_not_null()
    )
    return _rows(loans, SUSPENSION, pl.col("until"))


def _through_events(own: pl.DataFrame, events: pl.DataFrame, periods: Periods) -> pl.DataFrame:
    """Let the period of every claim run through its events, as `limitation_of` does for one."""
    state = own.select(
        "claim_id",
        "land",
        start=pl.date(pl.col("due").dt.year(), 12, 31),
        years=pl.lit(f"{periods.regular_years}y"),
        floor=_LONG_AGO,
        covered=_LONG_AGO,
        rule_id=pl.lit(REGULAR),
    ).with_columns(end=pl.col("start").dt.offset_by(f"{periods.regular_years}y"))
    events = events.sort("claim_id", "day", "order", "last", "at_least").with_columns(
        turn=pl.int_range(pl.len()).over("claim_id")
    )
    done = []
    for (_,), now in events.sort("turn").group_by("turn", maintain_order=True):
        busy = pl.col("claim_id").is_in(now["claim_id"].implode())
        done.append(state.filter(~busy))
        state = _step(state.filter(busy).join(now.drop("turn"), on="claim_id"), periods)
    state = pl.concat([*done, state]).with_columns(ends=pl.max_horizontal("end", "floor"))
    return state.select(
        "claim_id",
        time_barred_after=_moved(state, "ends"),
        warn_on="ends",
        rule_id="rule_id",
    )


def _moved(frame: pl.DataFrame, column: str) -> pl.Series:
    return calendar.next_working_days(frame[column], frame["land"], keep_uncovered=True)


def _step(state: pl.DataFrame, periods: Periods) -> pl.DataFrame:
    """Apply one event to each of these claims."""
    columns = ["claim_id", "land", "start", "years", "floor", "covered", "rule_id", "end"]
    state = state.with_columns(ends=pl.max_horizontal("end", "floor"))
    state = state.with_columns(alive=pl.col("day") <= _moved(state, "ends"))
    day, end, covered, last = pl.col("day"), pl.col("end"), pl.col("covered"), pl.col("last")
    one_day = pl.duration(days=1)
    is_title = pl.col("order") == TITLE_OBTAINED
    restarts = (pl.col("order") == RESTART) & pl.col("alive") & (day > pl.col("start"))
    suspends = (pl.col("order") == SUSPENSION) & pl.col("alive")
    first = pl.max_horizontal(day, pl.col("start") + one_day, covered + one_day)
    is_in_period = suspends & (first <= end)
    counts = is_in_period & (first <= last)
    anew = day.dt.offset_by(pl.col("years")) + pl.max_horizontal(covered - day, pl.duration(days=0))
    title_years = f"{periods.title_years}y"
    rule = pl.col("rule_id")
    return state.select(
        "claim_id",
        "land",
        start=pl.when(is_title | restarts).then(day).otherwise("start"),
        years=pl.when(is_title).then(pl.lit(title_years)).otherwise("years"),
        floor=pl.when(is_title)
        .then(day)
        .when(is_in_period)
        .then(pl.max_horizontal("floor", "at_least"))
        .when(suspends)
        .then(pl.max_horizontal("floor", "at_least", "last"))
        .otherwise("floor"),
        covered=pl.when(is_title)
        .then(day)
        .when(suspends)
        .then(pl.max_horizontal(covered, last))
        .otherwise(covered),
        rule_id=pl.when(is_title)
        .then(pl.lit(TITLE))
        .when(restarts & (rule != TITLE))
        .then(pl.lit("limitation.restarted"))
        .when(counts & (rule == REGULAR))
        .then(pl.lit("limitation.suspended"))
        .otherwise(rule),
        end=pl.when(is_title)
        .then(day.dt.offset_by(title_years))
        .when(restarts)
        .then(pl.max_horizontal(end, anew))
        .when(counts)
        .then(end + (last - first) + one_day)
        .otherwise(end),
    ).select(columns)
