"""The way every documented CSV takes: survey, mapping, typed columns, rules, repetitions, rejects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import polars as pl

from mahnwerk.formats import mapping as mappings
from mahnwerk.formats import text
from mahnwerk.formats.amounts import AmountStyle, style_of
from mahnwerk.formats.cells import Placed, place, read_columns, tidy
from mahnwerk.formats.columns import Column, nearest
from mahnwerk.formats.mapping import Mapping
from mahnwerk.formats.rejects import REJECT_COLUMNS, FormatError, Imported
from mahnwerk.formats.text import EXTRA, Layout, plain
from mahnwerk.frames import REJECTS, empty

_DTYPES = {
    "text": pl.String,
    "amount": pl.Int64,
    "rate": pl.Int64,
    "date": pl.Date,
    "flag": pl.Int64,
}


_REPEATED = "{count} rows repeat an earlier row of the file exactly and were taken once."


@dataclass(frozen=True)
class Piece:
    """One piece of a file on its way: raw cells, typed columns, what could not be read."""

    raw: pl.DataFrame
    typed: pl.DataFrame
    unreadable: pl.DataFrame  # REJECTS
    placed: tuple[Placed, ...]

    @property
    def headers(self) -> dict[str, str]:
        """Our name → the file's header."""
        return {one.column.name: one.header for one in self.placed}

    def cells(self, name: str) -> pl.Series | None:
        """The raw cells of one of our columns, None where the file has it not."""
        found = next((one for one in self.placed if one.column.name == name and one.position), None)
        return self.raw[found.position] if found else None

    def unread(self, name: str) -> pl.Expr:
        """True where this column of the row was already refused."""
        header = self.headers.get(name, name)
        rows = self.unreadable.filter(pl.col("column") == header)["row_no"]
        return pl.col("row_no").is_in(rows.implode())


@dataclass
class Seen:
    """Rows of earlier pieces, as hashes: the same key again is a repetition or a conflict."""

    key: tuple[str, ...]
    compared: tuple[str, ...]
    rows: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(
            schema={"key_hash": pl.UInt64, "content_hash": pl.UInt64, "first_row": pl.Int64}
        )
    )


Finish = Callable[[Piece], tuple[pl.DataFrame, pl.DataFrame, MappingOf[str, int]]]
"""Typed columns → the result's frame, rejects, and warnings with {count} → how many rows."""


def with_all(typed: pl.DataFrame, columns: tuple[Column, ...]) -> pl.DataFrame:
    """Add the columns the file does not have: empty text, null else."""
    absent = [column for column in columns if column.name not in typed.columns]
    return typed.with_columns(_absent(column) for column in absent)


def _absent(column: Column) -> pl.Expr:
    if column.kind == "text":
        return pl.lit("").alias(column.name)
    numeric = all(isinstance(value, int) for value in column.words.values()) and column.words
    dtype = _DTYPES.get(column.kind, pl.Int64 if numeric else pl.String)
    return pl.lit(None, dtype=dtype).alias(column.name)


def pieces(
    stream: BinaryIO,
    reads: str,
    finish: Finish,
    seen: Seen,
    *,
    mapping: Mapping | None,
    ignore_unknown: bool,
    piece_bytes: int,
) -> Iterator[Imported]:
    """Read a CSV piece by piece; `finish` turns typed columns into the result's frame."""
    layout = text.survey(stream)
    chosen, warnings = _choose(layout, reads, mapping, ignore_unknown)
    columns = mappings.READS[reads]
    _all_needed(chosen, columns, layout)
    placed = tuple(place(columns, chosen, layout.header))
    undecided = [one for one in placed if one.column.kind == "amount" and not one.amount_format]
    is_long = stream.seek(0, 2) > piece_bytes
    stream.seek(0)
    styles: dict[str, AmountStyle] = {}
    if is_long:
        for raw in text.records(stream, layout, piece_bytes):
            styles = _styles(raw, undecided, styles)
        stream.seek(0)
    counts: Counter[str] = Counter()
    nothing = True
    for raw in text.records(stream, layout, piece_bytes):
        nothing = False
        if not is_long:
            styles = _styles(raw, undecided, {})
        typed, unreadable = read_columns(raw, list(placed), styles)
        counts.update(_flagged(raw, layout, chosen))
        yield _piece(Piece(raw, typed, unreadable, placed), layout, chosen, finish, seen, counts)
    if nothing:
        raise FormatError("The file has a header but no rows. Export it again.")
    warnings += [message.replace("{count}", str(count)) for message, count in counts.items() if count]
    if warnings:
        yield Imported(warnings=tuple(warnings), layout=str(layout))


