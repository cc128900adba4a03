"""What providers keep and when they settle: their balances, and settlements on the bank statement."""

from __future__ import annotations

import datetime as dt
from typing import Final

from django.db import transaction

from mahnwerk.gateways.payments import BalanceKind, BalanceMovement, PaymentProvider
from mahnwerk.records import bank
from mahnwerk.records.bank_read import EntryRow
from mahnwerk.records.models import BankEntry, EntryState, ProviderAccount, ProviderBalance
from mahnwerk.usecases import clock
from mahnwerk.usecases.bank_booking import lift_hold
from mahnwerk.usecases.opening import OpenBook
from mahnwerk.usecases.provider_movements import local_day

OVERLAP: Final = dt.timedelta(days=3)
SPAN: Final = dt.timedelta(days=30)
"""Asked for at a time; PayPal answers up to 31 days."""
EARLY: Final = dt.timedelta(days=3)
LATE: Final = dt.timedelta(days=14)
"""A settlement is on the bank statement within these days of when the provider sent it."""


def fetch(book: OpenBook, account: ProviderAccount, gateway: PaymentProvider) -> int:
    """Keep every change of the balance that is not known yet; their number."""
    since, now = (account.reconciled_until or account.added_at) - OVERLAP, clock.now()
    mine = ProviderBalance.objects.filter(tenant_id=book.tenant_id, account_id=account.id)
    told: dict[str, BalanceMovement] = {}
    while since < now:
        until = min(since + SPAN, now)
        told |= {one.movement_id: one for one in gateway.list_balance(since, until)}
        since = until
    names = list(told)
    known: set[str] = set()
    for start in range(0, len(names), 500):
        part = mine.filter(movement_id__in=names[start : start + 500])
        known.update(part.values_list("movement_id", flat=True))
    fresh = [_row(account, one) for name, one in told.items() if name not in known]
    ProviderBalance.objects.bulk_create(fresh, batch_size=500, ignore_conflicts=True)
    return len(fresh)


def _row(account: ProviderAccount, told: BalanceMovement) -> ProviderBalance:
    return ProviderBalance(
        tenant_id=account.tenant_id,
        account_id=account.id,
        movement_id=told.movement_id,
        kind=told.kind.value,
        payment_id=told.payment_id,
        gross_cents=told.gross_cents,
        fee_cents=told.fee_cents,
        currency=told.currency,
        moved_on=local_day(told.at),
        descriptor=told.descriptor,
        recorded_at=clock.now(),
    )


def open_settlements(book: OpenBook) -> list[tuple[ProviderBalance, ProviderAccount]]:
    """Settlements that no bank entry is known for, with their accounts."""
    told = BankEntry.objects.filter(
        tenant_id=book.tenant_id, reason="settlement", about_id__isnull=False
    ).values("about_id")
    rows = ProviderBalance.objects.filter(tenant_id=book.tenant_id, kind=BalanceKind.PAYOUT.value)
    accounts = {row.id: row for row in ProviderAccount.objects.filter(tenant_id=book.tenant_id)}
    return [(row, accounts[row.account_id]) for row in rows.exclude(id__in=told).order_by("moved_on", "id")]


def settles(
    book: OpenBook, entry: EntryRow, settlements: list[tuple[ProviderBalance, ProviderAccount]]
) -> bool:
    """Recognise an entry as a provider's settlement: amount, day, and a name of it in the text."""
    row = entry.row
    fitting = [
        one
        for one in settlements
        if (one[0].currency, -one[0].gross_cents) == (row.currency, row.amount_cents)
        and one[0].moved_on - EARLY <= row.booked_on <= one[0].moved_on + LATE
        and entry.creditor_id in (None, one[1].creditor_id)
        and _is_named(entry, *one)
    ]
    if not fitting or len({one[1].id for one in fitting}) > 1:
        return False
    chosen = fitting[0]
    state = EntryState.IGNORED if row.amount_cents > 0 else EntryState.OUTGOING
    with transaction.atomic():
        if not bank.settle(book.tenant_id, row.id, state, reason="settlement", about_id=chosen[0].id):
            return False
        lift_hold(book, row)
        bank.drop_proposals(book.tenant_id, [row.id])
    settlements.remove(chosen)
    return True


def _is_named(entry: EntryRow, settlement: ProviderBalance, account: ProviderAccount) -> bool:
    told = bank.compact(" ".join(entry.texts[name] for name in ("name", "remittance", "end_to_end_id")))
    names = (settlement.descriptor, settlement.movement_id, account.provider)
    return any(bank.compact(name) in told for name in names if len(bank.compact(name)) >= 5)
