"""Rows to frames and frames to rows, fast, on the connection Django already has.

Reading. SQLite: each column leaves the database as one JSON array per block of rows, which Polars parses;
three times as fast as fetching Python rows, and no second driver touches the file. PostgreSQL: `COPY (…) TO
STDOUT`, so the tenant and the transaction of our own connection hold.

Writing. SQLite: `executemany`, many rows a statement. PostgreSQL: `COPY` into a temporary table, then one
statement from there, since `COPY` refuses tables with row-level security.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import polars as pl

BLOCK_ROWS = 100_000
PARAMETERS_MAX = 900
"""Of one statement; SQLite took 999 of old."""
NULL = "\x1e"
_PLAIN = re.compile(r"[A-Za-z0-9_.: -]*", re.ASCII)
Select = Mapping[str, tuple[str, Any]]
_stage_no = itertools.count(1)


def read_frame(
    connection: Any, select: Select, source: str, parameters: Sequence[Any] = (), *, key: str | None = None
) -> pl.DataFrame:
    """The rows of a query as a frame.

    Parameters
    ----------
    select : column → (SQL expression, Polars type); Boolean, Date, String and integers
    source : "table t WHERE …", with %s for parameters; not sorted, not limited
    key : a unique, not null integer expression of the source along which SQLite walks in blocks, for whole
        tables; without it everything is read at once, by whatever index fits the condition
    """
    if connection.vendor == "sqlite":
        return _read_sqlite(connection, select, source, parameters, key)
    return _read_postgres(connection, select, source, parameters)


def _read_sqlite(
    connection: Any, select: Select, source: str, parameters: Sequence[Any], key: str | None
) -> pl.DataFrame:
    columns = ", ".join(f"{sql} AS {name}" for name, (sql, _) in select.items())
    arrays = ", ".join(f"CAST(json_group_array({name}) AS BLOB)" for name in select)
    query = f"SELECT count(*), max(block_key), {arrays} FROM (SELECT {columns}, {key or 0} AS block_key "  # noqa: S608
    query += f"FROM {source}"
    if key:
        query += f" AND {key} > %s ORDER BY {key} LIMIT {BLOCK_ROWS}"
    blocks, last = [], -1
    with connection.cursor() as cursor:
        while True:
            cursor.execute(query + ")", [*parameters, last] if key else list(parameters))
            count, last, *texts = cursor.fetchone()
            if count:
                blocks.append(_from_arrays(select, texts))
            if count < BLOCK_ROWS or not key:
                break
    if not blocks:
        return pl.DataFrame(schema={name: dtype for name, (_, dtype) in select.items()})
    return pl.concat(blocks)


def _from_arrays(select: Select, texts: Sequence[bytes]) -> pl.DataFrame:
    made = []
    for (name, (_, dtype)), text in zip(select.items(), texts, strict=True):
        wire = pl.String if dtype in (pl.String, pl.Date) else pl.Int64
        whole = pl.Series(name, [text], dtype=pl.Binary).cast(pl.String)
        column = whole.str.json_decode(pl.List(wire)).explode()
        if dtype == pl.Date:
            column = column.str.to_date("%Y-%m-%d")
        made.append(column.cast(dtype))
    return pl.DataFrame(made)


def _read_postgres(connection: Any, select: Select, source: str, parameters: Sequence[Any]) -> pl.DataFrame:
    columns = ", ".join(
        f"({sql})::int AS {name}" if dtype == pl.Boolean else f"{sql} AS {name}"
        for name, (sql, dtype) in select.items()
    )
    statement = f"COPY (SELECT {columns} FROM {source}) TO STDOUT (FORMAT csv, NULL '{NULL}')"  # noqa: S608
    connection.ensure_connection()
    buffer = io.BytesIO()
    with connection.connection.cursor() as cursor, cursor.copy(statement, list(parameters) or None) as copy:
        for part in copy:
            buffer.write(part)
    schema = {
        name: pl.Int8 if dtype == pl.Boolean else dtype for name, (_, dtype) in select.items()
    }  # Polars reads true and false only as words
    if not buffer.tell():
        return pl.DataFrame(schema={name: dtype for name, (_, dtype) in select.items()})
    buffer.seek(0)
    frame = pl.read_csv(
        buffer, has_header=False, schema=schema, null_values=[NULL], empty_string_is_null=False
    )
    return frame.with_columns(
        pl.col(name).cast(pl.Boolean) for name, (_, dtype) in select.items() if dtype == pl.Boolean
    )


def _for_sqlite(frame: pl.DataFrame) -> pl.DataFrame:
    """Dates and timestamps as the text Django keeps in SQLite."""
    made = []
    for name, dtype in frame.schema.items():
        if dtype == pl.Date:
            made.append(pl.col(name).dt.to_string("%Y-%m-%d"))
        elif isinstance(dtype, pl.Datetime):
            made.append(pl.col(name).dt.to_string("%Y-%m-%d %H:%M:%S%.6f"))
    return frame.with_columns(made) if made else frame


def _copy_in(connection: Any, target: str, frame: pl.DataFrame) -> None:
    made = [
        (pl.lit("\\x") + pl.col(name).bin.encode("hex")).alias(name)
        for name, dtype in frame.schema.items()
        if dtype == pl.Binary
    ]
    text = io.BytesIO()
    frame.with_columns(made).write_csv(
        text, include_header=False, null_value=NULL, datetime_format="%Y-%m-%d %H:%M:%S%.6f+00"
    )
    columns = ", ".join(frame.columns)
    statement = f"COPY {target} ({columns}) FROM STDIN (FORMAT csv, NULL '{NULL}')"
    with connection.connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(text.getbuffer())


@contextmanager
def staged(connection: Any, table: str, frame: pl.DataFrame) -> Iterator[str]:
    """PostgreSQL only: the frame as a temporary table with the column types of `table`."""
    name = f"stage_{table}_{next(_stage_no)}"
    columns = ", ".join(frame.columns)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE {name} AS SELECT {columns} FROM {table} WITH NO DATA")  # noqa: S608
        _copy_in(connection, name, frame)
        yield name
        cursor.execute(f"DROP TABLE {name}")


def insert_frame(connection: Any, table: str, frame: pl.DataFrame, *, on_conflict: str = "") -> int:
    """Insert the rows of a frame whose columns are columns of the table; the number inserted or changed.

    Parameters
    ----------
    on_conflict : "", "ON CONFLICT DO NOTHING" or an upsert clause that both databases understand
    """
    if frame.is_empty():
        return 0
    if connection.vendor == "sqlite":
        return _insert_sqlite(connection, table, _for_sqlite(frame), on_conflict)
    columns = ", ".join(frame.columns)
    with staged(connection, table, frame) as stage, connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {stage} {on_conflict}")  # noqa: S608
        return int(cursor.rowcount)


def _insert_sqlite(connection: Any, table: str, frame: pl.DataFrame, on_conflict: str) -> int:
    """Many rows a statement, and what all rows share written into it: half the work of row by row."""
    shared = _shared(frame) if frame.height > PARAMETERS_MAX else {}
    each = frame.drop(list(shared))
    columns = ", ".join([*each.columns, *shared])
    one = "(" + ", ".join(["%s"] * each.width + list(shared.values())) + ")"
    at_once = PARAMETERS_MAX // max(1, each.width)
    whole, rest = divmod(frame.height, at_once)
    rows = each.iter_rows()

    def statement(count: int) -> str:
        return f"INSERT INTO {table} ({columns}) VALUES {', '.join([one] * count)} {on_conflict}"  # noqa: S608

    def flat(count: int) -> list[Any]:
        return list(itertools.chain.from_iterable(itertools.islice(rows, count)))

    changed = 0
    with connection.cursor() as cursor:
        if whole:
            cursor.executemany(statement(at_once), (flat(at_once) for _ in range(whole)))
            changed += int(cursor.rowcount)
        if rest:
            cursor.execute(statement(rest), flat(rest))
            changed += int(cursor.rowcount)
    return changed


def _shared(frame: pl.DataFrame) -> dict[str, str]:
    """Columns with one value in all rows, as SQL: numbers, nothing, and texts of plain signs."""
    found: dict[str, str] = {}
    for name in frame.columns:
        value = frame[name][0]
        if not (value is None or isinstance(value, int | str)) or frame[name].n_unique() > 1:
            continue
        if isinstance(value, str) and not _PLAIN.fullmatch(value):
            continue
        found[name] = "NULL" if value is None else f"'{value}'" if isinstance(value, str) else str(int(value))
    # Something must be left to bind: a row of nothing but shared values is no row of a keyed table.
    return found if len(found) < frame.width else {}


def update_frame(
    connection: Any, table: str, frame: pl.DataFrame, keys: Sequence[str], *, only_if: str = ""
) -> int:
    """Set all columns of the frame but `keys` in the rows that its keys name; the number of rows changed."""
    values = [name for name in frame.columns if name not in keys]
    if frame.is_empty():
        return 0
    condition = f" AND {only_if}" if only_if else ""
    if connection.vendor == "sqlite":
        sets = ", ".join(f"{name} = %s" for name in values)
        where = " AND ".join(f"{name} = %s" for name in keys)
        statement = f"UPDATE {table} SET {sets} WHERE {where}{condition}"  # noqa: S608
        with connection.cursor() as cursor:
            cursor.executemany(statement, _for_sqlite(frame.select([*values, *keys])).iter_rows())
            return int(cursor.rowcount)
    sets = ", ".join(f"{name} = s.{name}" for name in values)
    where = " AND ".join(f"{table}.{name} = s.{name}" for name in keys)
    with staged(connection, table, frame) as stage, connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {sets} FROM {stage} s WHERE {where}{condition}")  # noqa: S608
        return int(cursor.rowcount)


def ids_filter(connection: Any, expression: str, ids: Sequence[int]) -> tuple[str, list[Any]]:
    """A condition "expression is one of ids" for any number of ids, with its parameters."""
    if connection.vendor == "sqlite":
        return expression + " IN (SELECT value FROM json_each(%s))", [str(list(ids))]  # noqa: S608
    return f"{expression} = ANY(%s::bigint[])", ["{" + ",".join(map(str, ids)) + "}"]


@contextmanager
def snapshot(connection: Any) -> Iterator[None]:
    """All reads of the block see one state of the database, without a write lock."""
    connection.ensure_connection()
    if connection.in_atomic_block:
        yield
        return
    begin = (
        "BEGIN DEFERRED"
        if connection.vendor == "sqlite"
        else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    )
    with connection.cursor() as cursor:
        cursor.execute(begin)
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")
