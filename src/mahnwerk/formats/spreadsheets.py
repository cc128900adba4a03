"""Cells for spreadsheets: what one would run as a formula gets an apostrophe in front, and loses it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

_FORMULA: Final = r"(?:\s*[=+\-@＝＋－＠]|[\t\r\n])"
"""What a spreadsheet takes for the begin of a formula, also as its East Asian editions write it."""
_NUMBER: Final = r"[+-] ?[0-9][0-9.,’' ]*(?:€|EUR|CHF)?"
"""An amount, and a phone number with blanks only: neither names a cell or a function."""
_PHONE: Final = r"\+[0-9]{1,3} \(?[0-9][0-9 ()/-]*"
"""With signs inside, but a blank after the country's code: no spreadsheet can take it for a sum."""


def harmless(cell: pl.Expr) -> pl.Expr:
    """Put an apostrophe before what a spreadsheet would run, and before what already looks like that.

    Left as they are: amounts below zero (`-12,50`, `-1.234,56 €`) and phone numbers (`+49 341 555-0`).
    A sum such as `+49341-555` is not: a spreadsheet would reckon, and save the result.
    """
    rests = ~cell.str.contains(rf"^'*{_FORMULA}") | cell.str.contains(rf"^(?:{_NUMBER}|{_PHONE})$")
    return pl.when(rests).then(cell).otherwise(pl.concat_str(pl.lit("'"), cell))


def restored(frame: pl.DataFrame, cells: Sequence[str]) -> pl.DataFrame:
    """Take off the apostrophes `harmless` put on."""
    return frame.with_columns(pl.col(list(cells)).str.replace(rf"^'('*{_FORMULA})", "$1"))
