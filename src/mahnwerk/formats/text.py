"""CSV bytes to raw cells: encoding, delimiter, header, records; piece by piece, so of any length."""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import polars as pl

from mahnwerk.formats.rejects import REJECT_COLUMNS, FormatError
from mahnwerk.formats.spreadsheets import restored

DELIMITERS: Final = (";", ",", "\t")
COLUMNS_MAX: Final = 500
CELL_CHARACTERS_MAX: Final = 1_000
PIECE_BYTES: Final = 16 * 1024 * 1024
_HEAD_BYTES: Final = 256 * 1024
_LINE_MAX: Final = 131_000
_RECORD_LINES_MAX: Final = 20
HIDDEN: Final = (
    "[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]+"
)
"""Signs that no one sees and that turn or part what is read: direction marks, zero width, tags.

Zero-width joiner and non-joiner are left: some scripts cannot be written without them."""
CONTROLS: Final = "[\x00-\x1f\x7f-\x9f\u2028\u2029]+"
"""C0 and C1 controls, line and paragraph separators."""
EXTRA: Final = "__extra"
"""Column of what stands beyond the last header."""


@dataclass(frozen=True)
class Layout:
    """How a CSV file is written."""

    encoding: str  # utf-8, utf-16, cp1252
    delimiter: str
    header: tuple[str, ...]
    header_row: int  # 1, or 2 after a line "sep=;"
    is_reject_file: bool

    def __str__(self) -> str:
        sign = {"\t": "tab"}.get(self.delimiter, self.delimiter)
        return f"{self.encoding}, delimiter {sign}, {len(self.header)} columns"


def plain(title: str) -> str:
    """A header or word without case, spaces, signs; umlauts written out: `Fällig am` → `faelligam`."""
    lowered = title.casefold().replace("%", " prozent")
    lowered = lowered.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")
    stripped = unicodedata.normalize("NFKD", lowered)
    return "".join(sign for sign in stripped if sign.isascii() and sign.isalnum())


def plain_forms(title: str) -> tuple[str, str]:
    """`plain` with umlauts written out, and with them bare (`falligam`), as people type both."""
    bare = unicodedata.normalize("NFKD", title.casefold().replace("%", " prozent"))
    return plain(title), "".join(sign for sign in bare if sign.isascii() and sign.isalnum())


def visible(text: str) -> str:
    """The text without hidden signs, controls turned to spaces: what a person reads is what it says."""
    return re.sub(CONTROLS, " ", re.sub(HIDDEN, "", text))


def survey(stream: BinaryIO) -> Layout:
    """Read the stream once to learn its encoding, delimiter and header; leaves it at its start.

    Raises
    ------
    FormatError
        For an empty file, one that is no text, or one with more than 500 columns.
    """
    if not stream.seekable():
        raise FormatError("The file cannot be read twice, as is needed here. Save it to disk first.")
    stream.seek(0)
    head = stream.read(_HEAD_BYTES)
    encoding = _encoding(head, stream)
    text = head.decode(encoding, errors="replace").lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    stream.seek(0)
    if not text.strip():
        raise FormatError("The file is empty. Export it again, with a header line and at least one row.")
    if "\0" in text:
        raise FormatError("The file is not text (it has zero bytes). Save it as CSV, not as a spreadsheet.")
    header_row, forced = 1, ""
    if match := re.match(r"sep=(.)\n", text, re.IGNORECASE):
        header_row, forced, text = 2, match.group(1), text[match.end() :]
    first = _first_record(text)
    delimiter = forced or max(DELIMITERS, key=lambda sign: _outside_quotes(first, sign))
    header = tuple(" ".join(cell.split()) for cell in next(csv.reader([first], delimiter=delimiter), []))
    while header and not header[-1]:
        header = header[:-1]
    if len(header) > COLUMNS_MAX:
        raise FormatError(f"The file has {len(header)} columns; more than {COLUMNS_MAX} are not read.")
    known = [name for name in REJECT_COLUMNS if name in header]
    return Layout(encoding, delimiter, header, header_row, len(known) == len(REJECT_COLUMNS))


def _encoding(head: bytes, stream: BinaryIO) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    decoder = codecs.getincrementaldecoder("utf-8")()
    block = head
    try:
        while block:
            decoder.decode(block)
            block = stream.read(PIECE_BYTES)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _first_record(text: str) -> str:
    """The header, which may hold line breaks inside quotes."""
    end = -1
    while (end := text.find("\n", end + 1)) >= 0:
        if text.count('"', 0, end) % 2 == 0:
            return text[:end].replace("\n", " ")
    return text.replace("\n", " ")


def _outside_quotes(line: str, sign: str) -> int:
    return re.sub(r'"[^"]*"', "", line).count(sign)


