"""Add facts to cases: numbered within the case, each event once.

append(tenant_id, rows, *, recorded_at) -> frame(case_id, fact_no, is_new), in the order of `rows`

An import, which makes cases and claims in the same transaction, calls the two halves: `number`, then `write`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl
from django.db import connection, transaction

from mahnwerk.frames import FactKind
from mahnwerk.records import bulk, crypto, ids, tenancy
from mahnwerk.records.models import Fact

ROWS = {
    "case_id": pl.Int64,
    "claim_id": pl.Int64,
    "kind": pl.Int16,
    "effective_on": pl.Date,
    "amount_cents": pl.Int64,
    "currency": pl.String,
    "voids_fact_no": pl.Int32,
    "until_on": pl.Date,
    "code": pl.String,
    "message_id": pl.Int64,
    "source_key": pl.String,
    "designated_claim_ids": pl.List(pl.Int64),
}
"""Columns of a fact to add; case_id, kind and effective_on are needed, the rest may be missing or null."""

_KEYS_PER_QUERY = 500


@dataclass(frozen=True)
class Fresh:
    """Cases and claims made in this transaction and not written yet: nobody else can know or change them.

    cases : frame(case_id, case_currency); the caller writes them with their numbers, see `Numbered.last`
    claims : frame(claim_id, case_id), also of cases that are there already
    """

    cases: pl.DataFrame
    claims: pl.DataFrame


@dataclass(frozen=True)
class Numbered:
    """Facts checked and numbered, not written yet.

    given : frame(case_id, fact_no, is_new) in the order of the rows
    new : the facts to write
    last : frame(case_id, last_fact_no) of the cases that get facts
    """

    tenant_id: int
    given: pl.DataFrame
    new: pl.DataFrame
    last: pl.DataFrame


class FactRefused(ValueError):  # noqa: N818 – an answer, not an accident
    """A fact that cannot be added: which row, why, what to do."""


def _checked(rows: Sequence[Mapping[str, Any]] | pl.DataFrame) -> pl.DataFrame:
    if not isinstance(rows, pl.DataFrame):
        unknown = {name for row in rows for name in row} - ROWS.keys()
        if unknown:
            raise FactRefused(f"a fact has no field {', '.join(sorted(unknown))}; known: {', '.join(ROWS)}")
        rows = pl.DataFrame([{name: row.get(name) for name in ROWS} for row in rows], schema=ROWS)
    given = [name for name in ROWS if name in rows.columns]
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in ROWS.items() if name not in given]
    frame = rows.select(given).with_columns(missing).select(list(ROWS)).cast(ROWS)
    for name in ("case_id", "kind", "effective_on"):
        if frame[name].null_count():
            raise FactRefused(f"row {frame[name].is_null().arg_true()[0] + 1}: a fact needs {name}.")
    unknown_kinds = frame.filter(~pl.col("kind").is_in([int(kind) for kind in FactKind]))
    if unknown_kinds.height:
        raise FactRefused(f"{unknown_kinds['kind'][0]} is no kind of fact; see mahnwerk.frames.FactKind.")
    return frame.with_row_index("row")


def append(
    tenant_id: int, rows: Sequence[Mapping[str, Any]] | pl.DataFrame, *, recorded_at: datetime
) -> pl.DataFrame:
    """Add facts in one transaction; call it inside a larger one if other rows belong to them.

    Parameters
    ----------
    rows : dicts or a frame with columns of `ROWS`. `source_key` names the event within the tenant, for
        example "bank:2026-03-01:17": told twice, it is one fact. `amount_cents` is in the case's currency.
        `designated_claim_ids`: claims the payer named, in that order.
    recorded_at : now, UTC, from the use case's clock

    Returns
    -------
    frame(case_id Int64, fact_no Int32, is_new Boolean) in the order of `rows`; a known event has the number
    of the fact that is already there.

    Raises
    ------
    FactRefused : unknown case, claim of another case, voided fact that is not there, other currency.
    """
    tenancy.set_tenant(tenant_id)
    with transaction.atomic():
        numbered = number(tenant_id, rows)
        write(numbered, recorded_at=recorded_at)
        bulk.update_frame(connection, "cases", numbered.last.rename({"case_id": "id"}), ["id"])
    return numbered.given


def number(
    tenant_id: int, rows: Sequence[Mapping[str, Any]] | pl.DataFrame, *, fresh: Fresh | None = None
) -> Numbered:
    """Lock the cases, leave out known events, number the rest and check them; see `append`.

    Call it in a transaction and end that with `write` and with the cases' `last_fact_no`.
    """
    frame = _checked(rows)
    cases = _lock_cases(tenant_id, frame["case_id"].unique().sort(), fresh)
    frame = frame.join(cases, on="case_id", how="left", maintain_order="left")
    known = _known_keys(tenant_id, frame)
    frame = frame.join(known, on="source_key", how="left", maintain_order="left")
    is_new = pl.col("known_no").is_null() & (
        pl.col("source_key").is_null() | pl.col("source_key").is_first_distinct()
    )
    new = frame.filter(is_new).with_columns(
        fact_no=(pl.col("last_fact_no") + pl.int_range(pl.len()).over("case_id") + 1).cast(pl.Int32),
    )
    _check(tenant_id, new, fresh)
    numbers = new.select("row", new_no="fact_no")
    same_key = new.filter(pl.col("source_key").is_not_null()).select("source_key", key_no="fact_no")
    given = (
        frame.join(numbers, on="row", how="left", maintain_order="left")
        .join(same_key, on="source_key", how="left", maintain_order="left")
        .select(
            "case_id",
            pl.coalesce("known_no", "new_no", "key_no").alias("fact_no"),
            pl.col("new_no").is_not_null().alias("is_new"),
        )
    )
    last = new.group_by("case_id").agg(pl.col("fact_no").max().alias("last_fact_no"))
    return Numbered(tenant_id, given, new, last)


def _lock_cases(tenant_id: int, case_ids: pl.Series, fresh: Fresh | None) -> pl.DataFrame:
    """Number and currency of the cases, locked: SQLite locked the file at BEGIN."""
    schema = {"case_id": pl.Int64, "last_fact_no": pl.Int32, "case_currency": pl.String}
    made = pl.DataFrame(schema=schema)
    if fresh is not None:
        made = fresh.cases.select("case_id", pl.lit(0, pl.Int32).alias("last_fact_no"), "case_currency")
        case_ids = case_ids.filter(~case_ids.is_in(made["case_id"].implode()))
    if case_ids.is_empty():
        return made
    condition, parameters = bulk.ids_filter(connection, "id", case_ids.to_list())
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT id FROM cases WHERE tenant_id = %s AND {condition} ORDER BY id FOR UPDATE",  # noqa: S608
                [tenant_id, *parameters],
            )
    found = bulk.read_frame(
        connection,
        {
            "case_id": ("id", pl.Int64),
            "last_fact_no": ("last_fact_no", pl.Int32),
            "case_currency": ("currency", pl.String),
        },
        f"cases WHERE tenant_id = %s AND {condition}",
        [tenant_id, *parameters],
    )
    if found.height < case_ids.len():
        missing = sorted(set(case_ids) - set(found["case_id"]))
        raise FactRefused(f"There is no case with id {missing[0]} in this book.")
    return pl.concat([found, made])


def hashed_keys(tenant_id: int, keys: pl.Series) -> pl.Series:
    """Source keys as stored: HMACs, null stays null."""
    given = keys.drop_nulls().unique()
    made = crypto.keyed_hashes(tenant_id, "source key", given)
    mapped = dict(zip(given, made, strict=True))
    return pl.Series(keys.name, [mapped.get(key) for key in keys], pl.Binary)


def _known_keys(tenant_id: int, frame: pl.DataFrame) -> pl.DataFrame:
    """source_key → number of the fact that is already there; read inside the transaction."""
    keys = frame["source_key"].drop_nulls().unique()
    hashes = dict(zip(crypto.keyed_hashes(tenant_id, "source key", keys), keys, strict=True))
    found: list[tuple[str, int]] = []
    wanted = list(hashes)
    with connection.cursor() as cursor:
        for start in range(0, len(wanted), _KEYS_PER_QUERY):
            part = wanted[start : start + _KEYS_PER_QUERY]
            marks = ", ".join(["%s"] * len(part))
            cursor.execute(
                f"SELECT source_key, fact_no FROM facts WHERE tenant_id = %s AND source_key IN ({marks})",  # noqa: S608
                [tenant_id, *part],
            )
            found += [(hashes[bytes(key)], number) for key, number in cursor.fetchall()]
    return pl.DataFrame(found, schema={"source_key": pl.String, "known_no": pl.Int32}, orient="row")


def numbers_of(tenant_id: int, keys: Sequence[str]) -> dict[str, tuple[int, int]]:
    """source_key → (case_id, fact_no) of the facts that are already there, for events told by their names."""
    hashes = dict(zip(crypto.keyed_hashes(tenant_id, "source key", keys), keys, strict=True))
    found: dict[str, tuple[int, int]] = {}
    wanted = list(hashes)
    for start in range(0, len(wanted), _KEYS_PER_QUERY):
        part = wanted[start : start + _KEYS_PER_QUERY]
        rows = Fact.objects.filter(tenant_id=tenant_id, source_key__in=part)
        for key, case_id, fact_no in rows.values_list("source_key", "case_id", "fact_no"):
            found[hashes[bytes(key)]] = case_id, fact_no
    return found


_SAID: Final = (
    "case_id",
    "fact_no",
    "kind",
    "claim_id",
    "effective_on",
    "amount_cents",
    "voids_fact_no",
    "until_on",
    "code",
)


def told_as(tenant_id: int, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """source_key → what the fact that is already there says: case, number and all that a row may tell."""
    hashes = dict(zip(crypto.keyed_hashes(tenant_id, "source key", keys), keys, strict=True))
    found: dict[str, dict[str, Any]] = {}
    wanted = list(hashes)
    for start in range(0, len(wanted), _KEYS_PER_QUERY):
        part = wanted[start : start + _KEYS_PER_QUERY]
        rows = Fact.objects.filter(tenant_id=tenant_id, source_key__in=part)
        found.update({hashes[bytes(row["source_key"])]: row for row in rows.values("source_key", *_SAID)})
    return found


def _check(tenant_id: int, new: pl.DataFrame, fresh: Fresh | None) -> None:
    other = new.filter(pl.col("currency") != pl.col("case_currency"))
    if other.height:
        row = other.row(0, named=True)
        raise FactRefused(
            f"row {row['row'] + 1}: amount in {row['currency']}, but the case is kept in "
            f"{row['case_currency']}; convert it first, or record it with the other case."
        )
    void = new.filter((pl.col("voids_fact_no") < 1) | (pl.col("voids_fact_no") >= pl.col("fact_no")))
    if void.height:
        row = void.row(0, named=True)
        raise FactRefused(
            f"row {row['row'] + 1}: the case has no earlier fact {row['voids_fact_no']} to void."
        )
    _check_voided_kinds(tenant_id, new)
    named = new.select("row", "case_id", "claim_id").drop_nulls("claim_id")
    designated = (
        new.select("row", "case_id", pl.col("designated_claim_ids").alias("claim_id"))
        .explode("claim_id")
        .drop_nulls("claim_id")
    )
    named = pl.concat([named, designated])
    if fresh is not None:
        named = named.join(fresh.claims, on=["claim_id", "case_id"], how="anti")
    if named.is_empty():
        return
    condition, parameters = bulk.ids_filter(connection, "id", named["claim_id"].unique().to_list())
    claims = bulk.read_frame(
        connection,
        {"claim_id": ("id", pl.Int64), "case_id": ("case_id", pl.Int64)},
        f"claims WHERE tenant_id = %s AND {condition}",
        [tenant_id, *parameters],
    )
    foreign = named.join(claims, on=["claim_id", "case_id"], how="anti")
    if foreign.height:
        row = foreign.sort("row").row(0, named=True)
        raise FactRefused(f"row {row['row'] + 1}: claim {row['claim_id']} is not a claim of its case.")


def _check_voided_kinds(tenant_id: int, new: pl.DataFrame) -> None:
    """A bank return undoes a payment only; a placed claim is closed or credited, never undone."""
    undoing = new.filter(pl.col("voids_fact_no").is_not_null())
    if undoing.is_empty():
        return
    condition, parameters = bulk.ids_filter(connection, "case_id", undoing["case_id"].unique().to_list())
    known = bulk.read_frame(
        connection,
        {
            "case_id": ("case_id", pl.Int64),
            "voids_fact_no": ("fact_no", pl.Int32),
            "voided_kind": ("kind", pl.Int16),
        },
        f"facts WHERE tenant_id = %s AND {condition}",
        [tenant_id, *parameters],
    )
    fresh = new.select("case_id", voids_fact_no="fact_no", voided_kind="kind")
    wrong = undoing.join(pl.concat([known, fresh]), on=["case_id", "voids_fact_no"], how="inner").filter(
        (pl.col("voided_kind") == int(FactKind.CLAIM_PLACED))
        | (
            (pl.col("kind") == int(FactKind.PAYMENT_RETURNED))
            & (pl.col("voided_kind") != int(FactKind.PAYMENT_RECEIVED))
        )
    )
    if wrong.height:
        row = wrong.sort("row").row(0, named=True)
        what = FactKind(row["voided_kind"]).name.lower()
        raise FactRefused(
            f"row {row['row'] + 1}: fact {row['voids_fact_no']} is {what}, which "
            f"{FactKind(row['kind']).name.lower()} cannot undo; `mahnwerk why CASE` lists the facts."
        )


def write(numbered: Numbered, *, recorded_at: datetime) -> None:
    """Write numbered facts and what their payers named; the cases' `last_fact_no` is left to the caller."""
    from mahnwerk.records.save import local_day, tenant_zone

    tenant_id, new = numbered.tenant_id, numbered.new
    if new.is_empty():
        return
    recorded_on = local_day(recorded_at, tenant_zone(tenant_id))
    facts = new.select(
        ids.new_ids(new.height),
        pl.lit(tenant_id).alias("tenant_id"),
        "case_id",
        "fact_no",
        "claim_id",
        "kind",
        "effective_on",
        pl.lit(recorded_at.astimezone(UTC).replace(tzinfo=None)).alias("recorded_at"),
        pl.lit(recorded_on).alias("recorded_on"),
        "amount_cents",
        pl.when(pl.col("amount_cents").is_not_null()).then("case_currency").alias("currency"),
        "voids_fact_no",
        "until_on",
        "code",
        "message_id",
        hashed_keys(tenant_id, new["source_key"]),
    )
    bulk.insert_frame(connection, "facts", facts)
    designated = (
        new.select("case_id", "fact_no", pl.col("designated_claim_ids").alias("claim_id"))
        .explode("claim_id")
        .drop_nulls("claim_id")
    )
    bulk.insert_frame(
        connection,
        "designations",
        designated.select(
            ids.new_ids(designated.height),
            pl.lit(tenant_id).alias("tenant_id"),
            "case_id",
            "fact_no",
            "claim_id",
            (pl.int_range(pl.len()).over("case_id", "fact_no") + 1).alias("position"),
        ),
    )
