"""Days as people write them: dd.mm.yyyy and ISO; anything else only where a mapping file says how."""

from __future__ import annotations

from typing import Final

import polars as pl

FORMATS: Final = ("iso", "d.m.y", "m/d/y", "d/m/y", "d-m-y", "yyyymmdd")
"""What `date_format` of a mapping file may be."""

FIRST_YEAR: Final = 1950
LAST_YEAR: Final = 2100

_ISO: Final = r"^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[T ]00:00(?::00(?:\.0+)?)?Z?)?$"
_GERMAN: Final = r"^([0-9]{1,2})\.\s?([0-9]{1,2})\.\s?([0-9]{4})(?: 00:00(?::00)?)?$"
_BY_FORMAT: Final = {
    "iso": (_ISO, 1, 2, 3),
    "d.m.y": (_GERMAN, 3, 2, 1),
    "m/d/y": (r"^([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(?: 0?0:00(?::00)?)?$", 3, 1, 2),
    "d/m/y": (r"^([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(?: 0?0:00(?::00)?)?$", 3, 2, 1),
    "d-m-y": (r"^([0-9]{1,2})-([0-9]{1,2})-([0-9]{4})$", 3, 2, 1),
    "yyyymmdd": (r"^([0-9]{4})([0-9]{2})([0-9]{2})$", 1, 2, 3),
}

NO_SUCH_DAY: Final = "is no day of the calendar"
UNREADABLE: Final = "is not a date written as 31.12.2026 or 2026-12-31"
TWO_DIGIT_YEAR: Final = "has a year of two digits"
SLASHES: Final = "can be month/day or day/month"
FAR: Final = f"is before {FIRST_YEAR} or after {LAST_YEAR}"


def parse(cells: pl.Series, date_format: str = "") -> pl.DataFrame:
    """Read a column of days.

    Parameters
    ----------
    cells : String; "" = no value.
    date_format : one of FORMATS from a mapping file; "" = dd.mm.yyyy and ISO.

    Returns
    -------
    frame in the order of `cells`: day Date (null where empty or refused) · reason String (null unless
    refused).

    Raises
    ------
    KeyError
        For an unknown `date_format`.

    Guarantees
    ----------
    Pure. A day that does not exist (30 February) is refused, never moved.
    """
    readings = [_BY_FORMAT[date_format]] if date_format else [_BY_FORMAT["d.m.y"], _BY_FORMAT["iso"]]
    text = pl.col("cell").str.strip_chars()
    iso = pl.coalesce(*(_as_iso(text, *reading) for reading in readings))
    # a column has few different days: each is read once
    read = cells.unique().to_frame("cell").with_columns(iso=iso, text=text)
    read = read.with_columns(day=pl.col("iso").str.to_date("%Y-%m-%d", strict=False))
    reason = (
        pl.when((pl.col("text") == "") | pl.col("day").dt.year().is_between(FIRST_YEAR, LAST_YEAR))
        .then(None)
        .when(pl.col("day").is_not_null())
        .then(pl.lit(FAR))
        .when(pl.col("iso").is_not_null())
        .then(pl.lit(NO_SUCH_DAY))
        .when(pl.col("text").str.contains(r"^[0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4}$"))
        .then(pl.lit(SLASHES))
        .when(pl.col("text").str.contains(r"^[0-9]{1,2}\.\s?[0-9]{1,2}\.\s?[0-9]{2}$"))
        .then(pl.lit(TWO_DIGIT_YEAR))
        .otherwise(pl.lit(UNREADABLE))
    )
    read = read.select("cell", "day", reason=reason)
    read = read.with_columns(day=pl.when(pl.col("reason").is_null()).then("day"))
    return cells.to_frame("cell").join(read, on="cell", how="left", maintain_order="left").drop("cell")


def _as_iso(text: pl.Expr, pattern: str, year: int, month: int, day: int) -> pl.Expr:
    groups = text.str.extract_groups(pattern).struct
    return pl.concat_str(
        groups.field(str(year)),
        pl.lit("-"),
        groups.field(str(month)).str.zfill(2),
        pl.lit("-"),
        groups.field(str(day)).str.zfill(2),
    )
