"""Bank statements for the journal: entries and balances as frames, without any personal data.

entries(tenant_id, trust_accounts) -> bank_ledger.ENTRIES with creditor_id
statements(tenant_id, trust_accounts) -> bank_ledger.STATEMENTS
account_owners(tenant_id) -> {account: creditor or None}
declared_void(tenant_id) -> [entry ids]        entries whose fact a person declared void
told_facts(tenant_id, before) -> frame(case_id, fact_no)        facts whose money an entry shows
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any, Final

import polars as pl
from django.db import connection
from django.db.models import Min

from mahnwerk.frames import FactKind, Role
from mahnwerk.records import bulk, tenancy
from mahnwerk.records.models import BankAccount, BankEntry, ProviderBalance

ANNOUNCEMENTS: Final = ("camt.052", "camt.054", "mt942")
_VOIDED: Final = """EXISTS (SELECT 1 FROM facts {v} WHERE {v}.tenant_id = e.tenant_id
    AND {v}.case_id = e.case_id AND {v}.voids_fact_no = {number} AND {v}.kind = {kind}
    AND ({v}.code IS NULL OR {v}.code <> 'refund_back')
    AND NOT EXISTS (SELECT 1 FROM facts {v}w WHERE {v}w.tenant_id = {v}.tenant_id
    AND {v}w.case_id = {v}.case_id AND {v}w.voids_fact_no = {v}.fact_no
    AND NOT EXISTS (SELECT 1 FROM facts {v}x WHERE {v}x.tenant_id = {v}.tenant_id
    AND {v}x.case_id = {v}.case_id AND {v}x.voids_fact_no = {v}w.fact_no)))"""
"""Declared void, and not taken back; the taking back may be taken back in turn."""
_CHARGE: Final = """(SELECT k.amount_cents FROM facts k WHERE k.tenant_id = e.tenant_id
    AND k.case_id = e.case_id AND k.fact_no = e.fact_no + 1 AND k.kind = {kind}
    AND k.code = 'costs.bank_return_charge' AND NOT {is_void})"""
"""What a return charges the debtor with stands right behind it: both were recorded as one."""
_IS_UNDONE: Final = _VOIDED.format(v="v", number="e.fact_no", kind=int(FactKind.VOIDED))
_IS_BACK: Final = _VOIDED.format(v="r", number="e.fact_no", kind=int(FactKind.PAYMENT_RETURNED))
_PASSED: Final = _CHARGE.format(
    kind=int(FactKind.COST_INCURRED),
    is_void=_VOIDED.format(v="kv", number="k.fact_no", kind=int(FactKind.VOIDED)),
)
_PAYOUTS: Final = "('payout', 'payout_back')"


def account_owners(tenant_id: int) -> dict[int, int | None]:
    """Bank account → its creditor; None = the operator's, for all creditors."""
    tenancy.set_tenant(tenant_id)
    return dict(BankAccount.objects.filter(tenant_id=tenant_id).values_list("id", "creditor_id"))


def entries(tenant_id: int, trust_accounts: Collection[int]) -> pl.DataFrame:
    """All entries of bank statements as bank_ledger.ENTRIES, and whose money each is (`creditor_id`)."""
    tenancy.set_tenant(tenant_id)
    select: dict[str, tuple[str, Any]] = {
        "about_id": ("e.id", pl.Int64),
        "account_id": ("e.account_id", pl.Int64),
        "statement_id": ("e.statement_id", pl.Int64),
        "booked_on": ("e.booked_on", pl.Date),
        "value_on": ("e.value_on", pl.Date),
        "amount_cents": ("e.amount_cents", pl.Int64),
        "currency": ("e.currency", pl.String),
        "kind": ("e.kind", pl.String),
        "state": ("e.state", pl.String),
        "reason": ("e.reason", pl.String),
        "told_role": (
            f"CASE WHEN e.reason IN {_PAYOUTS} THEN {int(Role.MARKETPLACE)} ELSE c.role END",
            pl.Int16,
        ),
        "fact_kind": ("f.kind", pl.Int16),
        "fact_cents": ("f.amount_cents", pl.Int64),
        "is_undone": (
            f"CASE WHEN {_IS_UNDONE} THEN 1 ELSE 0 END",
            pl.Boolean,
        ),
        "passed_cents": (
            f"CASE WHEN f.kind = {int(FactKind.PAYMENT_RETURNED)} THEN {_PASSED} END",
            pl.Int64,
        ),
        "is_part": ("CASE WHEN e.batch_id IS NULL THEN 0 ELSE 1 END", pl.Boolean),
        "creditor_id": ("COALESCE(c.creditor_id, a.creditor_id)", pl.Int64),
    }
    found = bulk.read_frame(
        connection,
        select,
        "bank_entries e JOIN bank_accounts a ON a.tenant_id = e.tenant_id AND a.id = e.account_id "
        "LEFT JOIN cases c ON c.tenant_id = e.tenant_id AND c.id = e.case_id "
        "LEFT JOIN facts f ON f.tenant_id = e.tenant_id AND f.case_id = e.case_id AND f.fact_no = e.fact_no "
        "WHERE e.tenant_id = %s",
        [tenant_id],
        key="e.id",
    )
    return found.with_columns(is_trust=pl.col("account_id").is_in(sorted(trust_accounts)))


