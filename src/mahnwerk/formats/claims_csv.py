"""Claims from CSV: any documented or mapped layout, to IMPORTED_CLAIMS and rejects.

The columns are those of `columns.CLAIM_COLUMNS`, described in docs/reference/claims-csv.md.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO, Final

import polars as pl

from mahnwerk.formats import checks, csv_reader
from mahnwerk.formats.checks import Check
from mahnwerk.formats.columns import CLAIM_COLUMNS
from mahnwerk.formats.csv_reader import Piece, Seen
from mahnwerk.formats.mapping import Mapping
from mahnwerk.formats.rejects import Imported, joined
from mahnwerk.formats.text import PIECE_BYTES
from mahnwerk.frames import IMPORTED_CLAIMS, ClaimKind, DueKind

_TEXTS: Final = tuple(column.name for column in CLAIM_COLUMNS if column.kind == "text")
_COMPARED: Final = tuple(
    column for column in IMPORTED_CLAIMS if column not in ("row_no", "creditor_key", "invoice_number")
)
_PPM: Final = 1_000_000


def read(data: bytes, *, mapping: Mapping | None = None, ignore_unknown: bool = False) -> Imported:
    """Read a whole claims CSV from memory. See `read_chunks`, which does the work.

    >>> file = "Rechnungsnr;Kundennr;Betrag;Rechnungsdatum;Fällig am\\n1;K1;12,50;01.03.2026;15.03.2026\\n"
    >>> read(file.encode()).claims["amount_cents"].to_list()
    [1250]
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
    """Read a claims CSV of any length, piece by piece.

    The file is read twice where it has more than one piece: once to learn its encoding and how each
    column writes amounts, once to read it. Memory stays a small multiple of `piece_bytes`, plus 24
    bytes a row to find the same invoice again.

    Parameters
    ----------
    stream : seekable, binary, at any position.
    mapping : for another layout; None = a shipped mapping whose signature fits, else our own columns.
    ignore_unknown : leave unknown columns out with a warning, instead of refusing the file.
    piece_bytes : size of a piece.

    Returns
    -------
    iterator of Imported: `claims`, `rejects`, `rejected_rows`, `warnings`.

    Raises
    ------
    FormatError
        Where the file as a whole cannot be read: empty, no text, unknown or doubled columns (with the
        nearest known name), a needed column absent.

    Guarantees
    ----------
    Pure but for reading the stream. Each row is a claim, a repetition (counted in a warning) or has
    rejects. The size of the pieces changes no claim. No amount or date is guessed.
    """
    seen = Seen(("creditor_key", "invoice_number"), _COMPARED)
    yield from csv_reader.pieces(
        stream,
        "claims",
        _finish,
        seen,
        mapping=mapping,
        ignore_unknown=ignore_unknown,
        piece_bytes=piece_bytes,
    )


def _finish(piece: Piece) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, int]]:
    """Typed columns to IMPORTED_CLAIMS; the rules of a row."""
    rows = _filled(piece.typed)
    rejects = checks.apply(rows, _checks(piece), piece.headers)
    claims = rows.select(pl.col(name).cast(dtype) for name, dtype in IMPORTED_CLAIMS.items())
    return claims, rejects, _warnings(rows)


def _filled(typed: pl.DataFrame) -> pl.DataFrame:
    """Every column there, defaults in, signs and Skonto worked out."""
    rows = csv_reader.with_all(typed, CLAIM_COLUMNS)
    number = pl.col("house_number")
    is_credit = (pl.col("is_credit_note") == 1).fill_null(False) | (pl.col("amount") < 0).fill_null(False)
    rows = rows.with_columns(
        pl.when(number != "")
        .then(pl.concat_str("street", pl.lit(" "), number).str.strip_chars())
        .otherwise("street")
        .alias("street"),
        pl.col("country").fill_null("DE"),
        pl.col("currency").fill_null("EUR"),
        pl.col("language", "debtor_kind").fill_null(""),
        checks.compact_iban(rows["iban"]).alias("iban"),
        checks.compact_iban(rows["vat_id"]).alias("vat_id"),
        is_credit_note=is_credit,
        amount_cents=pl.col("amount").abs(),
        due_kind=pl.col("due_kind").fill_null(int(DueKind.INVOICE)),
        kind=pl.col("kind").fill_null(int(ClaimKind.GOODS_OR_SERVICES)),
        has_default_notice=pl.col("has_default_notice").fill_null(0).cast(pl.Boolean),
        is_secured=pl.col("is_secured").fill_null(0).cast(pl.Boolean),
        agreed_rate_ppm=pl.col("agreed_rate"),
        agreed_default_rate_ppm=pl.col("agreed_default_rate"),
        creditor_name=pl.lit(""),
        creditor_vat_id=pl.lit(""),
        creditor_iban=pl.lit(""),
    )
    by_percent = (pl.col("amount_cents").cast(pl.Int128) * pl.col("discount_percent") * 2 + _PPM) // (
        2 * _PPM
    )
    return rows.with_columns(
        discount_cents=pl.coalesce("discount_amount", by_percent.cast(pl.Int64)),
        paid_cents=pl.coalesce("paid_amount", pl.when(pl.col("paid_on").is_not_null()).then("amount_cents")),
        iban_reason=checks.iban_reasons(rows["iban"]),
    )