def _piece(
    piece: Piece, layout: Layout, chosen: Mapping, finish: Finish, seen: Seen, counts: Counter[str]
) -> Imported:
    rows, rejects, counted = finish(piece)
    counts.update(counted)
    rejects = pl.concat([piece.unreadable, rejects, _extra_cells(piece.raw)])
    good = rows.filter(~pl.col("row_no").is_in(rejects["row_no"].unique().implode()))
    kept, conflicts, repeated = _unrepeated(good, seen, piece.headers)
    if conflicts.height:
        rejects = pl.concat([rejects, conflicts])
    rejects = _with_cells(rejects.sort("row_no", maintain_order=True), piece)
    counts[_REPEATED] += repeated
    title = f", mapping {chosen.name}" if chosen.name else ""
    rows_read: dict[str, Any] = {chosen.reads: kept}
    return Imported(
        **rows_read,
        rejects=rejects,
        rejected_rows=originals(
            piece.raw.filter(pl.col("row_no").is_in(rejects["row_no"].unique().implode())), layout
        ),
        row_count=piece.raw.height,
        layout=f"{layout}{title}",
    )


def _with_cells(rejects: pl.DataFrame, piece: Piece) -> pl.DataFrame:
    """Show each value as the file has it, not as it was read."""
    for one in piece.placed:
        if one.position and one.header in rejects["column"]:
            cells = piece.raw.select("row_no", cell=one.position)
            mine = pl.col("column") == one.header
            rejects = (
                rejects.join(cells, on="row_no", how="left", maintain_order="left")
                .with_columns(value=pl.when(mine).then("cell").otherwise("value"))
                .drop("cell")
            )
    return rejects


def _choose(
    layout: Layout, reads: str, mapping: Mapping | None, ignore_unknown: bool
) -> tuple[Mapping, list[str]]:
    """The mapping to use, and warnings about columns left out; refuses unknown columns."""
    header = tuple(title for title in layout.header if title not in REJECT_COLUMNS)
    chosen = mapping or mappings.detect(header, reads)
    if chosen is None:
        chosen, unknown = mappings.own_mapping(reads, header)
    elif chosen.reads != reads:
        raise FormatError(f"The mapping {chosen.name} reads {chosen.reads}, not {reads}.")
    else:
        named = [source.header for source in chosen.columns.values()]
        named += [*chosen.ignored, *(warning.header for warning in chosen.warn_where)]
        told = {plain(title) for title in named}
        unknown = [title for title in header if plain(title) not in told]
    unknown = [title for title in unknown if title]
    if not unknown:
        return chosen, []
    if ignore_unknown:
        return chosen, [f"Left out, because unknown: {', '.join(f'„{title}“' for title in unknown)}."]
    raise FormatError(_unknown_columns(unknown, reads))


def _unknown_columns(unknown: list[str], reads: str) -> str:
    forms = {form: column.titles[0] for column in mappings.READS[reads] for form in sorted(column.forms)}
    said = []
    for title in unknown:
        hint = nearest(title, forms)
        said.append(f"„{title}“" + (f" (did you mean „{hint}“?)" if hint else ""))
    return (
        f"Unknown columns: {', '.join(said)}. Rename or remove them, allow unknown columns, or describe the "
        "layout in a mapping file (docs/reference/mapping-file.md)."
    )


def _all_needed(chosen: Mapping, columns: tuple[Column, ...], layout: Layout) -> None:
    present = chosen.columns.keys() | chosen.constants.keys()
    absent = [column for column in columns if column.required and column.name not in present]
    if absent:
        names = ", ".join(f"„{column.titles[0]}“ ({column.name})" for column in absent)
        raise FormatError(
            f"Needed columns are absent: {names}. The file was read as {layout} with the header: "
            f"{', '.join(layout.header)}."
        )


def _styles(
    raw: pl.DataFrame, undecided: list[Placed], so_far: MappingOf[str, AmountStyle]
) -> dict[str, AmountStyle]:
    """What each amount column shows about its decimal sign, together with earlier pieces."""
    styles = dict(so_far)
    for one in undecided:
        shown = style_of(raw[one.position]) if one.position else AmountStyle.UNKNOWN
        styles[one.column.name] = styles.get(one.column.name, AmountStyle.UNKNOWN) | shown
    return styles


