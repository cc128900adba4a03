"""Which kind a file is, told from its first bytes and its header."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final

import polars as pl

from mahnwerk.formats import bank_csv, bank_file, csv_reader, text
from mahnwerk.formats import mapping as mappings
from mahnwerk.formats.columns import FACT_COLUMNS, MANDATE_COLUMNS
from mahnwerk.formats.mapping import Mapping
from mahnwerk.formats.rejects import FormatError, Imported
from mahnwerk.usecases.errors import BadInput, NotFound

HEAD_BYTES: Final = 4096
INVOICE_BYTES_MAX: Final = 50 * 1024**2


class FileKind(StrEnum):
    """What a file holds; the order in which files are taken in."""

    CREDITOR = "creditor"
    CLAIMS = "claims"
    INVOICE = "e-invoice"
    FACTS = "facts"
    MANDATES = "mandates"
    BANK = "bank"

    @property
    def order(self) -> int:
        """Creditors first, then what the next ones refer to; money last: each finds what it needs."""
        return list(FileKind).index(self)

    @property
    def is_table(self) -> bool:
        """Whether rejected rows can be written as rows."""
        return self in (FileKind.CLAIMS, FileKind.FACTS, FileKind.MANDATES)


def detect(path: Path, mapping: Mapping | None = None) -> FileKind:
    """The kind of a file.

    Raises
    ------
    NotFound
        The file is not there.
    BadInput
        It is empty, or of no known kind.
    """
    if not path.is_file():
        raise NotFound(f"there is no file {path}.", "Check the name.")
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
    if not head.strip():
        raise BadInput(f"{path.name}: the file is empty.", "Export it again.")
    if path.suffix.lower() in (".yaml", ".yml"):
        return FileKind.CREDITOR
    if bank_file.is_marked(head):
        return FileKind.BANK
    if head.startswith(b"%PDF") or _begins_like_xml(head) or path.suffix.lower() in (".pdf", ".xml"):
        return FileKind.INVOICE
    if mapping is not None:
        return FileKind(mapping.reads)
    return _table_kind(path, head)


def _begins_like_xml(head: bytes) -> bool:
    plain = head.replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return plain.startswith(b"<")


def _table_kind(path: Path, head: bytes) -> FileKind:
    with open(path, "rb") as stream:
        try:
            header = text.survey(stream).header
        except FormatError as error:
            raise BadInput(f"{path.name}: {error}") from error
    for kind in (FileKind.CLAIMS, FileKind.FACTS, FileKind.MANDATES):
        if mappings.detect(header, kind.value) is not None:
            return kind
    titles = {text.plain(title) for title in header}
    for kind, columns in ((FileKind.MANDATES, MANDATE_COLUMNS), (FileKind.FACTS, FACT_COLUMNS)):
        if all(titles & column.forms for column in columns if column.required):
            return kind
    return FileKind.BANK if bank_csv.knows(head) else FileKind.CLAIMS


def read_invoice(content: bytes, name: str) -> Imported:
    """An e-invoice: XML of either syntax, or a PDF that carries one."""
    from mahnwerk.formats import invoice_pdf, invoice_xml

    if len(content) > INVOICE_BYTES_MAX:
        raise BadInput(f"{name}: larger than {INVOICE_BYTES_MAX // 1024**2} MB, too large for an invoice.")
    return (invoice_pdf if content.startswith(b"%PDF") else invoice_xml).read(content)


def original_rows(path: Path, kind: FileKind, refused: pl.DataFrame) -> pl.DataFrame:
    """The rows of a table as the file has them, for rows that were refused only after reading."""
    schema = {"row_no": pl.Int64}
    if not kind.is_table:
        return pl.DataFrame(schema=schema)
    wanted = refused["row_no"].unique()
    with open(path, "rb") as stream:
        layout = text.survey(stream)
        stream.seek(0)
        found = [
            csv_reader.originals(piece.filter(pl.col("row_no").is_in(wanted.implode())), layout)
            for piece in text.records(stream, layout)
        ]
    return pl.concat([frame for frame in found if frame.height] or [pl.DataFrame(schema=schema)])
