"""Every night: what did the provider tell that we have not heard, and what of ours was not answered?"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from django.db import transaction

from mahnwerk.gateways.payments import (
    PaymentProvider,
    PaymentState,
    ProviderEvent,
    ProviderRefused,
    Status,
    WebhookForged,
)
from mahnwerk.records.models import (
    Feed,
    PaymentIntent,
    ProviderAccount,
    ProviderPayment,
    ProviderRefund,
)
from mahnwerk.records.models import ProviderEvent as EventRow
from mahnwerk.usecases import (
    clock,
    provider_accounts,
    provider_balances,
    provider_movements,
    provider_refunds,
    providers,
)
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.opening import OpenBook

OVERLAP: Final = dt.timedelta(days=3)
"""Each listing begins so long before the last one ended: providers list late."""
LONGEST: Final = dt.timedelta(days=29)
"""Stripe and PayPal keep events for 30 days; after a longer gap payments are asked about one by one."""
REVERSIBLE: Final = dt.timedelta(days=400)
"""A direct debit can be taken back for 13 months; older payments are not asked about."""
UNKNOWN: Final = PaymentState("", Status.EXPIRED)
"""The provider knows no such payment or checkout."""


@dataclass
class Reconciled:
    """What one account's reconciliation found. `missing` events were told by the listing only."""

    account: str
    listed: int = 0
    missing: int = 0
    applied: int = 0
    settled_waiting: int = 0
    refunds_asked: int = 0
    checkouts_asked: int = 0
    balances: int = 0
    unmatched: int = 0
    still_waiting: int = 0
    is_complete: bool = True
    notes: list[str] = field(default_factory=list)

    @property
    def needs_person(self) -> bool:
        """Something could not be booked, or the provider could not be asked."""
        return bool(self.unmatched or not self.is_complete)


def reconcile(book: OpenBook, *, on: dt.date | None = None, account: str = "") -> list[Reconciled]:
    """List what each provider knows, and book the difference.

    Parameters
    ----------
    on : the day it is done for, kept with the audit trail; None = today
    account : only this account

    Guarantees
    ----------
    Run again, it changes nothing. An account whose provider cannot be asked does not stop the others; its
    feed grows old instead, and old feeds hold the creditor's cases.
    """
    rows = ProviderAccount.objects.filter(tenant_id=book.tenant_id, is_active=True).order_by("key")
    if account:
        rows = rows.filter(id=provider_accounts.named(book, account).id)
    return [_one(book, row, on or clock.today()) for row in rows]


def _one(book: OpenBook, account: ProviderAccount, on: dt.date) -> Reconciled:
    report = Reconciled(account.key)
    gateway = provider_accounts.gateway(account)
    began = clock.now()
    for step in STEPS:
        try:
            step(book, account, gateway, report)
        except providers.FAILURES as error:
            report.is_complete = False
            report.notes.append(f"{step.__name__.strip('_')}: {type(error).__name__}")
    _balances(book, account, gateway, report)
    for payment in ProviderPayment.objects.filter(
        tenant_id=book.tenant_id,
        account_id=account.id,
        asked_refunds__state=ProviderRefund.State.PENDING,
    ).distinct():
        provider_refunds.follow(account, payment)
    mine = EventRow.objects.filter(tenant_id=book.tenant_id, account_id=account.id)
    report.unmatched = mine.filter(state=EventRow.State.UNMATCHED).count()
    report.still_waiting = mine.filter(state=EventRow.State.WAITING).count()
    with transaction.atomic():
        if report.is_complete:
            ProviderAccount.objects.filter(id=account.id).update(reconciled_until=began)
            feeds = Feed.objects.filter(
                tenant_id=book.tenant_id,
                creditor_id=account.creditor_id,
                name=provider_accounts.feed_name(account),
            )
            feeds.filter(checked_on__lt=on).update(checked_on=on)
        detail = {"account_id": account.id, "missing": report.missing, "is_complete": report.is_complete}
        note(book, "provider_reconcile", on=on, detail=detail)
    return report


def _balances(book: OpenBook, account: ProviderAccount, gateway: PaymentProvider, report: Reconciled) -> None:
    """Fees and settlements. A key that may not list them is no reason to hold cases."""
    try:
        report.balances = provider_balances.fetch(book, account, gateway)
    except ProviderRefused as refusal:
        report.notes.append(f"fees and settlements are not known: the key may not list them ({refusal.code})")
    except providers.FAILURES as error:
        report.is_complete = False
        report.notes.append(f"balances: {type(error).__name__}")


def _missed_events(
    book: OpenBook, account: ProviderAccount, gateway: PaymentProvider, report: Reconciled
) -> None:
    """Each event the provider lists is received as if it had just come."""
    now = clock.now()
    since = max((account.reconciled_until or account.added_at) - OVERLAP, now - LONGEST)
    for event in gateway.list_events(since):
        report.listed += 1
        _receive(book, account, gateway, event, report)


def _receive(
    book: OpenBook,
    account: ProviderAccount,
    gateway: PaymentProvider,
    event: ProviderEvent,
    report: Reconciled,
) -> None:
    if not event.is_about_money:
        return
    _count(providers.record(book, account, gateway, event, None, came_by="listing"), report)


