"""Make a large synthetic book for the benchmarks, by bulk inserts; the same seed makes the same book.

    from mahnwerk.records.book import open_book, ensure_tenant
    open_book(folder); tenant_id = ensure_tenant("bench")
    made = make_book(tenant_id, 1_000_000, on=date(2026, 3, 2))

2.5 claims per case, 20 % of the claims part-paid. On `on` a tenth of the cases is due for its first message;
45 % are not yet due; 45 % were reminded three days before and wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
from django.db import connection, transaction

from mahnwerk.frames import Channel, ClaimKind, DueKind, FactKind, Role
from mahnwerk.records import bulk, crypto, guards, ids, persons
from mahnwerk.records.import_cases import case_reference, rf_reference
from mahnwerk.records.models import Creditor, Mandate, Tenant

LAENDER = np.array(["BE", "BY", "NW", "SN", "HH", "BW"])
FIRST_NAMES = ("Anna", "Jürgen", "Çağla", "Uwe", "Mara", "Björn", "Ilse", "Tom")
LAST_NAMES = ("Müller", "Schmidt", "Größler", "Yıldız", "Weber", "von der Heide", "Klein", "Öztürk")
DUE, NOT_YET, WAITING = 0, 1, 2


@dataclass(frozen=True)
class MadeBook:
    """What was made."""

    creditor_id: int
    cases: int
    claims: int
    facts: int
    messages: int


def make_book(
    tenant_id: int,
    claims: int,
    *,
    on: date,
    seed: int = 1,
    due_share: float = 0.1,
    part_paid_share: float = 0.2,
    with_persons: bool = False,
    procedure: str = "consumers@1",
    first_step: str = "payment_reminder",
) -> MadeBook:
    """Insert a book of about `claims` open claims into an empty tenant.

    Parameters
    ----------
    due_share : part of the cases that is overdue and was never written to
    with_persons : also write encrypted persons (slower; needed where letters are rendered)
    procedure, first_step : enrolment of the cases and the step of the earlier messages
    """
    rng = np.random.default_rng(seed)
    with _without_checking_each_row(), transaction.atomic():
        creditor_id = _creditor(tenant_id, procedure, on)
        cases = _cases(tenant_id, creditor_id, claims, on, rng, due_share, procedure)
        rows = _claims(cases, claims, on, rng)
        facts = _facts(rows, on, rng, part_paid_share)
        sent = _messages(cases, rows, on, first_step, procedure)
        facts = _with_numbers(facts, sent)
        last = facts.group_by("case_id").agg(pl.col("fact_no").max().alias("last_fact_no"))
        numbers = rows.group_by("case_id").agg(pl.col("claim_no").max().alias("last_claim_no"))
        cases = cases.join(last, on="case_id").join(numbers, on="case_id").sort("case_id")
        tenant = pl.lit(tenant_id).alias("tenant_id")
        _insert("cases", cases.drop("state").rename({"case_id": "id"}).with_columns(tenant))
        claim_rows = rows.drop("state", "is_late").rename({"claim_id": "id"})
        _insert("claims", claim_rows.with_columns(tenant, pl.lit(creditor_id).alias("creditor_id")))
        messages = sent.drop("case_claims", "is_dunning_item")
        _insert("messages", messages.with_columns(tenant))
        _insert("message_items", _items(sent, rows).with_columns(tenant))
        _send(messages)
        _insert("facts", facts.with_columns(ids.new_ids(facts.height), tenant))
        if with_persons:
            _persons(tenant_id, cases["case_id"], on)
        Tenant.objects.filter(id=tenant_id).update(last_case_no=cases.height)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return MadeBook(creditor_id, cases.height, rows.height, facts.height, messages.height)


@contextmanager
def _without_checking_each_row() -> Iterator[None]:
    """References are right by construction; checking three million of them would take most of the time."""
    is_sqlite = connection.vendor == "sqlite"
    off = (
        ["PRAGMA foreign_keys=OFF", "PRAGMA synchronous=OFF"] if is_sqlite else guards.drop_foreign_key_sql()
    )
    on = ["PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON"] if is_sqlite else guards.foreign_key_sql()
    with connection.cursor() as cursor:
        for statement in off:
            cursor.execute(statement)
        yield
        for statement in on:
            cursor.execute(statement)


def _insert(table: str, frame: pl.DataFrame) -> None:
    bulk.insert_frame(connection, table, frame)


def _creditor(tenant_id: int, procedure: str, on: date) -> int:
    creditor = Creditor.objects.create(
        tenant_id=tenant_id,
        key="bench",
        name="Bench GmbH",
        procedure=procedure,
        profile={"name": "Bench GmbH"},
    )
    Mandate.objects.create(
        tenant_id=tenant_id, creditor_id=creditor.id, role=Role.OWN, given_on=on - timedelta(days=900)
    )
    return int(creditor.id)


def _cases(
    tenant_id: int,
    creditor_id: int,
    claims: int,
    on: date,
    rng: np.random.Generator,
    due_share: float,
    procedure: str,
) -> pl.DataFrame:
    count = max(1, claims * 2 // 5)
    number = Tenant.objects.get(id=tenant_id).number
    state = np.where(rng.random(count) < due_share, DUE, rng.integers(NOT_YET, WAITING + 1, count))
    debtor_keys = crypto.keyed_hashes(
        tenant_id, "debtor key", (f"{creditor_id}|bench|{i}" for i in range(count))
    )
    return pl.DataFrame(
        {
            "case_id": ids.new_ids(count),
            "public_id": ids.new_public_ids(count),
            "creditor_id": [creditor_id] * count,
            "debtor_key": pl.Series(debtor_keys, dtype=pl.Binary),
            "case_no": pl.int_range(1, count + 1, eager=True),
            "case_reference": [case_reference(i) for i in range(1, count + 1)],
            "rf_reference": [rf_reference(number, i) for i in range(1, count + 1)],
            "currency": ["EUR"] * count,
            "is_consumer": rng.random(count) < 0.8,
            "land": LAENDER[rng.integers(0, len(LAENDER), count)],
            "language": ["de"] * count,
            "role": [int(Role.OWN)] * count,
            "procedure": [procedure] * count,
            "has_postal_address": [True] * count,
            "has_email": rng.random(count) < 0.7,
            "recorded_on": [on - timedelta(days=200)] * count,
            "state": state,
        }
    )


def _claims(cases: pl.DataFrame, claims: int, on: date, rng: np.random.Generator) -> pl.DataFrame:
    extra = np.sort(rng.integers(0, cases.height, max(0, claims - cases.height)))
    owner = np.sort(np.concatenate([np.arange(cases.height), extra]))
    count = len(owner)
    picked = cases.select("case_id", "state")[owner]
    state = picked["state"].to_numpy()
    overdue = np.where(state == DUE, rng.integers(20, 120, count), rng.integers(30, 200, count))
    days = np.where(state == NOT_YET, -rng.integers(15, 60, count), overdue)
    day = np.datetime64(on, "D")
    due_on = day - days.astype("timedelta64[D]")
    issued_on = due_on - np.timedelta64(14, "D")
    return picked.with_columns(
        ids.new_ids(count).alias("claim_id"),
        (pl.int_range(pl.len()).over("case_id") + 1).cast(pl.Int32).alias("claim_no"),
        pl.lit("de").alias("jurisdiction"),
        pl.lit(int(ClaimKind.GOODS_OR_SERVICES)).alias("kind"),
        (pl.lit("R-") + pl.int_range(count).cast(pl.String).str.zfill(8)).alias("invoice_number"),
        pl.lit("EUR").alias("currency"),
        pl.Series("principal_cents", rng.integers(1_500, 90_000, count)),
        pl.Series("issued_on", issued_on),
        pl.Series("due_on", due_on),
        pl.Series("due_kind", np.where(rng.random(count) < 0.7, int(DueKind.CALENDAR), int(DueKind.INVOICE))),
        pl.Series("received_on", issued_on + np.timedelta64(1, "D")),
        pl.Series("obligation_arose_on", issued_on),
        pl.lit(True).alias("has_default_notice"),
        pl.lit(False).alias("is_secured"),
        pl.lit(on - timedelta(days=200)).alias("recorded_on"),
        pl.Series("is_late", days > 0),
    )


def _facts(rows: pl.DataFrame, on: date, rng: np.random.Generator, part_paid_share: float) -> pl.DataFrame:
    placed = rows.select(
        "case_id",
        "claim_id",
        pl.lit(int(FactKind.CLAIM_PLACED)).alias("kind"),
        pl.col("issued_on").alias("effective_on"),
        pl.col("principal_cents").alias("amount_cents"),
    )
    part = rows.filter(pl.Series(rng.random(rows.height) < part_paid_share))
    ago = pl.Series(rng.integers(6, 18, part.height)).cast(pl.Int64) * pl.duration(days=1)
    paid = part.select(
        "case_id",
        "claim_id",
        pl.lit(int(FactKind.PAYMENT_RECEIVED)).alias("kind"),
        (pl.lit(on) - ago).cast(pl.Date).alias("effective_on"),
        (pl.col("principal_cents") * 3 // 10).alias("amount_cents"),
    )
    return pl.concat([placed, paid])


def _messages(cases: pl.DataFrame, rows: pl.DataFrame, on: date, step: str, procedure: str) -> pl.DataFrame:
    sealed_on = on - timedelta(days=3)
    at = datetime(sealed_on.year, sealed_on.month, sealed_on.day, 9, tzinfo=UTC).replace(tzinfo=None)
    listed = rows.filter((pl.col("state") == WAITING) & pl.col("is_late"))
    demanded = listed.group_by("case_id").agg(
        pl.col("principal_cents").sum().alias("demanded_cents"), pl.len().alias("case_claims")
    )
    sent = demanded.sort("case_id")
    return sent.select(
        ids.new_ids(sent.height),
        ids.new_public_ids(sent.height),
        "case_id",
        pl.lit(step).alias("step_id"),
        pl.lit(1).alias("level"),
        pl.lit(1).alias("cycle"),
        pl.lit(procedure).alias("procedure"),
        pl.lit(str(Channel.EMAIL)).alias("channel"),
        pl.lit(1).alias("attempt"),
        "demanded_cents",
        pl.lit(0).alias("fee_cents"),
        pl.lit(on + timedelta(days=11)).alias("pay_by"),
        pl.lit(True).alias("is_dunning"),
        pl.lit("due").alias("reason"),
        pl.lit(1).alias("fact_no"),
        pl.lit(sealed_on).alias("planned_on"),
        pl.lit("bench").alias("law_hash"),
        pl.lit("planned").alias("state"),
        pl.lit(1).alias("fence"),
        pl.lit(at).alias("sealed_at"),
        pl.lit(sealed_on).alias("sealed_on"),
        "case_claims",
        pl.lit(True).alias("is_dunning_item"),
    )


def _items(sent: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    listed = rows.filter(pl.col("is_late")).join(
        sent.select("case_id", "step_id", "level", pl.col("id").alias("message_id")), on="case_id"
    )
    return listed.select(
        ids.new_ids(listed.height),
        "message_id",
        "case_id",
        "claim_id",
        "step_id",
        "level",
        pl.lit(True).alias("climbs"),
        pl.col("principal_cents").alias("open_cents"),
        pl.lit(True).alias("triggers_default"),
    )


def _send(messages: pl.DataFrame) -> None:
    """Items may only be listed before a message leaves, so the messages leave last."""
    for state in ("sending", "sent"):
        bulk.update_frame(connection, "messages", messages.select("id", pl.lit(state).alias("state")), ["id"])


def _with_numbers(facts: pl.DataFrame, sent: pl.DataFrame) -> pl.DataFrame:
    told = sent.select(
        "case_id",
        pl.lit(None, pl.Int64).alias("claim_id"),
        pl.lit(int(FactKind.MESSAGE_SENT)).alias("kind"),
        pl.col("sealed_on").alias("effective_on"),
        pl.lit(None, pl.Int64).alias("amount_cents"),
        pl.col("id").alias("message_id"),
    )
    both = pl.concat([facts.with_columns(pl.lit(None, pl.Int64).alias("message_id")), told])
    both = both.sort("case_id", "effective_on", maintain_order=True)
    return both.with_columns(
        (pl.int_range(pl.len()).over("case_id") + 1).cast(pl.Int32).alias("fact_no"),
        pl.col("effective_on").cast(pl.Datetime("us")).alias("recorded_at"),
        pl.col("effective_on").alias("recorded_on"),
        pl.when(pl.col("amount_cents").is_not_null()).then(pl.lit("EUR")).alias("currency"),
    )


def _persons(tenant_id: int, case_ids: pl.Series, on: date) -> None:
    at = datetime(on.year, on.month, on.day, tzinfo=UTC)
    for start in range(0, len(case_ids), 50_000):
        part = case_ids[start : start + 50_000]
        person_ids = ids.new_ids(len(part))
        payloads = [
            {
                "customer_number": f"B-{start + i}",
                "first_name": FIRST_NAMES[i % 8],
                "last_name": LAST_NAMES[i // 8 % 8],
                "street": f"Lange Straße {i % 300}",
                "postcode": f"{10_000 + i % 80_000:05d}",
                "city": "Musterstadt",
                "country": "DE",
                "email": f"b{start + i}@example.org",
            }
            for i in range(len(part))
        ]
        persons.write(tenant_id, person_ids.to_list(), payloads, recorded_at=at)
        _insert(
            "case_participants",
            pl.DataFrame(
                {
                    "id": ids.new_ids(len(part)),
                    "tenant_id": [tenant_id] * len(part),
                    "case_id": part,
                    "person_id": person_ids,
                    "part": ["debtor"] * len(part),
                }
            ),
        )
