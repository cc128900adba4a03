"""What a file gave and what it did not: the result of every reader, and the CSV to fix and re-import."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from mahnwerk.formats.spreadsheets import harmless
from mahnwerk.frames import IMPORTED_CLAIMS, IMPORTED_FACTS, REJECTS, empty

CODES: Final = {
    "missing": "a value that must be there is not",
    "amount": "not an amount that can be read for certain",
    "date": "not a day of the calendar, or not in a form that can be read for certain",
    "rate": "not a yearly rate between 0 and 100 per cent",
    "word": "not one of the words this column knows",
    "currency": "a currency other than EUR and CHF",
    "iban": "not a valid IBAN",
    "mandate": "not a mandate reference or a creditor identifier, or a mandate that cannot be kept",
    "email": "not an e-mail address",
    "postcode": "not a postcode of the country",
    "order": "two dates in an order that cannot be",
    "contradiction": "two columns that cannot both be true",
    "conflict": "the same invoice or reference again, with other content",
    "shape": "more cells than the header has columns, or a cell too long",
    "xml": "not XML that may be read",
    "pdf": "not a PDF with an invoice inside",
    "invoice": "not an invoice this programme knows, or one that breaks a rule of its standard",
    "nothing_due": "an invoice that asks for nothing",
}
"""Every code a reject can carry."""

REJECT_COLUMNS: Final = ("mahnwerk_row", "mahnwerk_reason", "mahnwerk_remedy")
"""Columns the reject CSV adds in front; readers know and ignore them."""


IMPORTED_MANDATES: Final = {
    "row_no": pl.Int64,
    "creditor_key": pl.String,
    "customer_number": pl.String,  # "" = the case is named
    "case_reference": pl.String,  # "" = the customer is named
    "reference": pl.String,
    "creditor_identifier": pl.String,
    "signed_on": pl.Date,
    "sequence": pl.String,  # FRST, RCUR, OOFF, FNAL
    "iban": pl.String,  # "" = the one known of the person
    "account_holder": pl.String,  # "" = the person
}
"""SEPA mandates as a file tells them, read and checked, not yet matched with their case."""


class FormatError(ValueError):
    """The file as a whole cannot be read. The message says what, where, why and what to do."""


@dataclass(frozen=True)
class Imported:
    """What one file, or one piece of a long file, gave.

    Attributes
    ----------
    claims : frame IMPORTED_CLAIMS. Empty for a file of facts.
    facts : frame IMPORTED_FACTS. Empty for a file of claims.
    mandates : frame IMPORTED_MANDATES. Empty for other files.
    rejects : frame REJECTS, one row per thing wrong.
    rejected_rows : row_no Int64 and the original cells, under the file's own headers.
    warnings : sentences for the person who imports.
    row_count : rows of data read, blank ones left out.
    layout : how the file was read, in one line (encoding, delimiter, mapping).

    Guarantees
    ----------
    Each row read is in `claims`, `facts` or `mandates`, or in `rejects`, or is a repetition counted in
    `warnings`; never in two of them.
    """

    claims: pl.DataFrame = field(default_factory=lambda: empty(IMPORTED_CLAIMS))
    facts: pl.DataFrame = field(default_factory=lambda: empty(IMPORTED_FACTS))
    mandates: pl.DataFrame = field(default_factory=lambda: empty(IMPORTED_MANDATES))
    rejects: pl.DataFrame = field(default_factory=lambda: empty(REJECTS))
    rejected_rows: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"row_no": pl.Int64}))
    warnings: tuple[str, ...] = ()
    row_count: int = 0
    layout: str = ""


def joined(parts: Iterable[Imported]) -> Imported:
    """The pieces of one file as one result; warnings said twice are kept once."""
    pieces = list(parts)
    if not pieces:
        return Imported()
    warnings = tuple(dict.fromkeys(text for piece in pieces for text in piece.warnings))
    rejected = [piece.rejected_rows for piece in pieces if piece.rejected_rows.height]
    return Imported(
        claims=pl.concat([piece.claims for piece in pieces], rechunk=True),
        facts=pl.concat([piece.facts for piece in pieces], rechunk=True),
        mandates=pl.concat([piece.mandates for piece in pieces], rechunk=True),
        rejects=pl.concat([piece.rejects for piece in pieces], rechunk=True),
        rejected_rows=pl.concat(rejected, how="diagonal", rechunk=True)
        if rejected
        else pieces[0].rejected_rows,
        warnings=warnings,
        row_count=sum(piece.row_count for piece in pieces),
        layout=pieces[0].layout,
    )


def reject(row_no: int, column: str, value: str, code: str, reason: str, remedy: str) -> pl.DataFrame:
    """One row of REJECTS."""
    if code not in CODES:
        raise KeyError(f"unknown reject code {code}; add it to rejects.CODES")
    row = (row_no, column, value, code, reason, remedy)
    return pl.DataFrame([row], schema=dict(REJECTS), orient="row")


def refused(code: str, reason: str, remedy: str, *, column: str = "", value: str = "") -> Imported:
    """The result for a whole file that is not imported (an e-invoice, for example)."""
    return Imported(rejects=reject(0, column, value, code, reason, remedy), row_count=1)


def rejects_csv(imported: Imported, delimiter: str = ";") -> bytes:
    """Write the rejected rows with the reason in front, to fix and import again.

    Each rejected row stands once, with its original cells; all its reasons are joined. A text cell a
    spreadsheet would run as a formula gets an apostrophe in front; the readers take it off again, so
    the cells survive the way out and back unchanged.

    Parameters
    ----------
    imported : the reader's result.
    delimiter : between cells.

    Returns
    -------
    bytes
        UTF-8 with byte-order mark, CRLF lines: opens in Excel and LibreOffice with a double click.
    """
    reasons = (
        imported.rejects.filter(pl.col("row_no") > 0)
        .with_columns(
            pl.when(pl.col("column") == "")
            .then("reason")
            .otherwise(pl.format("{}: {}", "column", "reason"))
            .alias("said")
        )
        .group_by("row_no", maintain_order=True)
        .agg(pl.col("said").str.join(" | "), pl.col("remedy").unique(maintain_order=True).str.join(" | "))
    )
    rows = imported.rejected_rows.join(reasons, on="row_no", how="left", maintain_order="left")
    cells = [column for column in imported.rejected_rows.columns if column != "row_no"]
    table = rows.select(
        pl.col("row_no").cast(pl.String).alias(REJECT_COLUMNS[0]),
        harmless(pl.col("said").fill_null("")).alias(REJECT_COLUMNS[1]),
        harmless(pl.col("remedy").fill_null("")).alias(REJECT_COLUMNS[2]),
        *(harmless(pl.col(cell).fill_null("")).alias(cell) for cell in cells),
    )
    names = pl.DataFrame({"name": [*REJECT_COLUMNS, *cells]}).select(harmless(pl.col("name")))
    header = delimiter.join(quoted(name) for name in names["name"])
    # All in quotes: a spreadsheet that splits at another sign must not find a formula inside a cell.
    body = table.write_csv(
        include_header=False, separator=delimiter, line_terminator="\r\n", quote_style="always"
    )
    return ("\ufeff" + header + "\r\n" + body).encode("utf-8")


def quoted(cell: str) -> str:
    """One CSV cell in quotes."""
    return '"' + cell.replace('"', '""') + '"'
