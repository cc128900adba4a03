"""Small books for the tests of records."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from mahnwerk import frames
from mahnwerk.records.import_claims import ImportedClaims, import_claims
from mahnwerk.records.models import Creditor, Mandate

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)


def creditor(tenant_id: int, key: str = "shop", **more: Any) -> int:
    row = Creditor.objects.create(
        tenant_id=tenant_id,
        key=key,
        name=f"{key} GmbH",
        procedure="consumers@1",
        profile={"key": key},
        **more,
    )
    Mandate.objects.create(tenant_id=tenant_id, creditor_id=row.id, role=frames.Role.OWN, given_on=TODAY)
    return int(row.id)


def claim_row(row_no: int, **given: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        name: "" if dtype == pl.String else None for name, dtype in frames.IMPORTED_CLAIMS.items()
    }
    row |= {
        "row_no": row_no,
        "customer_number": "K-1",
        "first_name": "Änne",
        "last_name": "Größler-Weiß",
        "street": "Am Tor 3",
        "postcode": "10115",
        "city": "Berlin",
        "country": "DE",
        "email": "aenne@example.org",
        "phone": "030 123456",
        "iban": "DE02120300000000202051",
        "land": "BE",
        "creditor_key": "shop",
        "invoice_number": f"R-{row_no}",
        "currency": "EUR",
        "amount_cents": 10_000 + row_no,
        "issued_on": date(2026, 1, 5),
        "due_on": date(2026, 1, 19),
        "due_kind": int(frames.DueKind.CALENDAR),
        "kind": int(frames.ClaimKind.GOODS_OR_SERVICES),
        "has_default_notice": False,
        "is_secured": False,
        "is_credit_note": False,
    }
    return row | given


def claims(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=dict(frames.IMPORTED_CLAIMS))


def import_rows(tenant_id: int, *rows: dict[str, Any], at: datetime = NOW) -> ImportedClaims:
    return import_claims(tenant_id, claims(*rows), recorded_at=at)


def plan(measures: list[dict[str, Any]], held: list[dict[str, Any]], items: list[dict[str, Any]]) -> Any:
    def frame(rows: list[dict[str, Any]], schema: frames.Schema) -> pl.DataFrame:
        return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=dict(schema))

    return frames.DayPlan(
        balances=frames.empty(frames.BALANCES),
        measures=frame(measures, frames.MEASURES),
        measure_items=frame(items, frames.MEASURE_ITEMS),
        held=frame(held, frames.HELD),
        law_hash="law",
    )


def measure(case_id: int, fact_no: int, **given: Any) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "step_id": "payment_reminder",
        "level": 1,
        "cycle": 1,
        "channel": "email",
        "procedure": "consumers@1",
        "demanded_cents": 10_001,
        "fee_cents": 0,
        "fee_rule_id": None,
        "pay_by": date(2026, 3, 16),
        "is_dunning": True,
        "reason": "due",
        "fact_no": fact_no,
    } | given


def item(case_id: int, claim_id: int, **given: Any) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "claim_id": claim_id,
        "step_id": "payment_reminder",
        "level": 1,
        "climbs": True,
        "open_cents": 10_001,
        "triggers_default": True,
    } | given


def held(case_id: int, fact_no: int, reason: str = "waiting", **given: Any) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "reason": reason,
        "detail": None,
        "next_look_on": None,
        "fact_no": fact_no,
    } | given
