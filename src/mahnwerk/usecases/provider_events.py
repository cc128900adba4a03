"""Events of providers that nothing could be booked for: what they say, and a person's answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Final

import polars as pl
from django.db import transaction

from mahnwerk.formats import amounts
from mahnwerk.gateways.payments import MovementKind
from mahnwerk.records import providers as records
from mahnwerk.records.models import Case, PayLink, ProviderAccount, ProviderEvent, ProviderPayment
from mahnwerk.usecases import clock, provider_accounts, provider_movements, providers
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.cases import case_id_of
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.opening import OpenBook

State = ProviderEvent.State
OPEN: Final = (State.UNMATCHED, State.WAITING)
SETTLED_BY_HAND: Final = (State.UNMATCHED, State.WAITING, State.FOREIGN)
REASON: Final = re.compile(r"[A-Za-zÄÖÜäöüß0-9 ,._:()/-]{3,80}")
SHOWN_MAX: Final = 500


@dataclass(frozen=True)
class Settled:
    """What became of an event."""

    event_id: str
    state: str
    case_reference: str = ""
    amount_cents: int = 0
    currency: str = ""


def listing(book: OpenBook, *, state: str = "", account: str = "") -> list[dict[str, Any]]:
    """Events that wait for a person or for their payment, or those of one state; the oldest first.

    Raises
    ------
    BadInput : no such state. NotFound : no such account.
    """
    if state and state not in State.values:
        raise BadInput(f"{state!r} is no state of an event.", f"Known: {', '.join(State.values)}.")
    rows = ProviderEvent.objects.filter(
        tenant_id=book.tenant_id, state__in=[state] if state else [one.value for one in OPEN]
    )
    accounts = dict(ProviderAccount.objects.filter(tenant_id=book.tenant_id).values_list("id", "key"))
    if account:
        rows = rows.filter(account_id=provider_accounts.named(book, account).id)
    shown = list(rows.order_by("received_at", "id")[:SHOWN_MAX])
    cases = dict(
        ProviderPayment.objects.filter(
            tenant_id=book.tenant_id, payment_id__in=[row.payment_id for row in shown]
        ).values_list("payment_id", "case__case_reference")
    )
    return [
        {
            "event_id": row.event_id,
            "account": accounts[row.account_id],
            "kind": row.kind,
            "payment_id": row.payment_id,
            "state": row.state,
            "because": row.because,
            "case_reference": cases.get(row.payment_id, ""),
            "movements": [
                {name: told[name] for name in ("kind", "amount_cents", "currency", "at")}
                for told in row.movements
            ],
            "received_at": row.received_at,
        }
        for row in shown
    ]


def settle(
    book: OpenBook,
    event_id: str,
    *,
    case: str = "",
    amount: str = "",
    ignore: str = "",
    account: str = "",
) -> Settled:
    """Answer an event: book its payment on a case, or say why it concerns none.

    Parameters
    ----------
    event_id : the provider's name of the event
    case : case to book the payment on
    amount : what it is worth in the case's currency, where the payment was made in another
    ignore : why nothing is to be booked; kept in the audit trail

    Raises
    ------
    NotFound, BadInput
        No such event or case; settled already; neither or both answers; no payment to book; another currency
        and no amount.

    Guarantees
    ----------
    The payment counts once: told again, or settled again, it is known. What went back of it counts as well,
    whether it was told before, with it or later; of a payment in another currency only all of it.
    """
    if bool(case) == bool(ignore):
        raise BadInput("say either --case or --ignore.", 'provider settle EVENT --ignore "paid in the shop"')
    chosen, row = _event(book, event_id, account)
    if ignore:
        return _ignored(book, row, ignore)
    case_id = case_id_of(book, case)
    target = Case.objects.get(tenant_id=book.tenant_id, id=case_id)
    movement = _payment_of(row)
    if amount and movement.currency == target.currency:
        raise BadInput(
            f"the payment is in {movement.currency}, the currency of {target.case_reference}: it is worth "
            "what it says.",
            "Leave --amount out.",
        )
    if amount:
        movement = replace(movement, amount_cents=_cents(amount), currency=target.currency)
    if movement.currency != target.currency:
        raise BadInput(
            f"the payment is in {movement.currency}, {target.case_reference} is kept in {target.currency}.",
            f"Say what it is worth: --amount (in {target.currency}).",
        )
    with transaction.atomic():
        providers.lock(chosen)
        _check_open(book, row)
        link = _paid_link(book, chosen, target, movement.amount_cents)
        state, _ = provider_movements.apply(chosen, replace(movement, link=link.public_id))
        if state == provider_movements.KNOWN:
            raise BadInput(f"the payment {movement.payment_id} is booked already.", "provider payments")
        ProviderEvent.objects.filter(id=row.id).update(payment_id=movement.payment_id)
        # What was told with it, or waits for it, or could not be booked without it: all of it counts now.
        providers.apply_waiting(chosen, movement.payment_id, SETTLED_BY_HAND)
        row.refresh_from_db()
        detail = {"event": row.id, "what": "booked", "cents": movement.amount_cents}
        note(book, "provider_settle", case_id=case_id, detail=detail)
    return Settled(event_id, str(row.state), target.case_reference, movement.amount_cents, movement.currency)


def _ignored(book: OpenBook, row: ProviderEvent, reason: str) -> Settled:
    if not REASON.fullmatch(reason):
        raise BadInput(
            "the reason must be 3 to 80 letters, digits, spaces and , . _ : ( ) / -.",
            "It stays in the audit trail for good: no names of persons.",
        )
    with transaction.atomic():
        _check_open(book, row)
        ProviderEvent.objects.filter(id=row.id).update(state=State.IGNORED, because="by_hand")
        note(book, "provider_settle", detail={"event": row.id, "what": "ignored", "reason": reason})
    return Settled(row.event_id, str(State.IGNORED))


def _event(book: OpenBook, event_id: str, account: str) -> tuple[ProviderAccount, ProviderEvent]:
    found = ProviderEvent.objects.filter(tenant_id=book.tenant_id, event_id=event_id)
    if account:
        found = found.filter(account_id=provider_accounts.named(book, account).id)
    rows = list(found[:2])
    if len(rows) != 1:
        problem = f"there is no event {event_id!r}" if not rows else "several accounts know this event"
        raise NotFound(f"{problem}.", "`mahnwerk provider events` lists them; --account says of which.")
    chosen = ProviderAccount.objects.get(tenant_id=book.tenant_id, id=rows[0].account_id)
    return chosen, rows[0]


def _check_open(book: OpenBook, row: ProviderEvent) -> None:
    now = ProviderEvent.objects.select_for_update().get(tenant_id=book.tenant_id, id=row.id)
    if now.state not in SETTLED_BY_HAND:
        raise BadInput(f"event {row.event_id} is {now.state}: nothing is open about it.")


def _payment_of(row: ProviderEvent) -> Any:
    """The payment an event tells of."""
    for told in row.movements:
        movement = providers.movement_of(told)
        if movement.kind is MovementKind.PAID:
            return movement
    raise BadInput(
        f"event {row.event_id} tells of no payment that could be booked.",
        "Record what it means with mahnwerk fact add, then: provider settle EVENT --ignore REASON.",
    )


def _paid_link(book: OpenBook, account: ProviderAccount, case: Case, cents: int) -> PayLink:
    """What the payment was made for, by a person's word."""
    if case.creditor_id != account.creditor_id:
        raise BadInput(
            f"{case.case_reference} is not a case of this account's creditor.", "Money goes to whose it is."
        )
    return PayLink.objects.create(
        tenant_id=book.tenant_id,
        public_id=records.new_public_id(book.tenant_id),
        account_id=account.id,
        case_id=case.id,
        amount_cents=cents,
        currency=case.currency,
        state=PayLink.State.PAID,
        made_at=clock.now(),
    )


def _cents(amount: str) -> int:
    cents = amounts.parse(pl.Series([amount])).row(0, named=True)["cents"]
    if cents is None or cents <= 0:
        raise BadInput(f"amount {amount!r} cannot be read as a sum above 0.", "Write 50,00 or 50.")
    return int(cents)
