"""When a claim becomes time-barred (§§ 195–217 BGB).

A period runs from a start day to a last day. Three kinds of event change it, taken in order of date:

- a **suspension** (negotiation, court proceedings, deferral) is not counted (§ 209): the last day moves
  by as many days as were suspended. After negotiations at least three months remain (§ 203);
- a **restart** (part payment, acknowledgement) begins the full period anew at once (§ 212), but only
  while the period runs: before it began there is nothing to shorten, after expiry nothing to save;
- a **title** gives thirty years from then on, whatever came before.

Where the future is open (negotiations go on, a lawsuit is pending) the answer is the earliest one: as
though the suspension ended on the day asked. A payment order after which nothing is known ends with
its service, because then the parties have let the proceedings rest.
A reminder or dunning notice does nothing.

The last day moves by § 193 to a working day: warn on the unmoved day, bar only after the moved one
(§ 193 on limitation: confidence C).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import polars as pl

from mahnwerk.frames import ClaimKind, FactKind
from mahnwerk.kernel import calendar
from mahnwerk.kernel.arrears import facts_of_claims
from mahnwerk.law import Law, LawGap

REGULAR: Final = "limitation.regular_years"
LONG_STOP: Final = "limitation.long_stop_years"
TITLE: Final = "limitation.title_years"
AFTER_NEGOTIATION: Final = "limitation.negotiation_tail_months"
AFTER_PROCEEDINGS: Final = "limitation.suspension_tail_months"
CONSUMER_LOAN: Final = "limitation.consumer_loan_suspension_max_years"

RULES: Final = (REGULAR, LONG_STOP, "limitation.suspended", "limitation.restarted", TITLE)
"""Rule ids an answer can carry: which rule set the last day."""

SERVED_SOON_DAYS: Final = 31
"""Service counts from the filing (§ 167 ZPO, "demnächst") if it follows within this many days; later
service counts from the day of service. A convention on the safe side, confidence C."""

_ONE_DAY: Final = timedelta(days=1)
_SUSPENSION, _RESTART, _TITLE = range(3)
_LOANS: Final = (ClaimKind.CONSUMER_LOAN, ClaimKind.REAL_ESTATE_CONSUMER_LOAN)


@dataclass(frozen=True)
class Periods:
    """The periods of limitation law, read once."""

    regular_years: int
    long_stop_years: int
    title_years: int
    negotiation_months: int
    proceedings_months: int


@dataclass(frozen=True)
class Suspension:
    """Days that do not count, both ends included.

    at_least_until : limitation does not end before this day (§ 203 Satz 2)
    """

    first_day: date
    last_day: date
    at_least_until: date | None = None


@dataclass(frozen=True)
class Limitation:
    """When a claim becomes time-barred and by which rule.

    began_after : the period runs from the day after; the regular one after 31 December
    warn_on : last day of the period as counted
    time_barred_after : the same, moved by § 193; the debtor may refuse from the next day on
    """

    began_after: date
    warn_on: date
    time_barred_after: date
    rule_id: str

    def is_time_barred(self, on: date) -> bool:
        """Whether the debtor may refuse payment on that day (§ 214)."""
        return on > self.time_barred_after


def periods_of(law: Law, on: date) -> Periods:
    """The periods for an obligation that arose (or fell due) on that day; LawGap if not known."""
    return Periods(
        regular_years=law.years(REGULAR, on),
        long_stop_years=law.years(LONG_STOP, on),
        title_years=law.years(TITLE, on),
        negotiation_months=law.months(AFTER_NEGOTIATION, on),
        proceedings_months=law.months(AFTER_PROCEEDINGS, on),
    )


def plus_years(day: date, years: int) -> date:
    """The same day so many years later; 29 February becomes 28 where there is none (§ 188 Abs. 3)."""
    return plus_months(day, 12 * years)


def plus_months(day: date, months: int) -> date:
    """The same day so many months later, or the month's last day where it is missing (§ 188 Abs. 3)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise ValueError(f"{day} plus {months} months is no date")


def negotiation(began_on: date, ended_on: date, periods: Periods) -> Suspension:
    """Negotiations about the claim, until one side refuses to go on (§ 203)."""
    return Suspension(began_on, ended_on, plus_months(ended_on, periods.negotiation_months))


def payment_order(filed_on: date, served_on: date, ended_on: date | None, periods: Periods) -> Suspension:
    """Court payment order (§ 204 Abs. 1 Nr. 3, Abs. 2), from filing if served soon (§ 167 ZPO)."""
    soon = served_on - filed_on <= timedelta(days=SERVED_SOON_DAYS)
    last_act = served_on if ended_on is None else ended_on
    return Suspension(filed_on if soon else served_on, plus_months(last_act, periods.proceedings_months))


