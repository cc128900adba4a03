"""Postings ↔ frames: read what is posted, add what is missing, close periods, keep payouts.

postings(tenant_id, ...) -> POSTED · add(tenant_id, rows, on=…) · close(tenant_id, until_on, …)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import polars as pl
from django.db import connection, transaction
from django.db.models import Max

from mahnwerk.records import bulk, ids, tenancy
from mahnwerk.records.models import ClosedPeriod, MoneyPosting, Payout, Posting, Tenant

ROWS: dict[str, Any] = {
    "case_id": pl.Int64,
    "payout_id": pl.Int64,
    "creditor_id": pl.Int64,
    "entry": pl.Int16,
    "fact_no": pl.Int32,
    "claim_no": pl.Int32,
    "sequence": pl.Int32,
    "posted_on": pl.Date,
    "document_on": pl.Date,
    "currency": pl.String,
    "debit": pl.Int16,
    "credit": pl.Int16,
    "amount_cents": pl.Int64,
    "is_reversal": pl.Boolean,
    "about_id": pl.Int64,
}
"""Columns of a posting besides its id; `about_id` is of money postings, case and payout of the others."""
_LACKING = {"postings": ("about_id",), "money_postings": ("case_id", "payout_id")}


class JournalConflict(RuntimeError):  # noqa: N818 – an answer, not an accident
    """Two runs posted at the same time, or one closed the day; the second one posted nothing."""


def postings(
    tenant_id: int,
    *,
    case_range: tuple[int, int] | None = None,
    case_ids: Sequence[int] | None = None,
    posting_ids: Sequence[int] | None = None,
    creditor_id: int | None = None,
    first_on: date | None = None,
    last_on: date | None = None,
    accounts: Sequence[int] | None = None,
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Postings of the tenant as a frame, in no particular order: id and ROWS, or the columns asked for.

    Parameters
    ----------
    case_range : only postings of these cases (first ≤ id ≤ last); payouts have none
    case_ids, creditor_id : only theirs
    posting_ids : only these
    first_on, last_on : bounds of the posting day
    accounts : only postings that touch one of these accounts
    """
    tenancy.set_tenant(tenant_id)
    condition, parameters = "p.tenant_id = %s", [tenant_id]
    for sql, value in (
        ("p.creditor_id = %s", creditor_id),
        ("p.posted_on >= %s", first_on),
        ("p.posted_on <= %s", last_on),
    ):
        if value is not None:
            condition += f" AND {sql}"
            parameters.append(value)
    if case_range is not None:
        condition += " AND p.case_id BETWEEN %s AND %s"
        parameters += list(case_range)
    if case_ids is not None:
        wanted, values = bulk.ids_filter(connection, "p.case_id", case_ids)
        condition += f" AND {wanted}"
        parameters += values
    if posting_ids is not None:
        wanted, values = bulk.ids_filter(connection, "p.id", posting_ids)
        condition += f" AND {wanted}"
        parameters += values
    if accounts is not None:
        numbers = ", ".join(str(int(account)) for account in accounts)
        condition += f" AND (p.debit IN ({numbers}) OR p.credit IN ({numbers}))"
    of_cases = case_range is not None or case_ids is not None
    tables = ("postings",) if of_cases else ("postings", "money_postings")
    parts = [
        _read(table, condition, parameters, columns, key=None if of_cases or posting_ids else "p.id")
        for table in tables
    ]
    return pl.concat(parts)


def _read(
    table: str, condition: str, parameters: list[Any], columns: Sequence[str] | None, *, key: str | None
) -> pl.DataFrame:
    """Rows of one of the two tables, with the columns it lacks as nulls."""
    schema = {"id": pl.Int64, **ROWS}
    wanted = list(columns or schema)
    select = {name: (f"p.{name}", schema[name]) for name in wanted if name not in _LACKING[table]}
    found = bulk.read_frame(connection, select, f"{table} p WHERE {condition}", parameters, key=key)
    return found.select(
        pl.col(name) if name in select else pl.lit(None, schema[name]).alias(name) for name in wanted
    )


def payout_postings(tenant_id: int, columns: Sequence[str]) -> pl.DataFrame:
    """All postings of payouts."""
    tenancy.set_tenant(tenant_id)
    payouts = list(Payout.objects.filter(tenant_id=tenant_id).values_list("id", flat=True))
    wanted, values = bulk.ids_filter(connection, "p.payout_id", payouts)
    condition = f"p.tenant_id = %s AND p.payout_id IS NOT NULL AND {wanted}"
    return _read("postings", condition, [tenant_id, *values], columns, key=None)


def money_postings(tenant_id: int, columns: Sequence[str]) -> pl.DataFrame:
    """All postings that follow bank statements and providers' accounts."""
    tenancy.set_tenant(tenant_id)
    return _read("money_postings", "p.tenant_id = %s", [tenant_id], columns, key="p.id")


def add(tenant_id: int, rows: pl.DataFrame, *, table: str = "postings") -> int:
    """Add postings in one transaction; their number.

    Parameters
    ----------
    rows : ROWS; missing columns are null
    table : postings, or money_postings

    Raises
    ------
    JournalConflict : a key has this sequence already, because another run posted in between, or the day was
        closed in between.
    """
    from django.db import IntegrityError

    tenancy.set_tenant(tenant_id)
    if rows.is_empty():
        return 0
    frame = rows.select(
        pl.col(name).cast(dtype) if name in rows.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in ROWS.items()
        if name not in _LACKING[table]
    ).with_columns(ids.new_ids(rows.height), pl.lit(tenant_id).alias("tenant_id"))
    try:
        with transaction.atomic():
            one_at_a_time(tenant_id)
            return bulk.insert_frame(connection, table, frame)
    except IntegrityError as error:
        if "closed period" in str(error):
            raise JournalConflict("The day was closed at the same time.") from error
        if "postings" in str(error) and ("unique" in str(error).lower() or "postings_key" in str(error)):
            raise JournalConflict("Another journal run posted at the same time.") from error
        raise


