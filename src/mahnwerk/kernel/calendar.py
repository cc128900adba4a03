"""Working days: § 193 BGB for one date and for a column of dates; months and years later: § 188 BGB.

Saturday, Sunday and the public holidays of the debtor's Land are no working days; 24 and 31 December
are. The holidays come from the `holidays` library, which knows past changes (31 October 2017,
8 May 2020 and 2025 in Berlin) and projects today's law into the future.

`local_holidays` are days that hold only in Catholic municipalities (Mariä Himmelfahrt in Bavaria,
Fronleichnam in parts of Saxony and Thuringia). As the municipality is not known, they count by
default, in the debtor's favour. The Augsburg Friedensfest is left out: it holds in one town.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

import holidays

if TYPE_CHECKING:
    import polars as pl

FIRST_DAY: Final = date(1990, 1, 1)
"""First day the calendar knows: unified German public holidays."""
LAST_DAY: Final = date(2100, 12, 31)
"""Last day the calendar knows: a title of 30 years obtained in 2070 ends on it."""

LAENDER: Final[tuple[str, ...]] = (
    *("BB", "BE", "BW", "BY", "HB", "HE", "HH", "MV"),
    *("NI", "NW", "RP", "SH", "SL", "SN", "ST", "TH"),
)
"""The sixteen Länder by their ISO 3166-2 letters."""

_ISO: Final = {"de": "DE", "at": "AT", "ch": "CH"}
_NOT_A_REGION: Final = {"Augsburg", "Stadt Zurich"}  # towns the library lists among the regions
_FRIDAY: Final = 5  # ISO weekday
_FEW: Final = 64  # rows: the tables of any Land take half a second to build, once


class CalendarError(ValueError):
    """A day outside the calendar, an unknown Land or country."""


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


@cache
def regions(country: str = "de") -> tuple[str, ...]:
    """The Länder (Austria: 1–9, Switzerland: cantons) whose holidays the calendar knows."""
    if country == "de":
        return LAENDER
    return tuple(r for r in _library(country).subdivisions if r not in _NOT_A_REGION)


def _library(country: str) -> type[holidays.HolidayBase]:
    if country not in _ISO:
        raise CalendarError(f"country {country!r}: the calendar knows {', '.join(_ISO)}")
    found: type[holidays.HolidayBase] = getattr(
        holidays, {"de": "Germany", "at": "Austria", "ch": "Switzerland"}[country]
    )
    return found


def check_land(land: str | None, country: str = "de") -> str | None:
    """Return the Land in the calendar's spelling (`be`, `DE-BE` → `BE`; empty → None).

    Raises CalendarError for a Land that does not exist, naming those that do.
    """
    if land is None or not land.strip():
        return None
    wanted = land.strip().upper().removeprefix(_ISO.get(country, "") + "-")
    if wanted not in regions(country):
        raise CalendarError(f"Land {land!r} does not exist; one of {', '.join(regions(country))}")
    return wanted


@cache
def _holidays_of_year(year: int, land: str | None, country: str, local_holidays: bool) -> frozenset[date]:
    if land is None:
        every = (_holidays_of_year(year, one, country, local_holidays) for one in regions(country))
        return frozenset().union(*every)
    categories = ["public"]
    if local_holidays and "catholic" in _library(country).supported_categories:
        categories.append("catholic")
    return frozenset(_library(country)(subdiv=land, years=year, categories=categories))


def is_working_day(
    day: date, land: str | None = None, *, country: str = "de", local_holidays: bool = True
) -> bool:
    """Say whether the day is neither Saturday, Sunday nor a public holiday of the Land.

    Parameters
    ----------
    day : FIRST_DAY..LAST_DAY
    land : `BE`, `BY`, …; None = unknown, and then a holiday of any Land counts, for the debtor
    country : de, at, ch
    local_holidays : count days that hold only in Catholic municipalities

    Raises
    ------
    CalendarError : a day outside the calendar or an unknown Land.

    Sources
    -------
    § 193 BGB; holiday laws of the Länder as collected by the `holidays` library.
    """
    if not FIRST_DAY <= day <= LAST_DAY:
        raise CalendarError(f"{day}: the calendar of working days reaches from {FIRST_DAY} to {LAST_DAY}")
    if day.isoweekday() > _FRIDAY:
        return False
    return day not in _holidays_of_year(day.year, check_land(land, country), country, local_holidays)


def next_working_day(
    day: date, land: str | None = None, *, country: str = "de", local_holidays: bool = True
) -> date:
    """The day itself if it is a working day, else the first working day after it (§ 193 BGB).

    Parameters and errors as `is_working_day`. Guarantees: never earlier than `day`; applying it twice
    changes nothing; with an unknown Land never earlier than with any known one.
    """
    while not is_working_day(day, land, country=country, local_holidays=local_holidays):
        day += timedelta(days=1)
    return day


def add_working_days(
    day: date, count: int, land: str | None = None, *, country: str = "de", local_holidays: bool = True
) -> date:
    """The `count`-th working day after `day`; `count` 0 returns `day` unmoved.

    Parameters and errors as `is_working_day`; `count` ≥ 0.
    """
    if count < 0:
        raise CalendarError(f"working days to add: {count}; must be 0 or more")
    for _ in range(count):
        day = next_working_day(day + timedelta(days=1), land, country=country, local_holidays=local_holidays)
    return day


# --- columns ----------------------------------------------------------------------------------


@cache
def _working_days(land: str | None, country: str, local_holidays: bool) -> tuple[pl.Series, pl.Series]:
    """Per calendar day the number of working days before it; and all working days in order.

    With `before[d]` = b, `ordered[b]` is the first working day on or after d, so every question below
    is one or two look-ups, whatever the number of days.
    """
    import polars as pl

    closed: set[date] = set()
    for year in range(FIRST_DAY.year, LAST_DAY.year + 1):
        closed |= _holidays_of_year(year, land, country, local_holidays)
    days = pl.date_range(FIRST_DAY, LAST_DAY, eager=True).alias("day")
    holiday = days.is_in(pl.Series(sorted(closed), dtype=pl.Date).implode())
    is_open = (days.dt.weekday() <= _FRIDAY) & ~holiday
    return is_open.cast(pl.Int64).cum_sum() - is_open.cast(pl.Int64), days.filter(is_open)


def is_covered(dates: pl.Expr) -> pl.Expr:
    """Whether each date lies inside the calendar; null dates do. For masks before the kernel."""
    return dates.is_null() | dates.is_between(FIRST_DAY, LAST_DAY)


def next_working_days(
    dates: pl.Series,
    lands: pl.Series,
    *,
    country: pl.Series | str = "de",
    local_holidays: bool = True,
    keep_uncovered: bool = False,
) -> pl.Series:
    """`next_working_day` for a column of dates.

    Works by look-up in one table per Land, not by search.

    Parameters
    ----------
    dates : Date, FIRST_DAY..LAST_DAY, nulls allowed
    lands : String of the same length (or length 1): the debtor's Land; null or an unknown word =
        any Land's holiday counts
    country : one for all rows, or a column of de, at, ch
    keep_uncovered : leave dates outside the calendar where they are, instead of refusing the column

    Returns
    -------
    Date column, named as `dates`; null where the date is null.

    Raises
    ------
    CalendarError : a date outside the calendar, unless `keep_uncovered`.
    """
    import polars as pl

    inside = dates
    if keep_uncovered:
        own = pl.col(dates.name)
        inside = dates.to_frame().select(pl.when(is_covered(own)).then(own)).to_series()
    moved = add_working_days_to(
        inside, 0, lands, country=country, local_holidays=local_holidays, move_zero=True
    )
    return moved.fill_null(dates) if keep_uncovered else moved


def add_working_days_to(
    dates: pl.Series,
    counts: pl.Series | int,
    lands: pl.Series,
    *,
    country: pl.Series | str = "de",
    local_holidays: bool = True,
    move_zero: bool = False,
) -> pl.Series:
    """`add_working_days` for a column of dates; `counts` one number or a column of numbers ≥ 0.

    `move_zero` moves a date to the next working day where the count is 0, instead of leaving it.
    Everything else as `next_working_days`.
    """
    import polars as pl

    name = dates.name
    frame = pl.DataFrame({"day": dates.cast(pl.Date)}).with_columns(
        count=pl.lit(counts, dtype=pl.Int64) if isinstance(counts, int) else counts.cast(pl.Int64),
        land=pl.lit(lands[0] if len(lands) else None, dtype=pl.String) if len(lands) == 1 else lands,
        country=pl.lit(country) if isinstance(country, str) else country,
    )
    _check_bounds(frame)
    if frame.height <= _FEW:
        days = [_one(*row, local_holidays=local_holidays, move_zero=move_zero) for row in frame.iter_rows()]
        return pl.Series(name, days, dtype=pl.Date)
    frame = frame.with_columns(
        at=(pl.col("day") - pl.lit(FIRST_DAY)).dt.total_days().cast(pl.Int64)
    ).with_row_index("row")
    parts: list[pl.DataFrame] = []
    for (nation, region), group in frame.group_by("country", "land"):
        where = str(nation)
        land = str(region) if region in regions(where) else None
        before, ordered = _working_days(land, where, local_holidays)
        first = before.gather(group["at"])
        # counting starts on the day after, so a working day itself does not count
        is_open = (ordered.gather(first) == group["day"]).cast(pl.Int64)
        count = group["count"]
        target = first + (count > 0).cast(pl.Int64) * (count - 1 + is_open)
        if not (target < ordered.len()).all():
            raise CalendarError(f"counting working days leads beyond {LAST_DAY}, the calendar's last day")
        moved = ordered.gather(target)
        if not move_zero:
            moved = pl.select(pl.when(count > 0).then(moved).otherwise(group["day"])).to_series()
        parts.append(group.select("row").with_columns(moved=moved))
    if not parts:
        return pl.Series(name, [], dtype=pl.Date)
    return pl.concat(parts).sort("row")["moved"].alias(name)


def _one(
    day: date | None, count: int, land: str | None, country: str, *, local_holidays: bool, move_zero: bool
) -> date | None:
    """One row without the tables, whose building costs more than a few rows are worth."""
    if day is None:
        return None
    known = land if land in regions(country) else None
    if count == 0 and move_zero:
        return next_working_day(day, known, country=country, local_holidays=local_holidays)
    return add_working_days(day, count, known, country=country, local_holidays=local_holidays)


def _check_bounds(frame: pl.DataFrame) -> None:
    import polars as pl

    outside = frame.filter(~is_covered(pl.col("day")))
    if outside.height:
        raise CalendarError(
            f"{outside['day'][0]}: the calendar of working days reaches from {FIRST_DAY} to {LAST_DAY}"
            f" ({outside.height} such dates)"
        )
    if frame.filter(pl.col("count") < 0).height:
        raise CalendarError("working days to add: must be 0 or more")
