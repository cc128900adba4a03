"""Frames in and out of the database: any number of rows, whatever their columns share, no sign lost."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from django.db import IntegrityError, connection, transaction

from mahnwerk.records import bulk, ids
from mahnwerk.records.models import AuditEntry

TEXTS = ("plain", "2026-03-02", "", "100 %s", "it's", "'; DROP TABLE x; --", "?, ?", "ü “quoted”", "a\nb")
SELECT = {
    "id": ("a.id", pl.Int64),
    "actor": ("a.actor", pl.String),
    "action": ("a.action", pl.String),
    "action_on": ("a.action_on", pl.Date),
    "case_id": ("a.case_id", pl.Int64),
}


def entries(tenant_id: int, count: int, *, shared: str) -> pl.DataFrame:
    """Rows of the audit trail: `actor` and the day are the same in all, `action` goes through all texts."""
    texts = pl.lit(pl.Series("texts", TEXTS))
    return pl.DataFrame({"number": pl.int_range(count, eager=True)}).select(
        ids.new_ids(count),
        tenant_id=pl.lit(tenant_id),
        at=pl.lit(datetime(2026, 3, 2, 9, tzinfo=UTC)),
        actor=pl.lit(shared),
        action=texts.gather(pl.col("number") % len(TEXTS)),
        action_on=pl.lit(date(2026, 3, 2)),
        case_id=pl.when(pl.col("number") % 3 == 0).then(None).otherwise("number"),
        detail=pl.lit("{}"),
    )


@pytest.mark.parametrize("shared", TEXTS)
@pytest.mark.parametrize("count", [1, 2, 900, 901, 2_503])
def test_what_goes_in_comes_out(tenant_id: int, count: int, shared: str) -> None:
    rows = entries(tenant_id, count, shared=shared)
    assert bulk.insert_frame(connection, "audit_entries", rows) == count
    found = bulk.read_frame(connection, SELECT, "audit_entries a WHERE a.tenant_id = %s", [tenant_id])
    assert found.sort("id").equals(rows.select(list(SELECT)).sort("id"))
    one = AuditEntry.objects.order_by("id").last()
    assert one is not None
    assert (one.at, one.detail) == (datetime(2026, 3, 2, 9, tzinfo=UTC), {})


def test_a_row_that_is_there_already_stops_all_or_is_passed_over(tenant_id: int) -> None:
    rows = entries(tenant_id, 2_000, shared="clerk")
    assert bulk.insert_frame(connection, "audit_entries", rows[1_990:1_995]) == 5
    with pytest.raises(IntegrityError), transaction.atomic():
        bulk.insert_frame(connection, "audit_entries", rows)
    assert AuditEntry.objects.count() == 5
    added = bulk.insert_frame(connection, "audit_entries", rows, on_conflict="ON CONFLICT DO NOTHING")
    assert (added, AuditEntry.objects.count()) == (1_995, 2_000)