def _checks(piece: Piece) -> list[Check]:
    """The rules of a row that need no other row."""
    unread = piece.unread  # cells already refused are not refused again as missing
    is_credit = pl.col("is_credit_note")
    needed = [
        checks.missing("invoice_number", "2026-0815"),
        checks.missing("amount", "1.234,56"),
        checks.missing("issued_on", "02.03.2026"),
        Check(
            "due_on",
            "missing",
            pl.col("due_on").is_null() & ~is_credit,
            "is empty, but needed",
            "Fill in the last day to pay; if none was set, the day of the invoice.",
        ),
    ]
    nameless = (pl.col("customer_number") == "") & (pl.col("company") == "") & (pl.col("last_name") == "")
    return [
        *(
            Check(rule.column, rule.code, rule.fails & ~unread(rule.column), rule.reason, rule.remedy)
            for rule in needed
        ),
        Check(
            "customer_number",
            "missing",
            nameless,
            "the row names no customer",
            "Fill in the customer number, the company or the last name.",
        ),
        Check("amount", "amount", pl.col("amount") == 0, "is 0: nothing to collect", "Leave the row out."),
        Check(
            "amount",
            "contradiction",
            _other_sign(piece),
            pl.format("the amount is written with another currency than {}", "currency"),
            "Correct the currency column or the amount.",
        ),
        Check(
            "iban",
            "iban",
            pl.col("iban_reason").is_not_null(),
            pl.format("„{}“ {}", pl.col("iban").str.head(40), "iban_reason"),
            "Ask for it again, or leave the cell empty.",
        ),
        checks.email(),
        *checks.postcodes(unless=unread("country")),
        *_date_checks(),
        *_money_checks(),
    ]


def _other_sign(piece: Piece) -> pl.Expr:
    """Whether the amount's own cell carries the sign of the other currency."""
    cells = piece.cells("amount")
    if cells is None or not cells.str.contains(r"[€A-Za-z]").any():
        return pl.lit(False)
    euro = pl.lit(cells.str.contains(r"(?i)€|eur"))
    franc = pl.lit(cells.str.contains(r"(?i)chf|fr"))
    return (euro & (pl.col("currency") != "EUR")) | (franc & (pl.col("currency") != "CHF"))


def _date_checks() -> list[Check]:
    def order(column: str, before: str, words: str) -> Check:
        reason = pl.format(f"{{}} is before the {words}, {{}}", pl.col(column), pl.col(before))
        return Check(
            column, "order", pl.col(column) < pl.col(before), reason, "Correct one of the two dates."
        )

    return [
        order("due_on", "issued_on", "date of the invoice"),
        order("received_on", "issued_on", "date of the invoice"),
        order("discount_until", "issued_on", "date of the invoice"),
        order("due_on", "obligation_arose_on", "date of the contract"),
    ]


def _money_checks() -> list[Check]:
    discount = pl.col("discount_amount").is_not_null() | pl.col("discount_percent").is_not_null()
    return [
        Check(
            "agreed_from",
            "missing",
            pl.col("agreed_rate").is_not_null() & pl.col("agreed_from").is_null(),
            "is empty, but the row has a contractual interest rate",
            "Fill in the first day that bears the contractual interest.",
        ),
        Check(
            "discount_until",
            "missing",
            discount & pl.col("discount_until").is_null(),
            "is empty, but the row has a discount",
            "Fill in the last day for the discount.",
        ),
        Check(
            "discount_amount",
            "contradiction",
            pl.col("discount_amount").is_not_null() & pl.col("discount_percent").is_not_null(),
            "the row has a discount amount and a discount in per cent",
            "Keep one of them.",
        ),
        Check(
            "discount_amount",
            "amount",
            ~pl.col("discount_cents").is_between(0, pl.col("amount_cents")),
            "the discount is negative or larger than the amount",
            "Correct the discount.",
        ),
        Check(
            "paid_on",
            "missing",
            (pl.col("paid_amount") != 0) & pl.col("paid_on").is_null(),
            "is empty, but the row has an amount already paid",
            "Fill in the day the payment arrived.",
        ),
        Check(
            "paid_amount",
            "amount",
            pl.col("paid_amount") < 0,
            "the amount already paid is negative",
            "Write what was paid without a sign; put returned payments into a facts file.",
        ),
        Check(
            "paid_on",
            "contradiction",
            pl.col("is_credit_note") & pl.col("paid_on").is_not_null(),
            "a credit note cannot be paid",
            "Leave the payment out, or correct the sign of the amount.",
        ),
    ]


def _warnings(rows: pl.DataFrame) -> dict[str, int]:
    whole = (pl.col("street") != "") & (pl.col("postcode") != "") & (pl.col("city") != "")
    some = (pl.col("street") != "") | (pl.col("postcode") != "") | (pl.col("city") != "")
    unreachable, partly = rows.select(
        a=(~whole & (pl.col("email") == "")).sum(), b=(some & ~whole).sum()
    ).row(0)
    return {
        "{count} rows have neither a whole postal address nor an e-mail address; nobody can write to these "
        "customers until one is known.": unreachable,
        "{count} rows have a postal address without street, postcode or town.": partly,
    }
