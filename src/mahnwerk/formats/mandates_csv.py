"""SEPA mandates from CSV: who may be collected from, under which reference, from which account.

The columns are those of `columns.MANDATE_COLUMNS`, described in docs/reference/mandates-csv.md.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO, Final

import polars as pl

from mahnwerk.formats import checks, creditor_identifier, csv_reader
from mahnwerk.formats.checks import Check
from mahnwerk.formats.columns import MANDATE_COLUMNS
from mahnwerk.formats.csv_reader import Piece, Seen
from mahnwerk.formats.mapping import Mapping
from mahnwerk.formats.rejects import IMPORTED_MANDATES, Imported, joined
from mahnwerk.formats.text import PIECE_BYTES

REFERENCE: Final = r"^[A-Za-z0-9+?/:().,' -]{1,35}$"
"""The signs a mandate reference may have (EPC implementation guidelines, SEPA character set)."""
_COMPARED: Final = tuple(
    name for name in IMPORTED_MANDATES if name not in ("row_no", "creditor_identifier", "reference")
)


def read(data: bytes, *, mapping: Mapping | None = None, ignore_unknown: bool = False) -> Imported:
    """Read a whole file of mandates from memory. See `read_chunks`, which does the work.

    >>> head = "Kundennummer;Mandatsreferenz;Gläubiger-ID;Unterschrieben am;IBAN"
    >>> row = "K-1;M-1;DE98ZZZ09999999999;01.03.2026;DE02 1203 0000 0000 2020 51"
    >>> read(f"{head}\\n{row}\\n".encode()).mandates["iban"].to_list()
    ['DE02120300000000202051']
    """
    pieces = read_chunks(
        io.BytesIO(data), mapping=mapping, ignore_unknown=ignore_unknown, piece_bytes=max(len(data), 1)
    )
    return joined(pieces)


def read_chunks(
    stream: BinaryIO,
    *,
    mapping: Mapping | None = None,
    ignore_unknown: bool = False,
    piece_bytes: int = PIECE_BYTES,
) -> Iterator[Imported]:
    """Read a file of mandates of any length, piece by piece.

    Parameters
    ----------
    As for `facts_csv.read_chunks`.

    Returns
    -------
    iterator of Imported: `mandates`, `rejects`, `rejected_rows`, `warnings`. A mandate (creditor identifier
    and reference) that stands in the file twice with the same content counts once.

    Raises
    ------
    FormatError
        Where the file as a whole cannot be read.

    Guarantees
    ----------
    Pure but for reading the stream.
    """
    yield from csv_reader.pieces(
        stream,
        "mandates",
        _finish,
        Seen(("creditor_identifier", "reference"), _COMPARED),
        mapping=mapping,
        ignore_unknown=ignore_unknown,
        piece_bytes=piece_bytes,
    )


def _finish(piece: Piece) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, int]]:
    rows = csv_reader.with_all(piece.typed, MANDATE_COLUMNS)
    rows = rows.with_columns(
        pl.col("sequence").fill_null("FRST"),
        checks.compact_iban(rows["iban"]).alias("iban"),
        checks.compact_iban(rows["creditor_identifier"]).alias("creditor_identifier"),
    )
    rows = rows.with_columns(
        iban_reason=checks.iban_reasons(rows["iban"]),
        identifier_reason=_reasons(rows["creditor_identifier"]),
    )
    rejects = checks.apply(rows, _checks(piece), piece.headers)
    return (
        rows.select(pl.col(name).cast(dtype) for name, dtype in IMPORTED_MANDATES.items()),
        rejects,
        {},
    )


def _reasons(identifiers: pl.Series) -> pl.Series:
    """Why each is no creditor identifier, null where it is one; a file bears few different ones."""
    said = {text: creditor_identifier.wrong(text) or None for text in identifiers.unique()}
    return pl.Series([said[text] for text in identifiers], dtype=pl.String)


def _checks(piece: Piece) -> list[Check]:
    reference = pl.col("reference")
    names_nobody = (pl.col("customer_number") == "") & (pl.col("case_reference") == "")
    return [
        Check(
            "customer_number",
            "missing",
            names_nobody,
            "the row names neither a customer nor a case",
            "Fill in one of them.",
        ),
        Check(
            "reference", "missing", reference == "", "is empty, but needed", "Fill in the mandate reference."
        ),
        Check(
            "reference",
            "mandate",
            (reference != "") & ~reference.str.contains(REFERENCE),
            "is no mandate reference: 1 to 35 letters, digits and + ? / : ( ) . , ' -",
            "Correct it as it stands on the signed mandate.",
        ),
        Check(
            "creditor_identifier",
            "mandate",
            pl.col("identifier_reason").is_not_null(),
            pl.col("identifier_reason"),
            "It looks like DE98ZZZ09999999999.",
        ),
        Check(
            "signed_on",
            "missing",
            pl.col("signed_on").is_null() & ~piece.unread("signed_on"),
            "is empty, but needed",
            "Fill in the day of the signature.",
        ),
        Check(
            "iban",
            "iban",
            pl.col("iban_reason").is_not_null(),
            pl.format("„{}“ {}", pl.col("iban").str.head(40), "iban_reason"),
            "Correct the IBAN.",
        ),
    ]
