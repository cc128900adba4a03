"""Paying back through the provider: written with its key first, limited to what was paid, done once.

new → pending | done | failed          the provider said so
new → unknown                          no answer; asked again under the same key by the reconciliation
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import polars as pl
from django.db import transaction
from django.db.models import Sum

from mahnwerk.formats import amounts
from mahnwerk.gateways.outbound import AddressRefused, AnswerUnknown, NotReached
from mahnwerk.gateways.payments import (
    PaymentProvider,
    ProviderRefused,
    Refund,
    RefundRequest,
    WebhookForged,
)
from mahnwerk.records import ids
from mahnwerk.records.models import Case, ProviderAccount, ProviderPayment, ProviderRefund
from mahnwerk.usecases import clock, provider_accounts, provider_movements
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.failpoints import reached
from mahnwerk.usecases.opening import OpenBook

REFERENCE: Final = re.compile(r"[A-Za-z0-9._:-]{1,80}")
UNANSWERED: Final = (ProviderRefund.State.NEW, ProviderRefund.State.UNKNOWN)
OPEN_STATES: Final = (*UNANSWERED, ProviderRefund.State.PENDING)


@dataclass(frozen=True)
class RefundMade:
    """A refund and where it stands: new, unknown, pending, done or failed."""

    payment_id: str
    reference: str
    amount_cents: int
    currency: str
    state: str
    is_known: bool


def refund(
    book: OpenBook, payment_id: str, amount: str = "", *, account: str = "", reference: str = ""
) -> RefundMade:
    """Pay back all or a part of a payment.

    Parameters
    ----------
    payment_id : the provider's name of the payment
    amount : as people write it; "" = all that is left of it
    reference : the same reference for a payment is one refund; "" = one per day and amount, so a second
        click is harmless

    Raises
    ------
    NotFound, BadInput
        No such payment; more than is left of it; the reference was used for another amount.
    """
    chosen, payment = _payment(book, payment_id, account)
    wanted = _cents(amount)
    with transaction.atomic():
        ProviderAccount.objects.select_for_update().get(tenant_id=book.tenant_id, id=chosen.id)
        payment.refresh_from_db()
        name = _reference(reference) or f"{clock.today():%Y-%m-%d} {'all' if wanted is None else wanted}"
        row = ProviderRefund.objects.filter(
            tenant_id=book.tenant_id, payment_id=payment.id, reference=name
        ).first()
        is_known = row is not None
        if row is None:
            row = _new(book, chosen, payment, wanted, name)
        elif wanted is not None and row.amount_cents != wanted:
            raise BadInput(
                f"the refund {name!r} of this payment is about {row.amount_cents / 100:.2f}.",
                "Use another reference for another refund.",
            )
    if row.state in UNANSWERED:
        ask(book, chosen, provider_accounts.gateway(chosen), row)
        row.refresh_from_db()
    return RefundMade(payment.payment_id, name, row.amount_cents, payment.currency, row.state, is_known)


def left_cents(payment: ProviderPayment) -> int:
    """What can still be paid back: paid, less taken back, less refunds made or under way."""
    told = {name for name, entry in payment.refunds.items() if entry.get("on") and not entry.get("failed")}
    gone = sum(payment.refunds[name]["cents"] for name in told)
    under_way = payment.asked_refunds.filter(state__in=OPEN_STATES).exclude(refund_id__in=told)
    return payment.kept_cents - gone - int(under_way.aggregate(cents=Sum("amount_cents"))["cents"] or 0)


def _new(
    book: OpenBook, account: ProviderAccount, payment: ProviderPayment, wanted: int | None, name: str
) -> ProviderRefund:
    left = left_cents(payment)
    cents = left if wanted is None else wanted
    if not 0 < cents <= left:
        raise BadInput(
            f"{cents / 100:.2f} cannot be paid back: of this payment {max(left, 0) / 100:.2f} are left.",
            "Never more goes back than came in; refunds under way count.",
        )
    made = ProviderRefund.objects.create(
        tenant_id=book.tenant_id,
        account_id=account.id,
        payment_id=payment.id,
        key=ids.new_public_id(),
        reference=name[:100],
        amount_cents=cents,
        asked_at=clock.now(),
    )
    note(book, "provider_refund", case_id=payment.case_id, detail={"refund_id": made.id, "cents": cents})
    return made


def ask(book: OpenBook, account: ProviderAccount, gateway: PaymentProvider, row: ProviderRefund) -> str:
    """Ask the provider for a refund under its key; before asking again, look whether it was made.

    Returns the state of the row: what the provider forgets of old keys is on record with the refund itself.
    """
    payment = ProviderPayment.objects.get(tenant_id=book.tenant_id, id=row.payment_id)
    reached("before refund")
    try:
        made = None
        if row.state == ProviderRefund.State.UNKNOWN:
            made = gateway.find_refund(payment.payment_id, row.key)
        elif row.state == ProviderRefund.State.NEW:
            # From here on it may have happened: a process that dies now must look first.
            ProviderRefund.objects.filter(id=row.id, state=row.state).update(
                state=ProviderRefund.State.UNKNOWN
            )
        request = RefundRequest(row.key, payment.payment_id, row.amount_cents, payment.currency)
        made = made or gateway.refund(request)
    except (AnswerUnknown, NotReached, AddressRefused, WebhookForged):
        return str(ProviderRefund.State.UNKNOWN)
    except ProviderRefused as refusal:
        # Another process may have been told meanwhile that it is under way: that stands.
        mine = ProviderRefund.objects.filter(id=row.id, state__in=UNANSWERED)
        if not mine.update(state=ProviderRefund.State.FAILED):
            return str(ProviderRefund.objects.values_list("state", flat=True).get(id=row.id))
        note(book, "provider_refund_refused", detail={"refund_id": row.id, "code": refusal.code[:60]})
        return str(ProviderRefund.State.FAILED)
    reached("after refund")
    return _settle(account, row, made)


def _settle(account: ProviderAccount, row: ProviderRefund, made: Refund) -> str:
    """Book what the provider answered; the webhook that tells the same books nothing more."""
    with transaction.atomic():
        ProviderAccount.objects.select_for_update().get(tenant_id=account.tenant_id, id=account.id)
        if made.movement is not None:
            provider_movements.apply(account, made.movement)
        ProviderRefund.objects.filter(id=row.id).update(state=made.status, refund_id=made.refund_id)
    return made.status


def follow(account: ProviderAccount, payment: ProviderPayment) -> None:
    """Let refunds under way follow what was told of them since."""
    for row in payment.asked_refunds.filter(state=ProviderRefund.State.PENDING):
        entry = payment.refunds.get(row.refund_id or "", {})
        state = "failed" if entry.get("failed") else "done" if entry.get("on") else ""
        if state:
            ProviderRefund.objects.filter(id=row.id, account_id=account.id).update(state=state)


def _payment(book: OpenBook, payment_id: str, account: str) -> tuple[ProviderAccount, ProviderPayment]:
    found = ProviderPayment.objects.filter(tenant_id=book.tenant_id, payment_id=payment_id)
    if account:
        found = found.filter(account_id=provider_accounts.named(book, account).id)
    rows = list(found[:2])
    if len(rows) != 1:
        raise NotFound(f"there is no payment {payment_id!r}.", "`mahnwerk provider payments` lists them.")
    return ProviderAccount.objects.get(tenant_id=book.tenant_id, id=rows[0].account_id), rows[0]


def _reference(text: str) -> str:
    if text and not REFERENCE.fullmatch(text):
        raise BadInput(
            f"reference {text!r} is not a word of letters, digits and . _ : - of at most 80.",
            "It is a name for the refund, kept for good: no names of persons, no sentences.",
        )
    return text


def _cents(amount: str) -> int | None:
    if not amount:
        return None
    cents = amounts.parse(pl.Series([amount])).row(0, named=True)["cents"]
    if cents is None or cents <= 0:
        raise BadInput(f"amount {amount!r} cannot be read as a sum above 0.", "Write 50,00 or 50.")
    return int(cents)


def payments(book: OpenBook, case_id: int | None = None) -> list[dict[str, object]]:
    """Payments that came through providers, newest first."""
    rows = ProviderPayment.objects.filter(tenant_id=book.tenant_id)
    if case_id is not None:
        rows = rows.filter(case_id=case_id)
    references = dict(
        Case.objects.filter(tenant_id=book.tenant_id, id__in=rows.values("case_id")).values_list(
            "id", "case_reference"
        )
    )
    return [
        {
            "payment_id": row.payment_id,
            "case_reference": references[row.case_id],
            "paid_on": row.paid_on,
            "amount_cents": row.amount_cents,
            "kept_cents": row.kept_cents,
            "left_cents": left_cents(row),
            "currency": row.currency,
        }
        for row in rows.order_by("-paid_on", "-id")[:500]
    ]