def records(stream: BinaryIO, layout: Layout, piece_bytes: int = PIECE_BYTES) -> Iterator[pl.DataFrame]:
    """Yield the rows after the header, piece by piece.

    Parameters
    ----------
    stream : at its start, as `survey` leaves it.
    layout : from `survey`.
    piece_bytes : size of a piece; memory use is a small multiple of it.

    Returns
    -------
    frames of row_no Int64 (the header is row 1, as spreadsheets count), one String column per header
    position named "0", "1", …, and `__extra` for what stands beyond the last. Rows without any
    content are left out.
    """
    row_no = 0
    for block in _whole_records(stream, layout, piece_bytes):
        frame = _parse(block, layout)
        frame = frame.with_row_index("row_no", offset=row_no + 1).with_columns(
            pl.col("row_no").cast(pl.Int64)
        )
        row_no += frame.height
        cells = frame.columns[1:]
        filled = pl.any_horizontal(pl.col(cells).str.contains(r"\S"))
        frame = frame.filter((pl.col("row_no") > layout.header_row) & filled)
        if layout.is_reject_file:
            frame = restored(frame, cells)
        if frame.height:
            yield frame.rechunk()


def _whole_records(stream: BinaryIO, layout: Layout, piece_bytes: int) -> Iterator[bytes]:
    """UTF-8 blocks that end with a record: the last line break outside quotes."""
    decoder = _lenient_decoder(layout.encoding)
    rest = b""
    read = stream.read(piece_bytes)
    while read:
        following = stream.read(piece_bytes)
        block = rest + (decoder.decode(read, not following).encode("utf-8") if decoder else read)
        end = _record_end(block) if following else len(block) - 1
        if end < 0 and len(block) > 4 * piece_bytes:
            end = block.rfind(b"\n")  # a quote never closed: cut at a line, the row will be refused
        if end >= 0:
            yield _line_ends(block[: end + 1])
        rest = block[end + 1 :]
        read = following


def _lenient_decoder(encoding: str) -> codecs.IncrementalDecoder | None:
    if encoding == "utf-8":
        return None
    if encoding == "cp1252":
        return _Windows1252()
    return codecs.getincrementaldecoder(encoding)("replace")


class _Windows1252(codecs.IncrementalDecoder):
    """cp1252, with its five undefined bytes read as latin-1 does."""

    def decode(self, input: Any, final: bool = False) -> str:
        data = bytes(input)
        try:
            return data.decode("cp1252")
        except UnicodeDecodeError:
            return data.decode("latin-1").translate(_CP1252)


_CP1252: Final = {
    byte: bytes([byte]).decode("cp1252")
    for byte in range(0x80, 0xA0)
    if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}


def _record_end(block: bytes) -> int:
    """Index of the last line break with an even number of quotes before it, or -1."""
    end = block.rfind(b"\n")
    quotes = block.count(b'"', 0, end + 1)
    while end >= 0 and quotes % 2:
        earlier = block.rfind(b"\n", 0, end)
        quotes -= block.count(b'"', max(earlier, 0), end)
        end = earlier
    return end


def _line_ends(block: bytes) -> bytes:
    block = block.removeprefix(codecs.BOM_UTF8)
    if b"\r" in block and b"\r\n" not in block:
        return block.replace(b"\r", b"\n")
    return block


def _parse(block: bytes, layout: Layout) -> pl.DataFrame:
    names = [str(index) for index in range(len(layout.header))] + [EXTRA]
    if b'"' not in block or _is_well_quoted(block, layout.delimiter):
        try:
            return pl.read_csv(
                (layout.delimiter.join(names) + "\n").encode() + block,
                separator=layout.delimiter,
                infer_schema=False,
                extra_columns="ignore",
                missing_columns="insert",
                empty_string_is_null=False,
            ).with_columns(pl.all().fill_null(""))
        except pl.exceptions.PolarsError:
            pass  # the slow reader below knows more ways to be lenient
    return _parse_slowly(block.decode("utf-8", errors="replace"), layout.delimiter, names)


def _is_well_quoted(block: bytes, delimiter: str) -> bool:
    """Whether every quote belongs to a cell that is wholly in quotes."""
    sign = re.escape(delimiter.encode())
    cell = rb'(?:^|(?<=[\n%b]))"[^"]*+(?:""[^"]*+)*+"(?=[\r\n%b]|\Z)' % (sign, sign)
    return b'"' not in re.sub(cell, b"", block)


def _parse_slowly(text: str, delimiter: str, names: list[str]) -> pl.DataFrame:
    """Read what the fast reader refuses: quotes inside bare cells, quotes never closed.

    A record may span lines where its quotes close and its cells are as many as the header's; else each
    line stands for itself, so that one open quote cannot swallow the rows after it.
    """
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    width = len(names)
    rows: list[list[str]] = []
    at = 0
    while at < len(lines):
        row, used = _record_at(lines, at, delimiter, width - 1)
        rows.append((row + [""] * width)[:width])
        at += used
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def _record_at(lines: list[str], at: int, delimiter: str, width: int) -> tuple[list[str], int]:
    """The record that begins at a line, and how many lines it has."""
    alone = lines[at][:_LINE_MAX].rstrip("\r")
    if alone.count('"') % 2:
        for used in range(2, _RECORD_LINES_MAX + 1):
            joined = "\n".join(lines[at : at + used])
            if joined.count('"') % 2 == 0 and len(joined) < _LINE_MAX:
                found = list(csv.reader(io.StringIO(joined, newline=""), delimiter=delimiter))
                if len(found) == 1 and len(found[0]) == width:
                    return found[0], used
    return next(csv.reader([alone], delimiter=delimiter), []), 1