def one_at_a_time(tenant_id: int) -> None:
    """Wait until nobody else posts or closes; call it in a transaction. Nothing enters a day being closed."""
    Tenant.objects.select_for_update().get(id=tenant_id)


def last_posted_on(tenant_id: int) -> date | None:
    """The latest day anything was posted on."""
    tenancy.set_tenant(tenant_id)
    lasts = [
        model.objects.filter(tenant_id=tenant_id).aggregate(last=Max("posted_on"))["last"]
        for model in (Posting, MoneyPosting)
    ]
    return max((day for day in lasts if day is not None), default=None)


def closed_until(tenant_id: int) -> date | None:
    """The last day of the last closed period."""
    tenancy.set_tenant(tenant_id)
    found: date | None = ClosedPeriod.objects.filter(tenant_id=tenant_id).aggregate(last=Max("until_on"))[
        "last"
    ]
    return found


def content_hash(tenant_id: int, first_on: date | None, last_on: date) -> tuple[int, str]:
    """Number of the postings of a period and SHA-256 over them, in the order of their ids."""
    rows = postings(tenant_id, first_on=first_on, last_on=last_on).sort("id")
    if rows["about_id"].null_count() == rows.height:
        # As it was written before bank statements were posted: periods closed then keep their hash.
        rows = rows.drop("about_id")
    digest = hashlib.sha256(rows.write_csv().encode())
    return rows.height, digest.hexdigest()


def close(tenant_id: int, until_on: date, *, first_on: date | None, at: datetime) -> ClosedPeriod:
    """Close everything up to a day, with the count and hash of what it holds."""
    tenancy.set_tenant(tenant_id)
    with transaction.atomic():
        one_at_a_time(tenant_id)
        count, digest = content_hash(tenant_id, first_on, until_on)
        return ClosedPeriod.objects.create(
            tenant_id=tenant_id, until_on=until_on, closed_at=at, posting_count=count, content_hash=digest
        )


def totals(tenant_id: int, last_on: date | None = None) -> pl.DataFrame:
    """currency, creditor_id, account, debit_cents, credit_cents of everything posted by a day."""
    tenancy.set_tenant(tenant_id)
    until, parameters = ("", []) if last_on is None else (" AND posted_on <= %s", [last_on])
    rows: list[tuple[Any, ...]] = []
    with connection.cursor() as cursor:
        for table in _LACKING:
            for side in ("debit", "credit"):
                cursor.execute(
                    f"SELECT currency, creditor_id, {side}, '{side}', sum(amount_cents) FROM {table} "  # noqa: S608
                    f"WHERE tenant_id = %s{until} GROUP BY currency, creditor_id, {side}",
                    [tenant_id, *parameters],
                )
                rows += [(*row[:4], int(row[4])) for row in cursor.fetchall()]
    schema = {
        "currency": pl.String,
        "creditor_id": pl.Int64,
        "account": pl.Int16,
        "side": pl.String,
        "cents": pl.Int64,
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    side = pl.col("side")
    return (
        frame.group_by("currency", "creditor_id", "account")
        .agg(
            debit_cents=pl.col("cents").filter(side == "debit").sum(),
            credit_cents=pl.col("cents").filter(side == "credit").sum(),
        )
        .sort("currency", "creditor_id", "account")
    )


def covered(tenant_id: int, creditor_id: int | None = None) -> pl.Series:
    """Ids of postings that a payout covers; of one creditor, or of all."""
    tenancy.set_tenant(tenant_id)
    mine, values = ("", []) if creditor_id is None else (" AND o.creditor_id = %s", [creditor_id])
    found = bulk.read_frame(
        connection,
        {"posting_id": ("i.posting_id", pl.Int64)},
        "payout_items i JOIN payouts o ON o.tenant_id = i.tenant_id AND o.id = i.payout_id "
        f"WHERE i.tenant_id = %s{mine}",
        [tenant_id, *values],
    )
    return found["posting_id"]


def documents(tenant_id: int, case_ids: Sequence[int]) -> pl.DataFrame:
    """case_id, case_reference, case_no, claim_no, invoice_number: a row per claim of these cases."""
    tenancy.set_tenant(tenant_id)
    wanted, values = bulk.ids_filter(connection, "l.case_id", case_ids)
    return bulk.read_frame(
        connection,
        {
            "case_id": ("c.id", pl.Int64),
            "case_reference": ("c.case_reference", pl.String),
            "case_no": ("c.case_no", pl.Int64),
            "claim_no": ("l.claim_no", pl.Int32),
            "invoice_number": ("l.invoice_number", pl.String),
        },
        "claims l JOIN cases c ON c.tenant_id = l.tenant_id AND c.id = l.case_id "
        f"WHERE l.tenant_id = %s AND {wanted}",
        [tenant_id, *values],
    )


def save_payout(tenant_id: int, payout: Payout, rows: pl.DataFrame, items: pl.Series) -> None:
    """Keep a payout, its postings and what it covers, all or nothing."""
    tenancy.set_tenant(tenant_id)
    with transaction.atomic():
        payout.save(force_insert=True)
        links = pl.DataFrame({"posting_id": items}).with_columns(
            ids.new_ids(len(items)),
            pl.lit(tenant_id).alias("tenant_id"),
            pl.lit(payout.id).alias("payout_id"),
        )
        bulk.insert_frame(connection, "payout_items", links)
        add(tenant_id, rows.with_columns(pl.lit(payout.id).alias("payout_id")))