def _flagged(raw: pl.DataFrame, layout: Layout, chosen: Mapping) -> dict[str, int]:
    positions = {plain(title): str(index) for index, title in enumerate(layout.header)}
    return {
        notice.message: int((tidy(raw[positions[plain(notice.header)]]) == notice.value).sum())
        for notice in chosen.warn_where
        if plain(notice.header) in positions
    }


def _extra_cells(raw: pl.DataFrame) -> pl.DataFrame:
    """Rows with more cells than the header: usually a delimiter inside a bare cell."""
    extra = raw.filter(pl.col(EXTRA).str.contains(r"\S"))
    return extra.select(
        "row_no",
        pl.lit("").alias("column"),
        pl.col(EXTRA).alias("value"),
        pl.lit("shape").alias("code"),
        pl.lit("the row has more cells than the header has columns").alias("reason"),
        pl.lit("Put cells that contain the delimiter into quotes.").alias("remedy"),
    )


def originals(rows: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Raw rows under the file's own headers, without the columns of an earlier reject file."""
    kept: dict[str, str] = {}
    for index, title in enumerate(layout.header):
        if title not in REJECT_COLUMNS:
            is_new = title and title not in kept.values() and title != "row_no"
            kept[str(index)] = title if is_new else f"{title} column {index + 1}".strip()
    return rows.select("row_no", pl.col(list(kept))).rename(kept)


def _unrepeated(
    rows: pl.DataFrame, seen: Seen, headers: dict[str, str]
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """First rows of each key; conflicts as rejects; how many rows were exact repetitions."""
    hashes = rows.select(
        "row_no",
        key_hash=pl.struct(seen.key).hash(),
        content_hash=pl.struct(seen.compared).hash(),
    )
    first = hashes.unique("key_hash", keep="first", maintain_order=True).rename(
        {"row_no": "first_row", "content_hash": "first_content"}
    )
    earlier = seen.rows.rename({"first_row": "earlier_row", "content_hash": "earlier_content"})
    told = hashes.join(first, on="key_hash", how="left").join(earlier, on="key_hash", how="left")
    told = told.with_columns(
        against=pl.coalesce("earlier_row", "first_row"),
        against_content=pl.coalesce("earlier_content", "first_content"),
    )
    again = told.filter(pl.col("row_no") != pl.col("against"))
    if again.height == 0:
        seen.rows = pl.concat([seen.rows, hashes.select("key_hash", "content_hash", first_row="row_no")])
        return rows, empty(REJECTS), 0
    other = again.filter(pl.col("content_hash") != pl.col("against_content"))
    kept = rows.filter(~pl.col("row_no").is_in(again["row_no"].implode()))
    new = hashes.filter(pl.col("row_no").is_in(kept["row_no"].implode()))
    seen.rows = pl.concat([seen.rows, new.select("key_hash", "content_hash", first_row="row_no")])
    conflicts = [_conflict(rows, row, seen, headers) for row in other.select("row_no", "against").rows()]
    found = pl.DataFrame(conflicts, schema=dict(REJECTS), orient="row") if conflicts else empty(REJECTS)
    return kept, found, again.height - other.height


def _conflict(
    rows: pl.DataFrame, numbers: tuple[int, int], seen: Seen, headers: dict[str, str]
) -> tuple[int, str, str, str, str, str]:
    row_no, against = numbers
    pair = rows.filter(pl.col("row_no").is_in([row_no, against])).sort("row_no").to_dicts()
    mine = next(row for row in pair if row["row_no"] == row_no)
    differences = "other content"
    if len(pair) == 2:
        theirs = next(row for row in pair if row["row_no"] == against)
        differences = ", ".join(
            f"{name} {_shown(mine[name])} instead of {_shown(theirs[name])}"
            for name in seen.compared
            if mine[name] != theirs[name]
        )
    name = seen.key[-1]
    value = str(mine[name])
    return (
        row_no,
        headers.get(name, name),
        value,
        "conflict",
        f"„{value}“ stands in row {against} too, here with {differences}",
        "Keep one of the two rows, or give the second its own number.",
    )


def _shown(value: object) -> str:
    return "nothing" if value in (None, "") else str(value)
