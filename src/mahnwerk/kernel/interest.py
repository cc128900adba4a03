"""What interest a debt bears: rates cumulated day by day, exact products, one rounding.

Interest of a span is `principal × [R(b) − R(a) + margin × (D(b) − D(a))]`, where R cumulates the base
rate weighted by each day's share of its year and D cumulates the weights alone. So a million spans
cost four look-ups and one product, whatever changes of rate or leap years they cross.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from mahnwerk.frames import PRINCIPAL_CENTS_MAX, RATE_PPM_MAX, SPANS
from mahnwerk.kernel.interest_of_one import BoundError, check_day_count
from mahnwerk.law import Law

Days = npt.NDArray[np.int64]
"""Day numbers (days since 1970-01-01), or anything else counted per row."""

EPOCH: Final = date(1970, 1, 1)
HORIZON: Final = date(2160, 1, 1)
"""First day the tables do not hold: a title of 30 years, renewed three times, from today on."""
TABLE_DAYS: Final = (HORIZON - EPOCH).days + 1
"""Entries of each table of a `RateIndex`."""

SCHEDULE: Final[dict[str, Any]] = {
    "case_id": pl.Int64,
    "claim_id": pl.Int64,
    "first_day": pl.Date,
    "last_day": pl.Date,
    "days": pl.Int32,  # as the day count counts them
    "principal_cents": pl.Int64,
    "rate_ppm": pl.Int64,  # base rate plus margin
    "rule_id": pl.String,
    "interest_cents": pl.Int64,
}


@dataclass(frozen=True, eq=False)
class RateIndex:
    """The base rate and the calendar, cumulated day by day from 1970-01-01 to `HORIZON`.

    Each table holds at d the sum over all days before day number d, so a span's value is the difference
    at its last day + 1 and its first day. Days whose base rate is unknown add to `unknown_days` and to
    nothing base-linked: no rate is ever invented, and whoever asks for such a day must say so (a
    calculator raises `LawGap`, the replay marks the claim).
    """

    day_count: str
    denominator: int  # of cents × ppm × weight
    known_until: date  # last day whose base rate is known; 1970-01-01 where none is
    changes: tuple[date, ...]  # days on which the base rate, or our knowledge of it, changes
    day_weights: Days = field(repr=False)
    known_weights: Days = field(repr=False)  # of days whose base rate is known
    rate_days: Days = field(repr=False)  # base rate in ppm × weight
    unknown_days: Days = field(repr=False)
    base_rates: Days = field(repr=False)  # ppm of each day, not cumulated; 0 where unknown

    def weight(self, first_day: date, last_day: date) -> int:
        """Sum of the day weights from the first to the last day, both counted."""
        return int(self.day_weights[day_no(last_day) + 1] - self.day_weights[day_no(first_day)])

    def days(self, first_day: date, last_day: date) -> int:
        """Interest days of the span as this day count counts them (calendar days unless 30/360)."""
        if self.day_count == "30/360":
            return self.weight(first_day, last_day)
        return (last_day - first_day).days + 1


def day_no(day: date) -> int:
    """Days since 1970-01-01, checked against what the tables hold."""
    if not EPOCH <= day < HORIZON - timedelta(days=1):
        raise BoundError(f"date {day.isoformat()} is outside {EPOCH.isoformat()} … {HORIZON.isoformat()}")
    return (day - EPOCH).days


def _day_weights(day_count: str) -> tuple[Days, int]:
    """Weights cumulated before each day, and the number of weights in a year."""
    days = np.arange(TABLE_DAYS, dtype=np.int64).astype("datetime64[D]")
    years = days.astype("datetime64[Y]").astype(np.int64) + 1970
    if day_count == "30/360":
        months = days.astype("datetime64[M]").astype(np.int64) % 12
        in_month = (days - days.astype("datetime64[M]")).astype(np.int64) + 1
        position = 360 * years + 30 * months + np.minimum(in_month, 30)
        return (position - position[0]).astype(np.int64), 360
    if day_count == "act/365":
        return np.arange(len(days), dtype=np.int64), 365
    leap = ((years % 4 == 0) & (years % 100 != 0)) | (years % 400 == 0)
    # A common day is 1/365 of its year, a leap day 1/366: over 365·366 these are 366 and 365.
    weights = np.where(leap, 365, 366)
    return np.concatenate(([0], np.cumsum(weights)[:-1])).astype(np.int64), 365 * 366


def rate_index(law: Law, day_count: str = "act/act") -> RateIndex:
    """Cumulate the base rate of a jurisdiction.

    Parameters
    ----------
    law : the jurisdiction's law; without `interest.base_rate` the index knows no base rate at all
    day_count : "act/act" (each day 1/365 or 1/366 of its own year), "act/365" or "30/360"
        (D(d) = 360y + 30m + min(d, 30); days = D(last + 1) − D(first))

    Raises
    ------
    BoundError
        for another day count.

    Sources
    -------
    § 247 BGB for the rate. No statute settles the day count; the three are found in practice.
    """
    check_day_count(day_count)
    weights, year = _day_weights(day_count)
    rates, known = _base_rates(law, len(weights))
    own_weights = np.diff(weights, append=weights[-1])
    days_known = np.flatnonzero(known)
    changes = np.flatnonzero((np.diff(rates) != 0) | (np.diff(known.astype(np.int8)) != 0)) + 1
    return RateIndex(
        day_count=day_count,
        denominator=year * 1_000_000,
        known_until=_day(int(days_known[-1])) if len(days_known) else EPOCH,
        changes=tuple(_day(int(number)) for number in changes),
        day_weights=weights,
        known_weights=_cumulated(own_weights * known),
        rate_days=_cumulated(own_weights * rates),
        unknown_days=_cumulated((~known).astype(np.int64)),
        base_rates=rates,
    )


def _cumulated(own: Days) -> Days:
    """Sums over all days before each day."""
    return np.concatenate(([0], np.cumsum(own)[:-1])).astype(np.int64)


def _day(number: int) -> date:
    return EPOCH + timedelta(days=number)


def _base_rates(law: Law, length: int) -> tuple[Days, npt.NDArray[np.bool_]]:
    """The base rate of each day in ppm, and whether it is known."""
    rates, known = np.zeros(length, dtype=np.int64), np.zeros(length, dtype=np.bool_)
    if "interest.base_rate" not in law:
        return rates, known
    for first_day, value in law.changes_of("interest.base_rate"):
        start = max(0, (first_day - EPOCH).days)
        known[start:] = value.state == "known"
        rates[start:] = law.ppm("interest.base_rate", first_day) if value.state == "known" else 0
    known_until = law.parameter("interest.base_rate").known_until
    if known_until is not None:
        after = (known_until - EPOCH).days + 1
        rates[after:], known[after:] = 0, False
    return rates, known


def half_up(numerator: pl.Expr, denominator: int) -> pl.Expr:
    """Round an exact Int128 numerator to whole cents, half a cent upwards; Int64.

    The only rounding of interest in the program (a convention: no statute says how).
    """
    two = pl.lit(2, dtype=pl.Int128)
    doubled = numerator.cast(pl.Int128) * two + pl.lit(denominator, dtype=pl.Int128)
    return (doubled // pl.lit(2 * denominator, dtype=pl.Int128)).cast(pl.Int64)


def numerators(index: RateIndex) -> pl.Expr:
    """Exact interest of each span as an Int128 numerator over `index.denominator`.

    Works on the columns of SPANS. Bounds: 10¹³ cents × 10⁶ ppm × 40,000 days × 366 < 1.5·10²⁶.
    """
    linked = pl.col("is_base_linked")
    weights = pl.when(linked).then(_between(index.known_weights)).otherwise(_between(index.day_weights))
    base = pl.when(linked).then(_between(index.rate_days)).otherwise(0)
    return pl.col("principal_cents").cast(pl.Int128) * (base + pl.col("margin_ppm") * weights).cast(pl.Int128)


def _between(table: Days) -> pl.Expr:
    """What a cumulated table adds from the first to the last day of the span, both counted."""
    return _look_up(table, _day_numbers("last_day") + 1) - _look_up(table, _day_numbers("first_day"))


def _day_numbers(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Int32).cast(pl.Int64)


def _look_up(table: Days, positions: pl.Expr) -> pl.Expr:
    return pl.lit(pl.Series("table", table)).gather(positions)


def default_interest(spans: pl.DataFrame, index: RateIndex) -> pl.DataFrame:
    """Price each span of unchanged principal.

    Simple interest, day by day: principal × (base rate + margin) × days / year. Interest bears no
    interest (§ 289 BGB), so only principal is taken in. Both ends of a span count; the first is
    `default_began_on`, already the first interest-bearing day (§ 187 Abs. 1 BGB). A claim's cumulated
    interest is rounded once per span end and the span shows the difference, so spans add up.

    Parameters
    ----------
    spans : SPANS, any order; spans of one claim do not overlap
    index : the rates of the spans' jurisdiction

    Returns
    -------
    The spans ordered by claim and first day, with `interest_cents` Int64, and `is_law_gap` Boolean: the
    span holds days whose base rate is not known, which its figure leaves out.

    Guarantees
    ----------
    Pure. Row order does not matter. Cutting a span in two changes no total. Sums per claim equal the
    half-up rounding of the exact cumulated interest.

    Sources
    -------
    § 288 Abs. 1, 2, § 247, § 289 Satz 1, § 291 BGB. Day count and rounding are conventions.
    """
    numerator = numerators(index).cum_sum().over("claim_id")
    return (
        _check_spans(spans)
        .sort("claim_id", "first_day")
        .with_columns(
            due=half_up(numerator, index.denominator),
            is_law_gap=pl.col("is_base_linked") & (_between(index.unknown_days) > 0),
        )
        .with_columns(interest_cents=pl.col("due") - pl.col("due").shift(1, fill_value=0).over("claim_id"))
        .select(*SPANS, "interest_cents", "is_law_gap")
    )


def _check_spans(spans: pl.DataFrame) -> pl.DataFrame:
    """Refuse what could leave Int128, or the tables."""
    bad = spans.filter(
        ~pl.col("principal_cents").is_between(0, PRINCIPAL_CENTS_MAX)
        | ~pl.col("margin_ppm").is_between(-RATE_PPM_MAX, RATE_PPM_MAX)
        | (pl.col("first_day") < EPOCH)
        | (pl.col("last_day") >= HORIZON - timedelta(days=1))
    )
    if bad.height:
        raise BoundError(
            f"spans: {bad.height} row(s) outside the bounds, first of claim {bad['claim_id'][0]}: principal "
            f"{bad['principal_cents'][0]}, margin {bad['margin_ppm'][0]} ppm, {bad['first_day'][0]} to "
            f"{bad['last_day'][0]}"
        )
    return spans


def interest_schedule(spans: pl.DataFrame, index: RateIndex) -> pl.DataFrame:
    """Print each span as rows of one rate and one year each.

    Written apart from the mass path, in plain whole numbers: rate × days of each row, cumulated per
    claim and rounded at each row's end. A row shows the difference of roundings, so the rows of a claim
    add up to exactly what `default_interest` says. Meant for the claims of one letter, not for a book.

    Returns
    -------
    SCHEDULE rows ordered by claim and first day. Days whose base rate is unknown are left out.
    """
    rows: list[dict[str, Any]] = []
    exact: dict[int, int] = {}
    for span in _check_spans(spans).sort("claim_id", "first_day").iter_rows(named=True):
        for first_day, last_day, rate_ppm in _pieces(span, index):
            before = exact.get(span["claim_id"], 0)
            weight = index.weight(first_day, last_day)
            after = before + span["principal_cents"] * rate_ppm * weight
            exact[span["claim_id"]] = after
            rows.append(
                {
                    "case_id": span["case_id"],
                    "claim_id": span["claim_id"],
                    "first_day": first_day,
                    "last_day": last_day,
                    "days": index.days(first_day, last_day),
                    "principal_cents": span["principal_cents"],
                    "rate_ppm": rate_ppm,
                    "rule_id": span["rule_id"],
                    "interest_cents": _round(after, index.denominator) - _round(before, index.denominator),
                }
            )
    return pl.DataFrame(rows, schema=SCHEDULE)


def _round(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def _pieces(span: dict[str, Any], index: RateIndex) -> Iterator[tuple[date, date, int]]:
    """(first day, last day, rate) of each stretch without a change of rate or of year."""
    first, last, linked = span["first_day"], span["last_day"], span["is_base_linked"]
    cuts = {date(year, 1, 1) for year in range(first.year + 1, last.year + 1)}
    if linked:
        cuts |= {day for day in index.changes if first < day <= last}
    starts = [first, *sorted(cuts)]
    for start, following in zip(starts, [*starts[1:], last + timedelta(days=1)], strict=True):
        number = day_no(start)
        if linked and index.unknown_days[number + 1] > index.unknown_days[number]:
            continue
        base = int(index.base_rates[number]) if linked else 0
        yield start, following - timedelta(days=1), base + span["margin_ppm"]