def declared_void(tenant_id: int, entry_id: int | None = None) -> list[int]:
    """Entries (or one of them, if it is such) whose fact a person declared void: questions again."""
    tenancy.set_tenant(tenant_id)
    one = "" if entry_id is None else " AND e.id = %s"
    found = bulk.read_frame(
        connection,
        {"id": ("e.id", pl.Int64)},
        f"bank_entries e WHERE e.tenant_id = %s AND e.state = 'booked' AND {_IS_UNDONE} "
        # Money that went back is no question any more.
        f"AND NOT {_IS_BACK}{one}",
        [tenant_id] if entry_id is None else [tenant_id, entry_id],
    )
    return found["id"].sort().to_list()


def settled_for(tenant_id: int) -> dict[int, int]:
    """Bank entry → the creditor whose provider account it settles."""
    tenancy.set_tenant(tenant_id)
    told = dict(
        BankEntry.objects.filter(
            tenant_id=tenant_id, reason="settlement", about_id__isnull=False
        ).values_list("id", "about_id")
    )
    owners = dict(
        ProviderBalance.objects.filter(tenant_id=tenant_id, kind="payout").values_list(
            "id", "account__creditor_id"
        )
    )
    return {entry: owners[about] for entry, about in told.items() if about in owners}


def statements(tenant_id: int, trust_accounts: Collection[int]) -> pl.DataFrame:
    """All statements as bank_ledger.STATEMENTS."""
    tenancy.set_tenant(tenant_id)
    names = ", ".join(f"'{name}'" for name in ANNOUNCEMENTS)
    found = bulk.read_frame(
        connection,
        {
            "statement_id": ("s.id", pl.Int64),
            "account_id": ("s.account_id", pl.Int64),
            "currency": ("s.currency", pl.String),
            "from_on": ("s.from_on", pl.Date),
            "to_on": ("s.to_on", pl.Date),
            "opening_cents": ("s.opening_cents", pl.Int64),
            "closing_cents": ("s.closing_cents", pl.Int64),
            "is_final": (f"CASE WHEN s.format IN ({names}) THEN 0 ELSE 1 END", pl.Boolean),
        },
        "bank_statements s WHERE s.tenant_id = %s",
        [tenant_id],
        key="s.id",
    )
    return found.with_columns(is_trust=pl.col("account_id").is_in(sorted(trust_accounts)))


def told_facts(tenant_id: int, before: date) -> pl.DataFrame:
    """case_id, fact_no of facts whose money an entry shows: those of days before `before`, and refunds that
    came back, of any day."""
    tenancy.set_tenant(tenant_id)
    back = "e.reason = 'refund_back'"
    joins = {
        "": f"f.fact_no = e.fact_no AND (NOT {back} OR f.kind = {int(FactKind.VOIDED)})",
        # A refund that came back is named by some entries, where others name the fact that voids it.
        "back": f"f.voids_fact_no = e.fact_no AND {back} AND f.code = 'refund_back'",
        "charge": f"f.fact_no = e.fact_no + 1 AND f.kind = {int(FactKind.COST_INCURRED)} "
        "AND f.code = 'costs.bank_return_charge' AND e.amount_cents < 0 AND e.state = 'booked'",
    }
    found = [
        bulk.read_frame(
            connection,
            {"case_id": ("f.case_id", pl.Int64), "fact_no": ("f.fact_no", pl.Int32)},
            f"bank_entries e JOIN facts f ON f.tenant_id = e.tenant_id AND f.case_id = e.case_id AND {join} "
            f"WHERE e.tenant_id = %s AND (f.effective_on < %s OR f.kind = {int(FactKind.VOIDED)}) "
            "AND (e.state = 'booked' OR e.reason IN ('refund_paid', 'refund_back'))",
            [tenant_id, before.isoformat()],
        )
        for join in joins.values()
    ]
    return pl.concat(found).unique()


def told_about(tenant_id: int, reasons: Collection[str]) -> set[int]:
    """Payouts, or settlements of providers, that an entry shows; `reasons` says which."""
    tenancy.set_tenant(tenant_id)
    rows = BankEntry.objects.filter(tenant_id=tenant_id, reason__in=reasons, about_id__isnull=False)
    return set(rows.values_list("about_id", flat=True))


def first_days(tenant_id: int) -> pl.DataFrame:
    """account_id, on: the day the first entry of each account was booked."""
    tenancy.set_tenant(tenant_id)
    rows = (
        BankEntry.objects.filter(tenant_id=tenant_id).values_list("account_id").annotate(on=Min("booked_on"))
    )
    return pl.DataFrame(list(rows), schema={"account_id": pl.Int64, "on": pl.Date}, orient="row")
