"""Facts from CSV: payments, returns, disputes, holds and all else that happens to a claim.

The columns are those of `columns.FACT_COLUMNS`, described in docs/reference/facts-csv.md.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import BinaryIO, Final

import polars as pl

from mahnwerk.formats import checks, csv_reader
from mahnwerk.formats.checks import Check
from mahnwerk.formats.columns import FACT_COLUMNS
from mahnwerk.formats.csv_reader import Piece, Seen
from mahnwerk.formats.mapping import Mapping
from mahnwerk.formats.rejects import Imported, joined
from mahnwerk.formats.text import PIECE_BYTES
from mahnwerk.frames import IMPORTED_FACTS, FactKind

NEEDS_AMOUNT: Final = (
    FactKind.PAYMENT_RECEIVED,
    FactKind.REFUND_PAID,
    FactKind.CREDIT_NOTE,
    FactKind.GOODS_RETURNED,
    FactKind.WAIVER,
    FactKind.COMPROMISE,
    FactKind.SET_OFF,
    FactKind.EARLY_PAYMENT_DISCOUNT,
    FactKind.COST_INCURRED,
)
"""Kinds that mean nothing without an amount."""

NEEDS_INVOICE: Final = (
    FactKind.CREDIT_NOTE,
    FactKind.GOODS_RETURNED,
    FactKind.EARLY_PAYMENT_DISCOUNT,
    FactKind.CLAIM_CLOSED,
    FactKind.CLAIM_REOPENED,
    FactKind.INVOICE_RECEIVED,
    FactKind.TITLE_OBTAINED,
)
"""Kinds that concern one claim, never a whole case."""

_COMPARED: Final = tuple(
    column for column in IMPORTED_FACTS if column not in ("row_no", "creditor_key", "reference")
)


def read(data: bytes, *, mapping: Mapping | None = None, ignore_unknown: bool = False) -> Imported:
    """Read a whole facts CSV from memory. See `read_chunks`, which does the work.

    >>> file = "Rechnungsnr;Ereignis;Datum;Betrag;Referenz\\nR-1;Zahlung;10.03.2026;50,00;B-1\\n"
    >>> read(file.encode()).facts["amount_cents"].to_list()
    [5000]
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
    """Read a facts CSV of any length, piece by piece.

    Parameters
    ----------
    stream : seekable, binary, at any position.
    mapping : for another layout; None = a shipped mapping whose signature fits, else our own columns.
    ignore_unknown : leave unknown columns out with a warning, instead of refusing the file.
    piece_bytes : size of a piece.

    Returns
    -------
    iterator of Imported: `facts`, `rejects`, `rejected_rows`, `warnings`. A row without a reference gets
    one made of its own content and how often that content came before in the file, so that the same
    file imported twice adds nothing, and two equal payments of one day in one file stay two.

    Raises
    ------
    FormatError
        Where the file as a whole cannot be read.

    Guarantees
    ----------
    Pure but for reading the stream. Each row is a fact, a repetition (counted in a warning) or has
    rejects.
    """
    seen = Seen(("creditor_key", "reference"), _COMPARED)
    counted = _Occurrences()
    yield from csv_reader.pieces(
        stream,
        "facts",
        counted.finish,
        seen,
        mapping=mapping,
        ignore_unknown=ignore_unknown,
        piece_bytes=piece_bytes,
    )


