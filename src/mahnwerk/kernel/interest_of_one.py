"""Interest of one amount over one span: `interest_between`, the calculator's way, in plain whole numbers.

Written apart from the mass path in `interest`, so that a calculator starts without the libraries of
columns; tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from mahnwerk.bounds import PRINCIPAL_CENTS_MAX
from mahnwerk.law import Law

DAY_COUNTS: Final = ("act/act", "act/365", "30/360")
_YEAR_WEIGHTS: Final = {"act/act": 365 * 366, "act/365": 365, "30/360": 360}
_DAY: Final = timedelta(days=1)


class BoundError(ValueError):
    """An amount, rate or date lies outside what the kernel can compute exactly."""


@dataclass(frozen=True)
class InterestResult:
    """Interest of one amount over one span, with the rows that make it up."""

    interest_cents: int
    rows: tuple[dict[str, Any], ...]  # first_day, last_day, days, rate_ppm, interest_cents
    sources: tuple[str, ...]  # of the margin and the last base rate; says where one is unverified
    day_count: str


def check_day_count(day_count: str) -> None:
    """Refuse a day count nobody knows."""
    if day_count not in DAY_COUNTS:
        raise BoundError(f"day count {day_count!r} is unknown; choose one of {', '.join(DAY_COUNTS)}")


def interest_between(
    amount_cents: int,
    first_day: date,
    last_day: date,
    *,
    law: Law,
    is_commercial: bool = False,
    arose_on: date | None = None,
    day_count: str = "act/act",
) -> InterestResult:
    """Default interest of one amount from the first to the last day, both counted.

    Parameters
    ----------
    amount_cents : 0..PRINCIPAL_CENTS_MAX
    is_commercial : no consumer is party and the debt is payment for goods or services
    arose_on : when the obligation arose; picks the margin. None = the first day.
    day_count : as in `interest.rate_index`

    Returns
    -------
    `InterestResult`; its rows, each of one rate and one year, add up to its total.

    Raises
    ------
    LawGap
        when a day lies outside the known base rates, or no margin is known.
    BoundError
        when an argument is out of bounds or the last day is before the first.

    Sources
    -------
    § 288 Abs. 1, 2, § 247, § 289 Satz 1 BGB; Art. 229 § 34 EGBGB.
    """
    if not 0 <= amount_cents <= PRINCIPAL_CENTS_MAX:
        raise BoundError(f"amount must be 0 to {PRINCIPAL_CENTS_MAX} cents, is {amount_cents}")
    if last_day < first_day:
        raise BoundError(f"the last day {last_day.isoformat()} is before the first {first_day.isoformat()}")
    check_day_count(day_count)
    for day in (first_day, last_day):
        law.value("interest.base_rate", day)
    margin_on = arose_on or first_day
    rate_class = "commercial" if is_commercial else "general"
    margin = law.ppm("interest.default_margin", margin_on, rate_class)
    denominator, exact, rows = _YEAR_WEIGHTS[day_count] * 1_000_000, 0, []
    for first, last, base_rate in _stretches(law, first_day, last_day):
        weight = _weight(first, last, day_count)
        before, exact = exact, exact + amount_cents * (base_rate + margin) * weight
        rows.append(
            {
                "first_day": first,
                "last_day": last,
                "days": weight if day_count == "30/360" else (last - first).days + 1,
                "rate_ppm": base_rate + margin,
                "interest_cents": _half_up(exact, denominator) - _half_up(before, denominator),
            }
        )
    sources = (
        str(law.source("interest.default_margin", margin_on, rate_class)),
        str(law.source("interest.base_rate", last_day)),
    )
    return InterestResult(_half_up(exact, denominator), tuple(rows), sources, day_count)


def _stretches(law: Law, first_day: date, last_day: date) -> Iterator[tuple[date, date, int]]:
    """(first day, last day, base rate in ppm) of each stretch without a change of rate or of year."""
    rates: list[tuple[date, int | None]] = []
    for since, value in law.changes_of("interest.base_rate"):
        rate = law.ppm("interest.base_rate", since) if value.state == "known" else None
        if not rates or rates[-1][1] != rate:
            rates.append((since, rate))
    cuts = {date(year, 1, 1) for year in range(first_day.year + 1, last_day.year + 1)}
    cuts |= {since for since, _ in rates if first_day < since <= last_day}
    starts = [first_day, *sorted(cuts)]
    for start, following in zip(starts, [*starts[1:], last_day + _DAY], strict=True):
        rate = next((rate for since, rate in reversed(rates) if since <= start), None)
        if rate is not None:  # no rate is ever invented
            yield start, following - _DAY, rate


def _weight(first: date, last: date, day_count: str) -> int:
    """Weight of the days of a stretch within one year."""
    if day_count == "30/360":
        return _position(last + _DAY) - _position(first)
    days = (last - first).days + 1
    if day_count == "act/365":
        return days
    is_leap = (date(first.year, 12, 31) - date(first.year, 1, 1)).days == 365
    return days * (365 if is_leap else 366)


def _position(day: date) -> int:
    return 360 * day.year + 30 * day.month + min(day.day, 30)


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