def _count(received: providers.Received | None, report: Reconciled) -> None:
    if received is not None and received.state != "known":
        report.missing += 1
        report.applied += received.state == EventRow.State.APPLIED


def _unanswered_refunds(
    book: OpenBook, account: ProviderAccount, gateway: PaymentProvider, report: Reconciled
) -> None:
    rows = ProviderRefund.objects.filter(
        tenant_id=book.tenant_id,
        account_id=account.id,
        state__in=[ProviderRefund.State.NEW, ProviderRefund.State.UNKNOWN],
    )
    for row in rows.order_by("id"):
        report.refunds_asked += 1
        provider_refunds.ask(book, account, gateway, row)


def _unheard_payments(
    book: OpenBook, account: ProviderAccount, gateway: PaymentProvider, report: Reconciled
) -> None:
    """After a gap that is longer than what providers list, each payment that may have changed is asked."""
    heard, listed = account.reconciled_until or account.added_at, clock.now() - LONGEST
    if heard >= listed:
        return
    rows = ProviderPayment.objects.filter(
        tenant_id=book.tenant_id, account_id=account.id, paid_on__gte=(heard - REVERSIBLE).date()
    )
    names = list(rows.order_by("id").values_list("payment_id", flat=True))
    for name in names:
        with _each(report, f"payment {name}"):
            event = providers.state_event(gateway.fetch(name), name)
            _receive(book, account, gateway, event, report)
    days = f"{provider_movements.local_day(heard)} to {provider_movements.local_day(listed)}"
    report.notes.append(
        f"events of {days} are no longer listed: {len(names)} payments were asked about one by one"
    )


@contextmanager
def _each(report: Reconciled, about: str) -> Iterator[None]:
    """What the provider will not tell of one thing hides no other; a key that is refused ends the step."""
    try:
        yield
    except (ProviderRefused, WebhookForged) as refusal:
        if isinstance(refusal, ProviderRefused) and refusal.status in (401, 403):
            raise
        report.is_complete = False
        report.notes.append(f"{about}: {refusal.code}")


def _unanswered_checkouts(
    book: OpenBook, account: ProviderAccount, gateway: PaymentProvider, report: Reconciled
) -> None:
    """What became of checkouts that are open or under way; a checkout without an answer nobody can use."""
    states = PaymentIntent.State
    rows = PaymentIntent.objects.filter(
        tenant_id=book.tenant_id,
        account_id=account.id,
        state__in=[states.OPEN, states.PROCESSING],
        checkout_id__isnull=False,
    )
    for intent in rows.order_by("id"):
        report.checkouts_asked += 1
        with _each(report, f"checkout {intent.checkout_id}"):
            _count(providers.follow_checkout(book, account, gateway, intent)[1], report)


def _waiting_events(
    book: OpenBook, account: ProviderAccount, gateway: PaymentProvider, report: Reconciled
) -> None:
    """Ask about the payments that events wait for, and apply the events."""
    rows = EventRow.objects.filter(
        tenant_id=book.tenant_id, account_id=account.id, state=EventRow.State.WAITING
    )
    for row in rows.order_by("id"):
        with _each(report, f"event {row.event_id}"):
            _settle_waiting(book, account, gateway, row)
        report.settled_waiting += row.state != EventRow.State.WAITING


def _settle_waiting(
    book: OpenBook, account: ProviderAccount, gateway: PaymentProvider, row: EventRow
) -> None:
    told = _asked_again(book, account, gateway, row)
    with transaction.atomic():
        providers.lock(account)
        row.refresh_from_db()
        if told is None or row.state != EventRow.State.WAITING:
            return
        found = [provider_movements.apply(account, movement) for movement in told.movements]
        if row.movements and told.payment_id and found:
            providers.apply_waiting(account, told.payment_id)
            row.refresh_from_db()
        if row.state != EventRow.State.WAITING:
            return
        row.payment_id = row.payment_id or told.payment_id
        state, because = provider_movements.worst(found) if found else _without_money(row, told)
        if state != provider_movements.WAITING:
            providers.settle(account, row, state, because)


def _without_money(row: EventRow, told: PaymentState) -> tuple[str, str]:
    """A payment the provider does not know is none of ours; a checkout that is over needs no more waiting."""
    if told is UNKNOWN:
        return provider_movements.FOREIGN, "payment_unknown"
    is_over = not row.movements and told.status in (Status.FAILED, Status.EXPIRED)
    return (provider_movements.APPLIED, "") if is_over else (provider_movements.WAITING, "")


def _asked_again(
    book: OpenBook, account: ProviderAccount, gateway: PaymentProvider, row: EventRow
) -> PaymentState | None:
    """The state behind a waiting event; None = there is nothing to ask about."""
    try:
        if row.payment_id:
            return gateway.fetch(row.payment_id)
        intent = providers.intent_of(account, row.checkout_id)
        return None if intent is None else providers.captured(book, account, gateway, intent)
    except ProviderRefused as refusal:
        if not refusal.is_gone:
            raise
        return UNKNOWN


STEPS: Final = (
    _unanswered_refunds,
    _missed_events,
    _unheard_payments,
    _unanswered_checkouts,
    _waiting_events,
)