class _Occurrences:
    """Gives rows without a reference one of their own, counting equal rows over the whole file."""

    def __init__(self) -> None:
        self._count = pl.DataFrame(schema={"digest": pl.String, "before": pl.UInt32})

    def finish(self, piece: Piece) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, int]]:
        """Typed columns to IMPORTED_FACTS; the rules of a row."""
        rows = csv_reader.with_all(piece.typed, FACT_COLUMNS).with_columns(
            pl.col("currency").fill_null("EUR"), amount_cents=pl.col("amount")
        )
        rejects = checks.apply(rows, _checks(piece), piece.headers)
        unnamed = int((rows["reference"] == "").sum())
        facts = self._named(rows).select(pl.col(name).cast(dtype) for name, dtype in IMPORTED_FACTS.items())
        message = (
            "{count} rows have no reference; their content names them instead, so a corrected row would "
            "count as a second event. Give each event a reference."
        )
        return facts, rejects, {message: unnamed}

    def _named(self, rows: pl.DataFrame) -> pl.DataFrame:
        content = pl.concat_str(
            (pl.col(name).cast(pl.String).fill_null("") for name in (*_COMPARED, "reference")),
            separator="\x1f",
        )
        rows = rows.with_columns(digest=content)
        rows = rows.join(self._count, on="digest", how="left", maintain_order="left").with_columns(
            occurrence=pl.int_range(pl.len()).over("digest") + pl.col("before").fill_null(0) + 1
        )
        self._count = (
            pl.concat([self._count, rows.group_by("digest").agg(before=pl.len())])
            .group_by("digest")
            .agg(pl.col("before").sum())
        )
        own = pl.format(
            "row:{}:{}", pl.col("digest").map_elements(_digest, return_dtype=pl.String), "occurrence"
        )
        return rows.with_columns(
            reference=pl.when(pl.col("reference") == "").then(own).otherwise("reference")
        )


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:24]


def _checks(piece: Piece) -> list[Check]:
    """The rules of a row."""
    unread = piece.unread
    kind = pl.col("kind")
    names_nothing = (pl.col("customer_number") == "") & (pl.col("invoice_number") == "")
    return [
        Check(
            "kind", "missing", kind.is_null() & ~unread("kind"), "is empty, but needed", "Say what happened."
        ),
        Check(
            "effective_on",
            "missing",
            pl.col("effective_on").is_null() & ~unread("effective_on"),
            "is empty, but needed",
            "Fill in the day on which it counts; of a payment the value date.",
        ),
        Check(
            "customer_number",
            "missing",
            names_nothing,
            "the row names neither a customer nor an invoice",
            "Fill in one of them.",
        ),
        Check(
            "invoice_number",
            "missing",
            kind.is_in(list(NEEDS_INVOICE)) & (pl.col("invoice_number") == ""),
            "is empty, but this kind of event concerns one invoice",
            "Fill in the number of the invoice.",
        ),
        *_amount_checks(piece),
        Check(
            "code",
            "missing",
            (kind == FactKind.COST_INCURRED) & (pl.col("code") == ""),
            "a cost without the rule it rests on cannot be booked",
            "Write the rule id, for example costs.bank_return_charge.",
        ),
        Check(
            "until_on",
            "order",
            pl.col("until_on") < pl.col("effective_on"),
            pl.format("{} is before the event itself, {}", "until_on", "effective_on"),
            "Correct one of the two dates.",
        ),
    ]


def _amount_checks(piece: Piece) -> list[Check]:
    """Which kinds need an amount, and of which sign."""
    kind, amount = pl.col("kind"), pl.col("amount")
    absent = amount.is_null() & ~piece.unread("amount")
    return [
        Check(
            "amount",
            "missing",
            kind.is_in(list(NEEDS_AMOUNT)) & absent,
            "is empty, but this kind of event needs an amount",
            "Fill in the amount.",
        ),
        Check(
            "amount",
            "amount",
            (amount < 0) | (kind.is_in(list(NEEDS_AMOUNT)) & (amount == 0)),
            "is not above 0; the kind of the event says which way the money went",
            "Write the amount without a sign; a returned debit is an event of its own (return).",
        ),
        Check(
            "voids_reference",
            "missing",
            (kind == FactKind.PAYMENT_RETURNED) & (pl.col("voids_reference") == "") & absent,
            "a returned payment names neither the reference of the payment nor its amount",
            "Fill in the reference of the payment it takes back, or the amount.",
        ),
    ]
