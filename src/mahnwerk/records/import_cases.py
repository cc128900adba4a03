"""The cases and persons behind imported claims: found by the debtor's key, or made."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl
from django.db import connection

from mahnwerk.frames import PERSON
from mahnwerk.records import bulk, crypto, ids, persons
from mahnwerk.records.models import Tenant

CASE_KEY = ["creditor_id", "debtor_key", "currency"]
_ADDRESS = ("company", "first_name", "last_name", "street", "postcode", "city", "country")


@dataclass(frozen=True)
class Found:
    """The cases behind the rows.

    case_ids : CASE_KEY → case_id
    new : the debtors without a case yet, in the order of the file, with the case_id theirs will have
    changed_persons : how many known persons got a new version
    """

    case_ids: pl.DataFrame
    new: pl.DataFrame
    changed_persons: int


def customer_keys(tenant_id: int, pairs: Sequence[tuple[int, str]]) -> list[bytes]:
    """The debtor key of each (creditor_id, customer number)."""
    texts = [f"{creditor_id}|number|{number.strip().upper()}" for creditor_id, number in pairs]
    return crypto.keyed_hashes(tenant_id, "debtor key", texts)


def with_debtor_key(tenant_id: int, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows with `debtor_key` (HMAC in hexadecimal), and conflicts for rows that name nobody.

    The key is the creditor's customer number, else name and postal address as compared (decision 0002).
    """
    rows = rows.with_columns(pl.col(name).fill_null("") for name in PERSON)
    debtors = rows.select("creditor_id", "customer_number", *_ADDRESS).unique(maintain_order=True)
    texts = []
    for row in debtors.iter_rows(named=True):
        number = row["customer_number"].strip().upper()
        if number:
            texts.append(f"{row['creditor_id']}|number|{number}")
        elif any(row[name] for name in ("company", "first_name", "last_name")):
            address = "|".join(" ".join(persons.words(row[name])) for name in _ADDRESS)
            texts.append(f"{row['creditor_id']}|address|{address}")
        else:
            texts.append("")
    hashes = crypto.keyed_hashes(tenant_id, "debtor key", texts)
    keys = [made.hex() if text else None for made, text in zip(hashes, texts, strict=True)]
    debtors = debtors.with_columns(pl.Series("debtor_key", keys, pl.String))
    rows = rows.join(debtors, on=["creditor_id", "customer_number", *_ADDRESS], maintain_order="left")
    nameless = rows.filter(pl.col("debtor_key").is_null())
    conflicts = nameless.select(
        "row_no",
        pl.lit("customer_number").alias("column"),
        pl.lit("").alias("stored"),
        pl.lit("").alias("given"),
        pl.lit("neither a customer number nor a name: nobody to write to; add one").alias("reason"),
    )
    return rows.filter(pl.col("debtor_key").is_not_null()), conflicts


def find(tenant_id: int, rows: pl.DataFrame, recorded_at: datetime) -> Found:
    """The case of each row; new debtors get a number for theirs (see `make`), known ones new versions."""
    wanted = rows.unique(CASE_KEY, keep="last", maintain_order=True)
    order = rows.select(*CASE_KEY, "row_no").unique(CASE_KEY, keep="first").select(*CASE_KEY, first="row_no")
    wanted = wanted.join(order, on=CASE_KEY).sort("first")
    stored = _stored_cases(tenant_id, wanted)
    new = wanted.join(stored, on=CASE_KEY, how="anti", maintain_order="left")
    new = new.with_columns(ids.new_ids(new.height).alias("case_id"))
    known = wanted.join(stored, on=CASE_KEY, maintain_order="left")
    changed = _change_persons(tenant_id, known, recorded_at)
    columns = [*CASE_KEY, "case_id"]
    return Found(pl.concat([stored.select(columns), new.select(columns)]), new, changed)


def _stored_cases(tenant_id: int, wanted: pl.DataFrame) -> pl.DataFrame:
    key = "lower(hex(debtor_key))" if connection.vendor == "sqlite" else "encode(debtor_key, 'hex')"
    condition, parameters = bulk.ids_filter(
        connection, "creditor_id", wanted["creditor_id"].unique().to_list()
    )
    if wanted.height < 1000:
        hashes = [bytes.fromhex(text) for text in wanted["debtor_key"].unique()]
        condition += f" AND debtor_key IN ({', '.join(['%s'] * len(hashes))})" if hashes else ""
        parameters += hashes
    return bulk.read_frame(
        connection,
        {
            "case_id": ("id", pl.Int64),
            "creditor_id": ("creditor_id", pl.Int64),
            "debtor_key": (key, pl.String),
            "currency": ("currency", pl.String),
        },
        f"cases WHERE tenant_id = %s AND {condition}",
        [tenant_id, *parameters],
    )


