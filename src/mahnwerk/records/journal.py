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
from mahnwerk.records.models import ClosedPeriod, Payout, PayoutItem, Posting, Tenant

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
}
"""Columns of a posting besides its id."""


class JournalConflict(RuntimeError):  # noqa: N818 – an answer, not an accident
    """Two runs posted at the same time, or one closed the day; the second one posted nothing."""


def postings(
    tenant_id: int,
    *,
    case_range: tuple[int, int] | None = None,
    case_ids: Sequence[int] | None = None,
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
    if accounts is not None:
        numbers = ", ".join(str(int(account)) for account in accounts)
        condition += f" AND (p.debit IN ({numbers}) OR p.credit IN ({numbers}))"
    schema = {"id": pl.Int64, **ROWS}
    select = {name: (f"p.{name}", schema[name]) for name in columns or schema}
    partial = case_range is not None or case_ids is not None
    return bulk.read_frame(
        connection, select, f"postings p WHERE {condition}", parameters, key=None if partial else "p.id"
    )


def add(tenant_id: int, rows: pl.DataFrame) -> int:
    """Add postings in one transaction; their number.

    Parameters
    ----------
    rows : ROWS; missing columns are null

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
    ).with_columns(ids.new_ids(rows.height), pl.lit(tenant_id).alias("tenant_id"))
    try:
        with transaction.atomic():
            one_at_a_time(tenant_id)
            return bulk.insert_frame(connection, "postings", frame)
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
    found: date | None = Posting.objects.filter(tenant_id=tenant_id).aggregate(last=Max("posted_on"))["last"]
    return found


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
        for side in ("debit", "credit"):
            cursor.execute(
                f"SELECT currency, creditor_id, {side}, '{side}', sum(amount_cents) FROM postings "  # noqa: S608
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


def covered(tenant_id: int, creditor_id: int) -> set[int]:
    """Ids of the creditor's postings that a payout covers."""
    tenancy.set_tenant(tenant_id)
    items = PayoutItem.objects.filter(tenant_id=tenant_id, payout__creditor_id=creditor_id)
    return set(items.values_list("posting_id", flat=True))


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
