"""Others' money over all tenants of a database: what lies on trust accounts, and whom it is owed to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final

from mahnwerk.kernel.accounts import Account
from mahnwerk.records import tenancy
from mahnwerk.records.models import Tenant
from mahnwerk.usecases import journal
from mahnwerk.usecases.opening import OpenBook

OWED: Final = {
    "creditors_cents": (Account.CREDITOR_LIABILITY,),
    "debtors_cents": (Account.DEBTOR_CREDIT, Account.TRUST_CLEARING, Account.TRUST_REFUNDS),
    "operator_cents": (Account.OPERATOR_FEES, Account.FEE_VAT),
    "unplaced_cents": (
        Account.TRUST_SUSPENSE,
        Account.TRUST_OTHER_MONEY,
        Account.TRUST_IN_TRANSIT,
        Account.TRUST_PROVIDER_CLEARING,
        Account.TRUST_OPENING_BALANCE,
    ),
}
"""Whom trust money is owed to → the accounts that say so; together `journal.TRUST_LIABILITIES`."""
SUMS: Final = ("trust_bank_cents", *OWED, "owed_cents", "difference_cents", "creditors_below_zero_cents")


def balance(book: OpenBook, on: dt.date | None = None) -> dict[str, Any]:
    """Trust bank against what it is owed to, per tenant and currency and in all.

    Parameters
    ----------
    book : any book of the database; all tenants in that are looked at
    on : end of this posting day; None = everything posted

    Returns
    -------
    on · tenants, totals: rows of SUMS per currency, with `ok` · failed: every check of a tenant's journal
    that does not hold. Cents; what is owed is positive. `unplaced`: in suspense, on its way, with a provider,
    in the opening balance, or nobody's yet. `creditors_below_zero`: what creditors owe back, of which the
    money of others is short until the operator makes up for it or their next money comes in.
    """
    rows: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for tenant_id, name in Tenant.objects.order_by("number").values_list("id", "name"):
        with tenancy.tenant(tenant_id):
            state = journal.balance(OpenBook(book.place, tenant_id, book.actor), on)
        bad = [check for check in state["checks"] if not check["ok"]]
        failed += [{"tenant": name, **check} for check in bad]
        wrong = {check["currency"] for check in bad}
        rows += [
            {"tenant": name, "currency": currency, **sums, "ok": currency not in wrong}
            for currency, sums in _by_currency(state).items()
        ]
    return {"on": on, "tenants": rows, "totals": _totals(rows), "failed": failed}


def _by_currency(state: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Currency → SUMS of one tenant."""
    found: dict[str, dict[str, int]] = {}
    for currency in sorted({row["currency"] for row in state["accounts"]}):
        mine = {r["account"]: r["balance_cents"] for r in state["accounts"] if r["currency"] == currency}
        owed = {
            word: -sum(mine.get(account.name.lower(), 0) for account in accounts)
            for word, accounts in OWED.items()
        }
        bank, whole = mine.get("trust_bank", 0), sum(owed.values())
        below = sum(
            max(0, row["balance_cents"])
            for row in state["creditors"]
            if row["currency"] == currency and row["account"] == "creditor_liability"
        )
        found[currency] = {
            "trust_bank_cents": bank,
            **owed,
            "owed_cents": whole,
            "difference_cents": bank - whole,
            "creditors_below_zero_cents": below,
        }
    return found


def _totals(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    totals: dict[str, dict[str, Any]] = {}
    for row in rows:
        whole = totals.setdefault(row["currency"], dict.fromkeys(SUMS, 0) | {"ok": True})
        for name in SUMS:
            whole[name] += row[name]
        whole["ok"] = whole["ok"] and row["ok"]
    return [{"currency": currency, **whole} for currency, whole in sorted(totals.items())]