def limitation_of(
    due_on: date,
    periods: Periods,
    *,
    known_on: date | None = None,
    restarts: Iterable[date] = (),
    suspensions: Iterable[Suspension] = (),
    titles: Iterable[date] = (),
    land: str | None = None,
) -> Limitation:
    """Compute when one claim becomes time-barred.

    The events are taken in order of date; see the module. `limitation` does the same for columns.

    Parameters
    ----------
    due_on : the day the claim fell due, which counts as the day it arose
    periods : from `periods_of`
    known_on : when the creditor learnt of the claim and the debtor, if later than `due_on`; then the
        long stop of ten years from `due_on` also runs, and the earlier end counts
    restarts : part payments and acknowledgements
    suspensions, titles : see `Suspension`; days on which a title became final
    land : the debtor's Land, for § 193

    Raises
    ------
    CalendarError : the last day lies outside the calendar of working days.

    Guarantees
    ----------
    Pure; order of the events does not matter. Another suspension, restart or title never makes the
    end earlier.

    Sources
    -------
    §§ 187–193, 195, 197, 199, 203–205, 209, 212 BGB; § 167 ZPO.
    """
    events = _events(restarts, suspensions, titles)
    known = max(due_on, known_on or due_on)
    answer = _run(date(known.year, 12, 31), periods.regular_years, REGULAR, events, periods, land)
    if known_on is not None:
        stop = _run(due_on, periods.long_stop_years, LONG_STOP, events, periods, land)
        answer = min(answer, stop, key=lambda found: found.warn_on)
    return answer


_Event = tuple[date, int, date, date | None]


def _events(
    restarts: Iterable[date], suspensions: Iterable[Suspension], titles: Iterable[date]
) -> list[_Event]:
    """In order of date; on one day suspension before restart before title."""
    events: list[_Event] = [
        (one.first_day, _SUSPENSION, one.last_day, one.at_least_until) for one in suspensions
    ]
    events += [(day, _RESTART, day, None) for day in restarts]
    events += [(day, _TITLE, day, None) for day in titles]
    return sorted(events, key=lambda event: (event[0], event[1], event[2], event[3] or date.min))


def _run(
    start: date, years: int, rule_id: str, events: list[_Event], periods: Periods, land: str | None
) -> Limitation:
    """Let one period run through the events.

    `end` is the last day as counted, `floor` a day before which it does not end, `covered` the last
    suspended day so far, so that overlapping suspensions count once.
    """
    end = plus_years(start, years)
    floor = covered = date.min
    for day, kind, last, at_least in events:
        alive = day <= calendar.next_working_day(max(end, floor), land)
        if kind == _TITLE:
            start, years, rule_id = day, periods.title_years, TITLE
            end, floor, covered = plus_years(day, years), day, day
        elif not alive:
            continue
        elif kind == _RESTART and day > start:
            start, rule_id = day, TITLE if rule_id == TITLE else "limitation.restarted"
            # never earlier: three years with and without a leap day differ by one
            end = max(end, plus_years(day, years) + max(covered - day, timedelta(0)))
        elif kind == _SUSPENSION:
            first = max(day, start + _ONE_DAY, covered + _ONE_DAY)
            if first > end:
                floor = max(floor, last)
            elif first <= last:
                end += last - first + _ONE_DAY
                rule_id = "limitation.suspended" if rule_id in (REGULAR, LONG_STOP) else rule_id
            floor = max(floor, at_least or floor)
            covered = max(covered, last)
    ends = max(end, floor)
    return Limitation(start, ends, calendar.next_working_day(ends, land), rule_id)


# --- columns ----------------------------------------------------------------------------------

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
    facts : FACTS, without voided ones and those after `on`. A payment restarts the claim it names, or
        the only claim of its case; a payment that names none of several restarts none, because it is
        not known which debt it acknowledged
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
    Pure; row order does not matter; equals `limitation_of` claim by claim.

    Sources
    -------
    As `limitation_of`; § 497 Abs. 3 BGB.
    """
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
            found.append((start, following - _ONE_DAY, periods_of(law, start)))
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
            _rows(negotiations, _SUSPENSION, pl.col("last"), at_least=_tail(pl.col("last"), periods)),
            _rows(of(FactKind.DEFERRAL_GRANTED), _SUSPENSION, pl.col("until_on").fill_null(on)),
            _rows(lawsuits, _SUSPENSION, ended.fill_null(on).dt.offset_by(after)),
            _rows(
                orders,
                _SUSPENSION,
                pl.coalesce(ended, day).dt.offset_by(after),
                day=pl.when(is_soon).then(filed).otherwise(day),
            ),
            _rows(_restarting(own, claims, facts), _RESTART, day),
            _rows(of(FactKind.TITLE_OBTAINED), _TITLE, day),
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
    return _rows(loans, _SUSPENSION, pl.col("until"))


def _through_events(own: pl.DataFrame, events: pl.DataFrame, periods: Periods) -> pl.DataFrame:
    """Let the period of every claim run through its events, as `_run` does for one."""
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
    is_title = pl.col("order") == _TITLE
    restarts = (pl.col("order") == _RESTART) & pl.col("alive") & (day > pl.col("start"))
    suspends = (pl.col("order") == _SUSPENSION) & pl.col("alive")
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
