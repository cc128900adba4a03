"""Raw cells to typed columns, each thing that cannot be read as a reject."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from typing import Final

import polars as pl

from mahnwerk.formats import amounts, dates
from mahnwerk.formats.amounts import AmountStyle
from mahnwerk.formats.columns import Column, choices, nearest, spelling, words_of
from mahnwerk.formats.mapping import Mapping
from mahnwerk.formats.rejects import FormatError
from mahnwerk.formats.text import CELL_CHARACTERS_MAX, CONTROLS, HIDDEN, plain
from mahnwerk.frames import REJECTS, empty

_REMEDIES: Final = {
    amounts.AMBIGUOUS: "Write all amounts with cents (1.234,00), or set amount_format in a mapping file.",
    amounts.UNREADABLE: "Write 1.234,56 or 1234.56.",
    amounts.TOO_FINE: "Round to whole cents.",
    amounts.TOO_LARGE: "Check the amount.",
    dates.SLASHES: "Write 31.12.2026 or 2026-12-31, or name the date_format in a mapping file.",
    dates.TWO_DIGIT_YEAR: "Write the year with four digits.",
    dates.NO_SUCH_DAY: "Check the day and the month.",
    dates.UNREADABLE: "Write 31.12.2026 or 2026-12-31.",
    dates.FAR: "Check the year.",
}


@dataclass(frozen=True)
class Placed:
    """One of our columns at its place in the file."""

    column: Column
    position: str  # name of the raw column, "" = constant
    header: str
    date_format: str
    amount_format: str
    values: MappingOf[str, str]
    constant: str


def place(columns: tuple[Column, ...], mapping: Mapping, header: tuple[str, ...]) -> list[Placed]:
    """Find each mapped column in the header.

    Raises
    ------
    FormatError
        Where the mapping names a header the file does not have.
    """
    positions = {plain(title): str(index) for index, title in reversed(list(enumerate(header)))}
    placed = []
    for column in columns:
        if source := mapping.columns.get(column.name):
            position = positions.get(plain(source.header))
            if position is None:
                raise FormatError(
                    f"The mapping {mapping.name} expects the column „{source.header}“ for {column.name}; "
                    f"the file has: {', '.join(header)}."
                )
            formats = (source.date_format, source.amount_format, source.values)
            placed.append(Placed(column, position, source.header, *formats, ""))
        elif column.name in mapping.constants:
            placed.append(Placed(column, "", column.name, "", "", {}, mapping.constants[column.name]))
    return placed


def read_columns(
    raw: pl.DataFrame, placed: list[Placed], styles: MappingOf[str, AmountStyle]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Type every placed column.

    Parameters
    ----------
    raw : row_no and raw String columns, from `text.records`.
    placed : from `place`.
    styles : amount style of each amount column over the whole file.

    Returns
    -------
    typed : row_no and, under our names, String, Int64 (cents, ppm, words and flags with numbers) or Date
    rejects : frame REJECTS
    """
    typed = {"row_no": raw["row_no"]}
    problems: list[pl.DataFrame] = [empty(REJECTS)]
    for one in placed:
        cells = (
            tidy(raw[one.position])
            if one.position
            else pl.Series(one.header, [one.constant], dtype=pl.String).new_from_index(0, raw.height)
        )
        if one.values:
            cells = cells.replace(dict(one.values))
        values, reason, code, remedy = _typed(cells, one, styles)
        typed[one.column.name] = values
        if reason is not None and reason.null_count() < reason.len():
            problems.append(_problems(raw["row_no"], cells, one, reason, code, remedy))
        too_long = cells.str.len_chars() > CELL_CHARACTERS_MAX
        if too_long.any():
            said = pl.lit(f"has more than {CELL_CHARACTERS_MAX} characters")
            reason = pl.select(pl.when(too_long).then(said)).to_series()
            remedy = "Look for a quote that is never closed."
            problems.append(_problems(raw["row_no"], cells.str.head(60), one, reason, "shape", remedy))
    return pl.DataFrame(typed), pl.concat(problems)


def tidy(cells: pl.Series) -> pl.Series:
    """Cells as `text.visible` has them, without space around them."""
    if cells.str.contains(HIDDEN).any():
        cells = cells.str.replace_all(HIDDEN, "")
    cells = cells.str.strip_chars(" \t\r\n\u00a0")
    if cells.str.contains(CONTROLS).any():
        cells = cells.str.replace_all(CONTROLS, " ").str.strip_chars(" \u00a0")
    return cells


def _typed(
    cells: pl.Series, one: Placed, styles: MappingOf[str, AmountStyle]
) -> tuple[pl.Series, pl.Series | None, str, str]:
    """Values, reasons, reject code and remedy ("" = by reason) of one column."""
    kind = one.column.kind
    if kind == "amount":
        style = AmountStyle(one.amount_format) if one.amount_format else styles[one.column.name]
        read = amounts.parse(cells, style)
        return read["cents"], read["reason"], "amount", ""
    if kind == "rate":
        read = amounts.parse_rates(cells)
        return read["ppm"], read["reason"], "rate", "Write per cent a year, such as 8,5."
    if kind == "date":
        read = dates.parse(cells, one.date_format)
        return read["day"], read["reason"], "date", ""
    if kind in ("word", "flag"):
        return _words(cells, one.column)
    return cells, None, "", ""


def _words(cells: pl.Series, column: Column) -> tuple[pl.Series, pl.Series, str, str]:
    """Look each different word up once."""
    words = words_of(column)
    numbers = all(isinstance(value, int) for value in words.values())
    dtype = pl.Int64 if numbers else pl.String
    values: dict[str, str | int | None] = {"": None}
    reasons: dict[str, str | None] = {"": None}
    for word in cells.unique().to_list():
        if word:
            value = words.get(plain(word))
            values[word] = value
            reasons[word] = None if value is not None else _unknown_word(word, column, words)
    code = "currency" if column.name == "currency" else "word"
    remedy = f"Write one of: {', '.join(choices(column))}."
    looked_up = cells.replace_strict(values, return_dtype=dtype)
    return looked_up, cells.replace_strict(reasons, return_dtype=pl.String), code, remedy


def _unknown_word(word: str, column: Column, words: MappingOf[str, str | int]) -> str:
    if column.name == "currency":
        return "is not a currency this programme keeps"
    hint = nearest(word, {form: spelling(form) for form in words})
    return "is not known" + (f" (did you mean „{hint}“?)" if hint else "")


def _problems(
    row_no: pl.Series, cells: pl.Series, one: Placed, reason: pl.Series, code: str, remedy: str
) -> pl.DataFrame:
    said = pl.DataFrame({"row_no": row_no, "value": cells, "reason": reason}).filter(
        pl.col("reason").is_not_null()
    )
    remedies = pl.lit(remedy) if remedy else pl.col("reason").replace_strict(_REMEDIES, default="")
    return said.select(
        "row_no",
        pl.lit(one.header).alias("column"),
        "value",
        pl.lit(code).alias("code"),
        pl.format("„{}“ {}", pl.col("value").str.head(60), "reason").alias("reason"),
        remedies.alias("remedy"),
    )
