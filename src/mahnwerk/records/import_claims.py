"""Imported claims → cases, persons, claims and their facts, in bulk and each once.

    import_claims(tenant_id, claims, *, recorded_at) -> ImportedClaims

A claim is known by creditor and invoice number. The same content again changes nothing; other content is a
conflict with its differences, and the stored claim stays as it is.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from django.db import connection, transaction

from mahnwerk.frames import IMPORTED_CLAIMS, FactKind, Role
from mahnwerk.records import bulk, facts, ids, import_cases, persons, tenancy
from mahnwerk.records.models import Creditor, Mandate, Tenant
from mahnwerk.records.save import local_day, tenant_zone

CONFLICTS = {
    "row_no": pl.Int64,
    "column": pl.String,
    "stored": pl.String,
    "given": pl.String,
    "reason": pl.String,
}
CONTENT = (
    "currency",
    "principal_cents",
    "issued_on",
    "due_on",
    "due_kind",
    "kind",
    "received_on",
    "obligation_arose_on",
    "has_default_notice",
    "agreed_rate_ppm",
    "agreed_from",
    "agreed_default_rate_ppm",
    "is_secured",
)
"""What must be the same when an invoice number comes again."""
_NAMES = {"principal_cents": "amount_cents"}


@dataclass(frozen=True)
class ImportedClaims:
    """Counts, and the rows that could not be taken in (frame of CONFLICTS)."""

    new: int
    unchanged: int
    conflicts: pl.DataFrame
    new_cases: int = 0
    changed_persons: int = 0
    payments: int = 0
    credit_notes: int = 0


def import_claims(
    tenant_id: int, claims: pl.DataFrame, *, recorded_at: datetime, jurisdiction: str = "de"
) -> ImportedClaims:
    """Take in claims in one transaction.

    Parameters
    ----------
    claims : frames.IMPORTED_CLAIMS; an additional column `creditor_id` Int64 names the creditor directly,
        otherwise `creditor_key` is looked up
    recorded_at : now, UTC
    jurisdiction : of all claims of this import

    Returns ImportedClaims. A row with `paid_cents` becomes a payment fact, a credit note a fact of the claim
    it names (or of the case), each once however often the row comes.
    """
    tenancy.set_tenant(tenant_id)
    with transaction.atomic():
        Tenant.objects.select_for_update().get(id=tenant_id)  # imports of a tenant go one after another
        rows, conflicts = _with_creditor(tenant_id, claims)
        rows, nameless = import_cases.with_debtor_key(tenant_id, rows)
        conflicts = [*conflicts, nameless]
        recorded_on = local_day(recorded_at, tenant_zone(tenant_id))
        found = import_cases.find(tenant_id, rows, recorded_at)
        rows = rows.join(found.case_ids, on=import_cases.CASE_KEY, maintain_order="left")
        placed = _claim_columns(rows.filter(~pl.col("is_credit_note")), jurisdiction)
        new, unchanged, differing = _compare(tenant_id, placed)
        new = _numbered(tenant_id, new, found.new)
        told_before = unchanged.filter(pl.col("claim_id").is_not_null())
        known = pl.concat([told_before, new.select(unchanged.columns)])
        notes, lost = _credit_notes(tenant_id, rows.filter("is_credit_note"), new, recorded_at)
        told = [_placed(new), _payments(known), notes]
        numbered = facts.number(
            tenant_id,
            pl.concat(told, how="diagonal_relaxed"),
            fresh=facts.Fresh(
                found.new.select("case_id", case_currency="currency"), new.select("claim_id", "case_id")
            ),
        )
        counts = new.group_by("case_id").agg(pl.col("claim_no").max().alias("last_claim_no"))
        counts = counts.join(numbered.last, on="case_id", how="full", coalesce=True)
        with ThreadPoolExecutor(1) as thread:  # encrypts while the database is at work
            made, debtors = import_cases.seal_debtors(thread, tenant_id, found.new, recorded_at)
            import_cases.make(tenant_id, made, counts, recorded_on)
            _insert_claims(tenant_id, new, recorded_on)
            facts.write(numbered, recorded_at=recorded_at)
            _count_on(counts.join(found.new, on="case_id", how="anti"))
            persons.write_sealed(debtors.result())
    is_new = numbered.given["is_new"]
    parts = [frame.height for frame in told]
    return ImportedClaims(
        new=new.height,
        unchanged=unchanged.height,
        conflicts=pl.concat([*conflicts, differing, lost]).sort("row_no"),
        new_cases=found.new.height,
        changed_persons=found.changed_persons,
        payments=int(is_new.slice(parts[0], parts[1]).sum()),
        credit_notes=int(is_new.slice(parts[0] + parts[1]).sum()),
    )


def conflict(frame: pl.DataFrame, column: str, given: str, reason: str) -> pl.DataFrame:
    """Rows of CONFLICTS for rows that cannot be taken in."""
    return frame.select(
        "row_no",
        pl.lit(column).alias("column"),
        pl.lit("").alias("stored"),
        pl.col(given).cast(pl.String).fill_null("").alias("given"),
        pl.lit(reason).alias("reason"),
    )


def _with_creditor(tenant_id: int, claims: pl.DataFrame) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """The rows with creditor_id, role, procedure and language of their creditor."""
    roles: dict[int, int] = {}
    for creditor_id, role in (
        Mandate.objects.filter(tenant_id=tenant_id).order_by("given_on").values_list("creditor_id", "role")
    ):
        roles[creditor_id] = role
    found = [
        {
            "creditor_id": row.id,
            "creditor_key": row.key,
            "role": roles.get(row.id, int(Role.OWN)),
            "procedure": row.procedure,
            "procedure_business": (row.profile.get("procedures") or {}).get("business", row.procedure),
            "creditor_language": row.language,
        }
        for row in Creditor.objects.filter(tenant_id=tenant_id)
    ]
    schema = {
        "creditor_id": pl.Int64,
        "creditor_key": pl.String,
        "role": pl.Int16,
        "procedure": pl.String,
        "procedure_business": pl.String,
        "creditor_language": pl.String,
    }
    creditors = pl.DataFrame(found, schema=schema)
    given = claims.select([*IMPORTED_CLAIMS, *(["creditor_id"] if "creditor_id" in claims.columns else [])])
    if "creditor_id" in given.columns:
        rows = given.join(creditors.drop("creditor_key"), on="creditor_id", how="left", maintain_order="left")
        unknown = rows.filter(pl.col("role").is_null())
    else:
        rows = given.join(creditors, on="creditor_key", how="left", maintain_order="left")
        unknown = rows.filter(pl.col("creditor_id").is_null())
    refused = conflict(unknown, "creditor_key", "creditor_key", "unknown creditor; add it first")
    is_business = pl.col("debtor_kind") == "business"
    rows = rows.with_columns(
        pl.when(is_business).then("procedure_business").otherwise("procedure").alias("procedure")
    ).drop("procedure_business")
    return rows.join(unknown, on="row_no", how="anti", maintain_order="left"), [refused]


def _claim_columns(rows: pl.DataFrame, jurisdiction: str) -> pl.DataFrame:
    return rows.with_columns(
        pl.lit(jurisdiction).alias("jurisdiction"),
        pl.col("amount_cents").alias("principal_cents"),
    )


def _compare(tenant_id: int, placed: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """(new rows, unchanged rows, conflicts); unchanged twins within the file have no claim_id."""
    key = ["creditor_id", "invoice_number"]
    stored = _stored_claims(tenant_id, placed)
    firsts = placed.unique(key, keep="first", maintain_order=True)
    new = firsts.join(stored, on=key, how="anti", maintain_order="left")
    in_file = new.select(*key, *CONTENT, "case_id", pl.lit(None, pl.Int64).alias("claim_id"))
    others = placed.join(new.select("row_no"), on="row_no", how="anti", maintain_order="left")
    both = others.join(
        pl.concat([stored, in_file.select(stored.columns)]), on=key, how="left", suffix="_stored"
    )
    differences = []
    for name in (*CONTENT, "case_id"):
        changed = both.filter(~pl.col(name).eq_missing(pl.col(f"{name}_stored")))
        shown = ("customer_number", pl.lit("another debtor")) if name == "case_id" else (name, None)
        differences.append(
            changed.select(
                "row_no",
                pl.lit(_NAMES.get(name, shown[0])).alias("column"),
                (
                    pl.col(f"{name}_stored").cast(pl.String).fill_null("") if shown[1] is None else shown[1]
                ).alias("stored"),
                pl.col(shown[0]).cast(pl.String).fill_null("").alias("given"),
                pl.lit("this invoice number is known with other content; the stored claim stays").alias(
                    "reason"
                ),
            )
        )
    differing = pl.concat(differences)
    same = both.join(differing, on="row_no", how="anti", maintain_order="left")
    return new, same.select([*placed.columns, "claim_id"]), differing


def _stored_claims(tenant_id: int, placed: pl.DataFrame) -> pl.DataFrame:
    types = {name: IMPORTED_CLAIMS.get(_NAMES.get(name, name)) for name in CONTENT}
    select = {
        "claim_id": ("id", pl.Int64),
        "case_id": ("case_id", pl.Int64),
        "creditor_id": ("creditor_id", pl.Int64),
        "invoice_number": ("invoice_number", pl.String),
        **{name: (name, dtype) for name, dtype in types.items()},
    }
    condition, parameters = bulk.ids_filter(
        connection, "creditor_id", placed["creditor_id"].unique().to_list()
    )
    if placed.height < 1000:  # a few invoices: ask for them, do not read the creditor's whole book
        numbers = placed["invoice_number"].unique().to_list()
        condition += f" AND invoice_number IN ({', '.join(['%s'] * len(numbers))})" if numbers else ""
        parameters += numbers
    return bulk.read_frame(
        connection, select, f"claims WHERE tenant_id = %s AND {condition}", [tenant_id, *parameters]
    )


def _numbered(tenant_id: int, new: pl.DataFrame, new_cases: pl.DataFrame) -> pl.DataFrame:
    """The new claims with claim_id and their number within the case."""
    new = new.with_columns(ids.new_ids(new.height).alias("claim_id"))
    old = new.join(new_cases, on="case_id", how="anti")["case_id"].unique().to_list()
    last = pl.DataFrame(schema={"case_id": pl.Int64, "last_claim_no": pl.Int32})
    if old:
        condition, parameters = bulk.ids_filter(connection, "id", old)
        last = bulk.read_frame(
            connection,
            {"case_id": ("id", pl.Int64), "last_claim_no": ("last_claim_no", pl.Int32)},
            f"cases WHERE tenant_id = %s AND {condition}",
            [tenant_id, *parameters],
        )
    number = pl.col("last_claim_no").fill_null(0) + pl.int_range(pl.len()).over("case_id") + 1
    return new.join(last, on="case_id", how="left", maintain_order="left").with_columns(
        number.cast(pl.Int32).alias("claim_no")
    )


def _insert_claims(tenant_id: int, new: pl.DataFrame, recorded_on: Any) -> None:
    bulk.insert_frame(
        connection,
        "claims",
        new.select(
            pl.col("claim_id").alias("id"),
            pl.lit(tenant_id).alias("tenant_id"),
            "case_id",
            "creditor_id",
            "claim_no",
            "jurisdiction",
            "invoice_number",
            *CONTENT,
            "discount_cents",
            "discount_until",
            pl.lit(recorded_on).alias("recorded_on"),
        ),
    )


def _count_on(counts: pl.DataFrame) -> None:
    """Note the last numbers of cases that were there before; each case in one update."""
    counts = counts.rename({"case_id": "id"})
    bulk.update_frame(connection, "cases", counts.drop_nulls("last_claim_no"), ["id"])
    without_claim = counts.filter(pl.col("last_claim_no").is_null()).drop("last_claim_no")
    bulk.update_frame(connection, "cases", without_claim, ["id"])


def _placed(new: pl.DataFrame) -> pl.DataFrame:
    return new.select(
        "case_id",
        "claim_id",
        pl.lit(int(FactKind.CLAIM_PLACED), pl.Int16).alias("kind"),
        pl.coalesce("issued_on", "due_on").alias("effective_on"),
        pl.col("principal_cents").alias("amount_cents"),
    )


def _source_key(what: str, *more: str) -> pl.Expr:
    return pl.concat_str(
        pl.lit(what), pl.col("creditor_id").cast(pl.String), "invoice_number", *more, separator="|"
    ).alias("source_key")


def _payments(known: pl.DataFrame) -> pl.DataFrame:
    return known.filter(pl.col("paid_cents").fill_null(0) > 0).select(
        "case_id",
        "claim_id",
        pl.lit(int(FactKind.PAYMENT_RECEIVED), pl.Int16).alias("kind"),
        pl.coalesce("paid_on", "due_on").alias("effective_on"),
        pl.col("paid_cents").alias("amount_cents"),
        _source_key("paid"),
        pl.concat_list("claim_id").alias("designated_claim_ids"),
    )


def _credit_notes(
    tenant_id: int, notes: pl.DataFrame, new: pl.DataFrame, recorded_at: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The facts of the credit notes, and conflicts for those whose invoice is not in the book."""
    if notes.is_empty():
        return pl.DataFrame(), pl.DataFrame(schema=CONFLICTS)
    named = notes.with_columns(pl.col("invoice_number").alias("own_number")).with_columns(
        pl.col("credits_invoice").alias("invoice_number")
    )
    key = ["creditor_id", "invoice_number", "claim_id", "case_id"]
    stored = pl.concat([_stored_claims(tenant_id, named).select(key), new.select(key)]).rename(
        {"case_id": "claim_case_id"}
    )
    rows = named.join(stored, on=["creditor_id", "invoice_number"], how="left", maintain_order="left")
    lost = rows.filter((pl.col("invoice_number").fill_null("") != "") & pl.col("claim_id").is_null())
    rows = rows.join(lost, on="row_no", how="anti", maintain_order="left").with_columns(
        pl.coalesce("claim_case_id", "case_id").alias("case_id"),
        pl.col("own_number").alias("invoice_number"),
    )
    told = rows.select(
        "case_id",
        "claim_id",
        pl.lit(int(FactKind.CREDIT_NOTE), pl.Int16).alias("kind"),
        pl.coalesce("issued_on", "received_on", pl.lit(local_day(recorded_at))).alias("effective_on"),
        "amount_cents",
        _source_key("credit note"),
    )
    reason = "the invoice this credit note lowers is not in the book; import it first"
    return told, conflict(lost, "credits_invoice", "credits_invoice", reason)
