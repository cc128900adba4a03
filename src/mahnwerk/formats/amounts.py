"""Amounts as people write them, to integer cents: exactly, or not at all.

A cell is read by its own form where that is certain (`1.234,56`, `1,234.56`, `12,5`, `1’234.50`).
A form that could be either (`1.234`, `1,234`) is decided by the certain cells of the same column; if
they are silent or contradict each other, the cell is refused. No cell is ever read as 0 for want of
understanding.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import polars as pl

from mahnwerk.frames import PRINCIPAL_CENTS_MAX


class AmountStyle(StrEnum):
    """What separates whole units from cents in a column."""

    UNKNOWN = "unknown"
    COMMA = "decimal_comma"
    POINT = "decimal_point"
    MIXED = "mixed"

    def __or__(self, other: str) -> AmountStyle:
        """The style of two pieces of one column taken together."""
        second = AmountStyle(other)
        if AmountStyle.UNKNOWN in (self, second):
            return second if self is AmountStyle.UNKNOWN else self
        return self if self is second else AmountStyle.MIXED


_SIGN: Final = r"^-?"
_SURE: Final = "|".join(
    (
        r"[0-9]+{mark}[0-9]{{1,2}}",  # 12,5
        r"[0-9]{{1,3}}(?:{group}[0-9]{{3}})+{mark}[0-9]+",  # 1.234,56
        r"[0-9]{{1,3}}(?:{group}[0-9]{{3}}){{2,}}",  # 1.234.567
        r"0+{mark}[0-9]+",  # 0,123: nobody groups thousands behind a zero
        r"[0-9]+{mark}[0-9]{{4,}}",  # 1,2345
        r"[0-9]{{4,}}{mark}[0-9]{{3}}",  # 1234,567
    )
)
_COMMA_SURE: Final = f"{_SIGN}(?:{_SURE.format(mark=',', group='[.]')})$"
_POINT_SURE: Final = f"{_SIGN}(?:{_SURE.format(mark='[.]', group=',')})$"
_EITHER: Final = rf"{_SIGN}[1-9][0-9]{{0,2}}[.,][0-9]{{3}}$"
_WHOLE: Final = rf"{_SIGN}[0-9]+$"
_DIGITS_MAX: Final = 15

AMBIGUOUS: Final = "can be read in two ways, and the other cells of the column do not settle it"
UNREADABLE: Final = "is not an amount"
TOO_FINE: Final = "has fractions of a cent"
TOO_LARGE: Final = "is larger than 100,000,000,000.00"
_REASONS: Final = pl.Enum([AMBIGUOUS, UNREADABLE, TOO_FINE, TOO_LARGE])


def bare(cell: pl.Expr) -> pl.Expr:
    """The cell without spaces, currency, Swiss apostrophes; a minus behind or brackets put in front."""
    digits = (
        cell.str.replace_all(r"[\s\u00a0\u202f\u2009'’´`]", "")
        .str.replace(r"(?i)^(?:€|eur|chf|fr\.?|sfr\.?)", "")
        .str.replace(r"(?i)(?:€|eur|chf|fr\.?)$", "")
        .str.replace(r"[.,](?:--?|–|—)$", "")
        .str.replace(r"^[−–]", "-")
        .str.replace(r"^\+", "")
    )
    return digits.str.replace(r"^\((.+)\)$", "-$1").str.replace(r"^([0-9][[0-9].,]*)[-−]$", "-$1")


def style_of(cells: pl.Series) -> AmountStyle:
    """What the certain cells of a column say about the ambiguous ones."""
    said = cells.to_frame("cell").select(
        cleaned=bare(pl.col("cell")),
    )
    comma, point = said.select(
        comma=pl.col("cleaned").str.contains(_COMMA_SURE).any(),
        point=pl.col("cleaned").str.contains(_POINT_SURE).any(),
    ).row(0)
    if comma and point:
        return AmountStyle.MIXED
    if comma:
        return AmountStyle.COMMA
    return AmountStyle.POINT if point else AmountStyle.UNKNOWN


def parse(cells: pl.Series, style: AmountStyle = AmountStyle.UNKNOWN) -> pl.DataFrame:
    """Read a column of amounts.

    Parameters
    ----------
    cells : String; "" = no value.
    style : of the whole column, by `style_of` or by a mapping file; it decides the ambiguous cells.

    Returns
    -------
    frame in the order of `cells`: cents Int64 (null where empty or refused) · reason String (null
    unless refused).

    Guarantees
    ----------
    Pure. `parse(format(cents)) == cents` in both styles. No refused cell has cents, no empty cell a
    reason; no value is rounded.
    """
    read = cells.to_frame("cell").with_columns(text=bare(pl.col("cell")))
    text = pl.col("text")
    comma = text.str.contains(_COMMA_SURE)
    point = text.str.contains(_POINT_SURE)
    either = text.str.contains(_EITHER)
    whole = text.str.contains(_WHOLE)
    decided = style in (AmountStyle.COMMA, AmountStyle.POINT)
    as_comma = comma | (either & (style == AmountStyle.COMMA))
    as_point = point | (either & (style == AmountStyle.POINT))
    unified = (
        pl.when(whole)
        .then(text)
        .when(as_comma)
        .then(text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True))
        .when(as_point)
        .then(text.str.replace_all(",", "", literal=True))
    )
    read = read.with_columns(unified=unified, is_undecided=either & (not decided))
    parts = read.with_columns(
        units=pl.col("unified").str.extract(r"^-?0*([0-9]+?)(?:\.|$)"),
        fraction=pl.col("unified").str.extract(r"\.([0-9]+)$").fill_null("").str.strip_chars_end("0"),
        is_negative=pl.col("unified").str.starts_with("-"),
    )
    too_large = pl.col("units").str.len_bytes() > _DIGITS_MAX
    cents = pl.col("units").str.slice(0, _DIGITS_MAX).cast(pl.Int64, strict=False) * 100 + pl.col(
        "fraction"
    ).str.slice(0, 2).str.pad_end(2, "0").cast(pl.Int64, strict=False)
    signed = pl.when(pl.col("is_negative")).then(-cents).otherwise(cents)
    reason = (
        pl.when(pl.col("cell").str.strip_chars() == "")
        .then(None)
        .when(pl.col("is_undecided"))
        .then(pl.lit(AMBIGUOUS))
        .when(cents.is_null())
        .then(pl.lit(UNREADABLE))
        .when(pl.col("fraction").str.len_bytes() > 2)
        .then(pl.lit(TOO_FINE))
        .when(too_large | (cents > PRINCIPAL_CENTS_MAX))
        .then(pl.lit(TOO_LARGE))
    )
    return parts.select(cents=signed, reason=reason).with_columns(
        cents=pl.when(pl.col("reason").is_null()).then("cents")
    )


def parse_rates(cells: pl.Series) -> pl.DataFrame:
    """Read yearly rates in per cent (`8,5`, `8.125 %`) as parts per million.

    Returns
    -------
    frame in the order of `cells`: ppm Int64 (null where empty or refused) · reason String.
    """
    text = pl.col("cell").str.replace_all(r"[\s%\u00a0]", "").str.replace(",", ".", literal=True)
    read = cells.to_frame("cell").with_columns(text=text)
    parts = read.with_columns(
        units=pl.col("text").str.extract(r"^([0-9]{1,3})(?:\.[0-9]{1,4})?$"),
        fraction=pl.col("text").str.extract(r"^[0-9]{1,3}\.([0-9]{1,4})$").fill_null(""),
    )
    ppm = pl.col("units").cast(pl.Int64) * 10_000 + pl.col("fraction").str.pad_end(4, "0").cast(pl.Int64)
    reason = (
        pl.when(pl.col("cell").str.strip_chars() == "")
        .then(None)
        .when(ppm.is_null())
        .then(pl.lit("is not a rate in per cent, such as 8,5 or 8.125"))
        .when(ppm > 1_000_000)
        .then(pl.lit("is more than 100 per cent a year"))
    )
    return parts.select(ppm=ppm, reason=reason).with_columns(
        ppm=pl.when(pl.col("reason").is_null()).then("ppm")
    )