def _change_persons(tenant_id: int, known: pl.DataFrame, recorded_at: datetime) -> int:
    """New versions for known debtors whose data differ; empty fields of a file never erase what is known."""
    if known.is_empty():
        return 0
    latest = _latest_hmacs(tenant_id, known["case_id"].to_list())
    changed = 0
    for row in known.select("case_id", *PERSON).iter_rows(named=True):
        person = latest.get(row["case_id"])
        if person is None:
            continue
        given = {name: row[name] for name in PERSON}
        if person[1] == crypto.keyed_hash(tenant_id, "payload hmac", persons.canonical(given)):
            continue
        changed += _merge(tenant_id, row["case_id"], given, recorded_at)
    return changed


def _merge(tenant_id: int, case_id: int, given: dict[str, str], recorded_at: datetime) -> int:
    from mahnwerk.records import load

    found = load.persons(tenant_id, [case_id])[case_id]
    if found.payload is None:
        return 0
    merged = {name: given[name] or found.payload[name] for name in PERSON}
    return int(persons.change(tenant_id, found.person_id, merged, recorded_at=recorded_at))


def _latest_hmacs(tenant_id: int, case_ids: list[int]) -> dict[int, tuple[int, bytes]]:
    condition, parameters = bulk.ids_filter(connection, "c.case_id", case_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.case_id, p.person_id, p.payload_hmac FROM case_participants c "  # noqa: S608
            "JOIN persons p ON p.tenant_id = c.tenant_id AND p.person_id = c.person_id "
            f"WHERE c.tenant_id = %s AND c.part = 'debtor' AND {condition} ORDER BY p.version",
            [tenant_id, *parameters],
        )
        return {case: (person, bytes(mark)) for case, person, mark in cursor.fetchall()}


def seal_debtors(
    thread: Executor, tenant_id: int, new: pl.DataFrame, recorded_at: datetime
) -> tuple[pl.DataFrame, Future[persons.Sealed]]:
    """The new cases with the `person_id` their debtors will have, and those debtors, being encrypted."""
    new = new.with_columns(ids.new_ids(new.height).alias("person_id"))
    payloads = list(new.select(PERSON).iter_rows(named=True))
    sealed = persons.seal_new_beside(
        thread, tenant_id, new["person_id"].to_list(), payloads, recorded_at=recorded_at
    )
    return new, sealed


def make(tenant_id: int, new: pl.DataFrame, counts: pl.DataFrame, recorded_on: date) -> None:
    """Write the new cases and who is in them; their persons are left to the caller, see `seal_debtors`.

    Parameters
    ----------
    new : see `Found`, with person_id
    counts : frame(case_id, last_claim_no, last_fact_no): what the same transaction writes for them
    """
    if new.is_empty():
        return
    new = new.join(counts, on="case_id", how="left", maintain_order="left")
    tenant = Tenant.objects.select_for_update().get(id=tenant_id)
    first_no = tenant.last_case_no + 1
    Tenant.objects.filter(id=tenant_id).update(last_case_no=tenant.last_case_no + new.height)
    numbers = list(range(first_no, first_no + new.height))
    cases = new.select(
        pl.col("case_id").alias("id"),
        pl.lit(tenant_id).alias("tenant_id"),
        ids.new_public_ids(new.height),
        "creditor_id",
        pl.col("debtor_key").str.decode("hex"),
        pl.Series("case_no", numbers, pl.Int32),
        pl.Series("case_reference", [case_reference(number) for number in numbers]),
        pl.Series("rf_reference", [rf_reference(tenant.number, number) for number in numbers]),
        "currency",
        (pl.col("debtor_kind") != "business").fill_null(True).alias("is_consumer"),
        "land",
        _language().alias("language"),
        "role",
        "procedure",
        _has("street", "postcode", "city").alias("has_postal_address"),
        _has("email").alias("has_email"),
        pl.col("last_fact_no").fill_null(0),
        pl.col("last_claim_no").fill_null(0),
        pl.lit(recorded_on).alias("recorded_on"),
    )
    bulk.insert_frame(connection, "cases", cases)
    participants = new.select(
        ids.new_ids(new.height),
        pl.lit(tenant_id).alias("tenant_id"),
        "case_id",
        "person_id",
        pl.lit("debtor").alias("part"),
    )
    bulk.insert_frame(connection, "case_participants", participants)


def _has(*names: str) -> Any:
    return pl.all_horizontal(pl.col(name) != "" for name in names)


def _language() -> Any:
    own = pl.col("language")
    return pl.when(own.is_in(["de", "en"])).then(own).otherwise(pl.col("creditor_language").fill_null("de"))


def case_reference(case_no: int) -> str:
    """The reference people write and say: M-000123."""
    return f"M-{case_no:06d}"


def rf_reference(tenant_no: int, case_no: int) -> str:
    """ISO 11649 creditor reference, unique over all tenants: digits only, so it can be read out."""
    body = f"{tenant_no:04d}{case_no:09d}"
    check = 98 - int(body + "271500") % 97  # R = 27, F = 15
    return f"RF{check:02d}{body}"
