"""What must hold within a row and between the rows of a file: columnar tests that make rejects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import polars as pl
from schwifty import registry

from mahnwerk.frames import REJECTS, empty

_LABEL: Final = r"[^\W_](?:[\w-]*[^\W_])?"
EMAIL: Final = rf"^[^@\s<>()\[\],;:\\\"]+@{_LABEL}(?:\.{_LABEL})+$"
"""The shape of an e-mail address, for Polars and for `re`."""
_POSTCODES: Final = (
    (("DE",), r"^[0-9]{5}$", "five digits", "Write five digits; Excel drops a leading zero (1067 is 01067)."),
    (("AT", "CH", "LI"), r"^[1-9][0-9]{3}$", "four digits", "Write four digits, or correct the country."),
)
_MOD_PIECE: Final = 14
"""97 × 10^14 is well inside Int64."""
_IBAN_DIGITS: Final = 70
"""34 signs, each letter two digits, filled up to five whole pieces."""
_LETTERS: Final = {chr(ord("A") + index): str(10 + index) for index in range(26)}


@dataclass(frozen=True)
class Check:
    """One rule of a row: where `fails` is true, the row is refused."""

    column: str  # our name; shown under the file's own header
    code: str
    fails: pl.Expr
    reason: pl.Expr | str
    remedy: str


def apply(rows: pl.DataFrame, checks: Iterable[Check], headers: dict[str, str]) -> pl.DataFrame:
    """Run the checks over a frame with row_no.

    Parameters
    ----------
    rows : row_no Int64 and the columns the checks look at.
    headers : our name → the file's header, for the message.

    Returns
    -------
    frame REJECTS. A comparison with an absent value does not fail.
    """
    found = [empty(REJECTS)]
    rules = list(checks)
    failed = rows.select(rule.fails.fill_null(False).alias(str(index)) for index, rule in enumerate(rules))
    for index, rule in enumerate(rules):
        if not failed[str(index)].any():
            continue
        reason = pl.lit(rule.reason) if isinstance(rule.reason, str) else rule.reason
        value = (
            pl.col(rule.column).cast(pl.String).fill_null("") if rule.column in rows.columns else pl.lit("")
        )
        found.append(
            rows.filter(failed[str(index)]).select(
                "row_no",
                pl.lit(headers.get(rule.column, rule.column)).alias("column"),
                value.alias("value"),
                pl.lit(rule.code).alias("code"),
                reason.alias("reason"),
                pl.lit(rule.remedy).alias("remedy"),
            )
        )
    return pl.concat(found)


def missing(column: str, example: str) -> Check:
    """The column must have a value."""
    fails = pl.col(column).is_null() | (pl.col(column).cast(pl.String) == "")
    return Check(column, "missing", fails, "is empty, but needed", f"Fill it in, for example {example}.")


def email() -> Check:
    """The shape of an address; whether it exists only a message can show."""
    said = pl.col("email") != ""
    return Check(
        "email",
        "email",
        said & ~pl.col("email").str.contains(EMAIL),
        pl.format("„{}“ is not an e-mail address", pl.col("email").str.head(80)),
        "Write one address such as name@example.org, or leave the cell empty.",
    )


def postcodes(unless: pl.Expr) -> list[Check]:
    """German postcodes have five digits, Austrian, Swiss and Liechtenstein ones four."""
    code = pl.col("postcode")
    return [
        Check(
            "postcode",
            "postcode",
            pl.col("country").is_in(countries) & (code != "") & ~code.str.contains(shape) & ~unless,
            pl.format("„{}“ is no postcode of {}: it has {}", code.str.head(20), "country", pl.lit(words)),
            remedy,
        )
        for countries, shape, words, remedy in _POSTCODES
    ]


def compact_iban(cells: pl.Series) -> pl.Series:
    """Without spaces and dots, in capitals."""
    return cells.str.replace_all(r"[\s.\-]", "").str.to_uppercase()


def iban_reasons(ibans: pl.Series) -> pl.Series:
    """Why each IBAN is not one; null where it is, or where the cell is empty.

    Parameters
    ----------
    ibans : String, from `compact_iban`.

    Returns
    -------
    String series in the same order.

    Sources
    -------
    ISO 13616: length and structure by country (registry kept by schwifty), check digits by ISO 7064.
    """
    if not (ibans != "").any():
        return pl.Series("reason", [None] * ibans.len(), dtype=pl.String)
    frame = ibans.to_frame("iban").with_columns(country=pl.col("iban").str.head(2))
    said = pl.col("iban") != ""
    right_shape = pl.lit(False)
    known = registry.get_countries()
    for country in frame.filter(said)["country"].unique().to_list():
        if country in known:
            spec = registry.get_iban_spec(country)
            shape = spec.regex.pattern.removeprefix("^").removesuffix("$")
            right_shape |= pl.col("iban").str.contains(rf"^{country}[0-9]{{2}}(?:{shape})$")
    frame = frame.with_columns(right_shape=right_shape & said)
    digits = (
        pl.when("right_shape")
        .then(pl.concat_str(pl.col("iban").str.slice(4), pl.col("iban").str.head(4)))
        .otherwise(pl.lit("0"))
        .str.replace_many(_LETTERS)
        .str.zfill(_IBAN_DIGITS)
    )
    remainder = pl.lit(0, dtype=pl.Int64)
    for start in range(0, _IBAN_DIGITS, _MOD_PIECE):
        piece = pl.col("digits").str.slice(start, _MOD_PIECE).cast(pl.Int64)
        remainder = (remainder * 10**_MOD_PIECE + piece) % 97
    frame = frame.with_columns(digits=digits).with_columns(remainder=remainder)
    unknown = ~pl.col("country").is_in(sorted(known))
    reason = (
        pl.when(~said)
        .then(None)
        .when(unknown)
        .then(pl.lit("is not an IBAN: it begins with no country code"))
        .when(~pl.col("right_shape"))
        .then(pl.format("is not an IBAN: length or signs are not those of {}", "country"))
        .when(pl.col("remainder") != 1)
        .then(pl.lit("is not an IBAN: the check digits do not fit; a digit is wrong or two are swapped"))
    )
    return frame.select(reason.alias("reason")).to_series()
