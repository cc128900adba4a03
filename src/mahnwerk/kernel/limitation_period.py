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

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from mahnwerk.kernel import calendar
from mahnwerk.kernel.calendar import plus_months, plus_years
from mahnwerk.law import Law

REGULAR: Final = "limitation.regular_years"
LONG_STOP: Final = "limitation.long_stop_years"
TITLE: Final = "limitation.title_years"
AFTER_NEGOTIATION: Final = "limitation.negotiation_tail_months"
AFTER_PROCEEDINGS: Final = "limitation.suspension_tail_months"

RULES: Final = (REGULAR, LONG_STOP, "limitation.suspended", "limitation.restarted", TITLE)
"""Rule ids an answer can carry: which rule set the last day."""

SERVED_SOON_DAYS: Final = 31
"""Service counts from the filing (§ 167 ZPO, "demnächst") if it follows within this many days; later
service counts from the day of service. A convention on the safe side, confidence C."""

ONE_DAY: Final = timedelta(days=1)
SUSPENSION, RESTART, TITLE_OBTAINED = range(3)
"""Kinds of event, in the order they are taken on one day."""


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

    The events are taken in order of date; see the module. `limitation.limitation` does the same for columns.

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
        (one.first_day, SUSPENSION, one.last_day, one.at_least_until) for one in suspensions
    ]
    events += [(day, RESTART, day, None) for day in restarts]
    events += [(day, TITLE_OBTAINED, day, None) for day in titles]
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
        if kind == TITLE_OBTAINED:
            start, years, rule_id = day, periods.title_years, TITLE
            end, floor, covered = plus_years(day, years), day, day
        elif not alive:
            continue
        elif kind == RESTART and day > start:
            start, rule_id = day, TITLE if rule_id == TITLE else "limitation.restarted"
            # never earlier: three years with and without a leap day differ by one
            end = max(end, plus_years(day, years) + max(covered - day, timedelta(0)))
        elif kind == SUSPENSION:
            first = max(day, start + ONE_DAY, covered + ONE_DAY)
            if first > end:
                floor = max(floor, last)
            elif first <= last:
                end += last - first + ONE_DAY
                rule_id = "limitation.suspended" if rule_id in (REGULAR, LONG_STOP) else rule_id
            floor = max(floor, at_least or floor)
            covered = max(covered, last)
    ends = max(end, floor)
    return Limitation(start, ends, calendar.next_working_day(ends, land), rule_id)
