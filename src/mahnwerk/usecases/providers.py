"""What payment providers tell: each event once, in one commit with what it means for the case.

Nothing depends on the order of events. An event that does not tell the whole makes us fetch the payment's
state first; one whose payment is not known yet waits in the inbox and is applied when the payment comes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from django.db import IntegrityError, transaction

from mahnwerk.gateways.outbound import AddressRefused, AnswerUnknown, NotReached
from mahnwerk.gateways.payments import (
    Movement,
    MovementKind,
    PaymentProvider,
    PaymentState,
    ProviderEvent,
    ProviderRefused,
    Status,
    WebhookForged,
    WebhookStale,
)
from mahnwerk.records import providers as records
from mahnwerk.records.models import PaymentIntent, ProviderAccount, ProviderPayment
from mahnwerk.records.models import ProviderEvent as EventRow
from mahnwerk.usecases import clock, payable, provider_accounts, provider_movements
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.errors import Refused
from mahnwerk.usecases.failpoints import reached
from mahnwerk.usecases.opening import OpenBook

log = logging.getLogger(__name__)
BODY_BYTES_MAX: Final = 512_000
NOT_NOW: Final = (NotReached, AnswerUnknown)
"""The provider could not be asked, or its answer did not arrive."""
FAILURES: Final = (*NOT_NOW, AddressRefused, ProviderRefused, WebhookForged)
"""It could not be asked, said no, or said what nobody can read."""
PLACES: Final = {"new": 0, "unknown": 0, "open": 1, "processing": 2, "failed": 3, "expired": 3, "paid": 4}
"""How far a checkout has come; what is told late never takes it back."""


class Forged(Refused):
    """The message is not from the provider; nothing was stored."""


class TryLater(Refused):
    """The provider could not be asked; nothing was stored, and the message should come again."""


@dataclass(frozen=True)
class Received:
    """What became of an event: a state of the inbox, or `known`."""

    event_id: str
    state: str
    because: str = ""


def receive_webhook(
    provider: str, account_public_id: str, raw_body: bytes, headers: Mapping[str, str]
) -> Received:
    """Check a message, and store the event with its effect in one transaction.

    Parameters
    ----------
    provider, account_public_id : from the URL the provider was given
    raw_body : the bytes as they came; the signature is over them
    headers : of the request, names in any case

    Raises
    ------
    NoSuchAccount, Forged
        Not for us, or not from them: answer 4xx. The log names account and check, no content.
    TryLater
        Nothing was stored: answer 503, so that it comes again.
    """
    book, account = provider_accounts.find(account_public_id)
    if account.provider != provider:
        raise provider_accounts.NoSuchAccount("There is no such account.")
    if not 0 < len(raw_body) <= BODY_BYTES_MAX:
        raise _forged(account, "size")
    gateway = provider_accounts.gateway(account)
    try:
        event = gateway.parse_webhook(raw_body, headers, clock.now())
    except WebhookStale as stale:
        log.error(
            "provider account %s: signature right, time off by %d s; is this machine's clock right?",
            account.key,
            stale.seconds,
        )
        raise Forged("The message is too old.") from stale
    except WebhookForged as forgery:
        raise _forged(account, forgery.code) from forgery
    except (*NOT_NOW, ProviderRefused, AddressRefused) as error:
        raise TryLater("The provider cannot be asked now.") from error
    return record(book, account, gateway, event, raw_body, came_by="webhook")


def _forged(account: ProviderAccount, code: str) -> Forged:
    log.warning("provider account %s: webhook refused (%s)", account.key, code)
    return Forged("The message is not from the provider.")


def record(
    book: OpenBook,
    account: ProviderAccount,
    gateway: PaymentProvider,
    event: ProviderEvent,
    raw_body: bytes | None,
    *,
    came_by: str,
) -> Received:
    """Store an event with its effect; an event that is there already changes nothing."""
    if _known(account, event):
        return Received(event.event_id, "known")
    # Everything that speaks with the provider comes before the transaction; all of it may be done twice.
    event = completed(book, account, gateway, event)
    reached("before event")
    try:
        with transaction.atomic():
            lock(account)
            if _known(account, event):
                return Received(event.event_id, "known")
            received = _store(account, event, raw_body, came_by)
            if received.state == EventRow.State.APPLIED:
                detail = {"account_id": account.id, "kind": event.kind, "came_by": came_by}
                note(book, "provider_event", detail=detail)
    except IntegrityError:
        if _known(account, event):
            return Received(event.event_id, "known")
        raise
    reached("after event")
    return received


def lock(account: ProviderAccount) -> None:
    """One event of an account at a time: a return never overtakes its payment unseen."""
    ProviderAccount.objects.select_for_update().get(tenant_id=account.tenant_id, id=account.id)


def _known(account: ProviderAccount, event: ProviderEvent) -> bool:
    return EventRow.objects.filter(
        tenant_id=account.tenant_id, account_id=account.id, event_id=event.event_id
    ).exists()


def completed(
    book: OpenBook, account: ProviderAccount, gateway: PaymentProvider, event: ProviderEvent
) -> ProviderEvent:
    """The event with what the provider's state adds to it; as it was, if the provider cannot be asked."""
    try:
        if event.needs_capture:
            intent = intent_of(account, event.checkout_id)
            return _with_state(event, captured(book, account, gateway, intent)) if intent else event
        if event.payment_id and (event.needs_fetch or _is_early(account, event)):
            return _with_state(event, gateway.fetch(event.payment_id))
    except FAILURES as error:
        log.info(
            "provider account %s: state of a payment not fetched (%s)", account.key, type(error).__name__
        )
    return event


def _is_early(account: ProviderAccount, event: ProviderEvent) -> bool:
    """It undoes a payment we have not heard of."""
    if not any(movement.kind is not MovementKind.PAID for movement in event.movements):
        return False
    return not ProviderPayment.objects.filter(
        tenant_id=account.tenant_id, account_id=account.id, payment_id=event.payment_id
    ).exists()


def _with_state(event: ProviderEvent, state: PaymentState) -> ProviderEvent:
    told = {(one.kind, one.movement_id) for one in state.movements}
    more = tuple(one for one in event.movements if (one.kind, one.movement_id) not in told)
    return replace(
        event,
        movements=state.movements + more,
        payment_id=event.payment_id or state.payment_id,
        checkout_id=event.checkout_id or state.checkout_id,
        link=event.link or state.link,
        status=state.status,
        needs_fetch=False,
        needs_capture=False,
    )


def intent_of(account: ProviderAccount, checkout_id: str) -> PaymentIntent | None:
    """Our record of a checkout."""
    return PaymentIntent.objects.filter(
        tenant_id=account.tenant_id, account_id=account.id, checkout_id=checkout_id
    ).first()


def captured(
    book: OpenBook, account: ProviderAccount, gateway: PaymentProvider, intent: PaymentIntent
) -> PaymentState:
    """Take the money of an approved checkout of ours, under the key of the checkout, if it is still owed.

    The payer agreed to a sum; if less is asked for by now (paid otherwise, disputed, waived), nothing is
    taken and the checkout is over. Its state is what the provider says of it either way.
    """
    if payable.cents(book, intent.pay_link) >= intent.amount_cents:
        return gateway.capture(intent.checkout_id or "", f"{intent.key}-capture")
    state = gateway.fetch_checkout(intent.checkout_id or "")
    if state.movements or state.status is not Status.OPEN:
        return state
    detail = {"intent_id": intent.id, "cents": intent.amount_cents}
    note(book, "checkout_not_taken", case_id=intent.pay_link.case_id, detail=detail)
    return replace(state, status=Status.EXPIRED)


def follow_checkout(
    book: OpenBook, account: ProviderAccount, gateway: PaymentProvider, intent: PaymentIntent
) -> tuple[PaymentState, Received | None]:
    """Ask what became of a checkout, and book it; one that the provider knows no more has expired.

    Returns
    -------
    Its state, and what became of the event of it; None = the payer can still pay.

    Raises
    ------
    ProviderRefused, NotReached, AnswerUnknown
    """
    checkout_id = intent.checkout_id or ""
    try:
        state = gateway.fetch_checkout(checkout_id)
    except ProviderRefused as refusal:
        if not refusal.is_gone:
            raise
        state = PaymentState("", Status.EXPIRED)
    if state.status is Status.OPEN and not state.movements:
        return state, None
    event = state_event(state, checkout_id)
    return state, record(book, account, gateway, event, None, came_by="listing")


def state_event(state: PaymentState, name: str) -> ProviderEvent:
    """A state we asked for, as an event named by what it says of the checkout or payment `name`."""
    said = repr((state.status, sorted((one.kind, one.movement_id) for one in state.movements)))
    mark = hashlib.sha256(said.encode()).hexdigest()[:24]
    return ProviderEvent(
        f"state:{name[-60:]}:{mark}",
        f"state.{state.status}",
        state.payment_id,
        state.checkout_id or name,
        state.link,
        state.status,
        state.movements,
    )


def _store(account: ProviderAccount, event: ProviderEvent, raw_body: bytes | None, came_by: str) -> Received:
    state, because = _effect(account, event)
    now = clock.now()
    row = EventRow(
        tenant_id=account.tenant_id,
        account_id=account.id,
        event_id=event.event_id,
        kind=event.kind[:60],
        payment_id=event.payment_id,
        checkout_id=event.checkout_id,
        state=state,
        because=because,
        movements=[_plain(movement) for movement in event.movements],
        came_by=came_by,
        received_at=now,
        applied_at=now if state == EventRow.State.APPLIED else None,
    )
    if raw_body is not None and state not in (EventRow.State.FOREIGN, EventRow.State.IGNORED):
        records.seal_body(row, raw_body, _case_of(account, event.payment_id))
    row.save(force_insert=True)
    if state == EventRow.State.APPLIED:
        apply_waiting(account, event.payment_id)
    return Received(event.event_id, state, because)


def _effect(account: ProviderAccount, event: ProviderEvent) -> tuple[str, str]:
    """Book what the event tells; the state of its row."""
    if event.unreadable:
        return EventRow.State.UNMATCHED, f"unreadable: {event.unreadable}"[:40]
    is_ours = _follow_status(account, event)
    if event.movements:
        found = [provider_movements.apply(account, movement) for movement in event.movements]
        state, because = provider_movements.worst(found)
        state = EventRow.State.APPLIED if state == provider_movements.KNOWN else state
        return state, because
    if event.needs_fetch or event.needs_capture:
        # The provider could not be asked: the next reconciliation asks again.
        return EventRow.State.WAITING, "state_not_fetched"
    if is_ours:
        return EventRow.State.APPLIED, ""
    return EventRow.State.IGNORED, "" if event.is_about_money else "kind"


def _follow_status(account: ProviderAccount, event: ProviderEvent) -> bool:
    """Let the checkout follow what the provider says of it; whether it is one of ours."""
    intents = PaymentIntent.objects.filter(tenant_id=account.tenant_id, account_id=account.id)
    mine = intents.filter(checkout_id=event.checkout_id) if event.checkout_id else intents.none()
    if not mine.exists() and event.payment_id:
        mine = intents.filter(payment_id=event.payment_id)
    intent = mine.first()
    if intent is None:
        return False
    changed = {}
    if event.payment_id and not intent.payment_id:
        changed["payment_id"] = event.payment_id
    if event.status and PLACES[event.status.value] > PLACES[intent.state]:
        changed["state"] = event.status.value
    if changed:
        PaymentIntent.objects.filter(id=intent.id).update(**changed)
    return True


def apply_waiting(
    account: ProviderAccount, payment_id: str, states: Collection[str] = (EventRow.State.WAITING,)
) -> int:
    """Apply the events that waited for this payment; call it in a transaction that locked the account."""
    rows = EventRow.objects.filter(
        tenant_id=account.tenant_id,
        account_id=account.id,
        payment_id=payment_id,
        state__in=states,
    )
    count = 0
    for row in rows.order_by("id"):
        if not row.movements:
            continue
        found = [provider_movements.apply(account, movement_of(told)) for told in row.movements]
        state, because = provider_movements.worst(found)
        if state == provider_movements.WAITING:
            continue
        settle(account, row, state, because)
        count += 1
    return count


def settle(account: ProviderAccount, row: EventRow, state: str, because: str) -> None:
    """A waiting event has found its effect."""
    known = state == provider_movements.KNOWN
    row.state, row.because = (EventRow.State.APPLIED if known else state), because
    row.applied_at = clock.now() if row.state == EventRow.State.APPLIED else None
    if state == EventRow.State.FOREIGN:
        row.body = row.body_person_id = None
    elif (body := records.open_body(row)) is not None:
        records.seal_body(row, body, _case_of(account, row.payment_id))
    row.save()


def _case_of(account: ProviderAccount, payment_id: str) -> int | None:
    found = ProviderPayment.objects.filter(
        tenant_id=account.tenant_id, account_id=account.id, payment_id=payment_id
    )
    return found.values_list("case_id", flat=True).first()


def _plain(movement: Movement) -> dict[str, Any]:
    return {
        "kind": movement.kind.value,
        "payment_id": movement.payment_id,
        "movement_id": movement.movement_id,
        "amount_cents": movement.amount_cents,
        "currency": movement.currency,
        "at": movement.at.isoformat(),
        "link": movement.link,
    }


def movement_of(told: Mapping[str, Any]) -> Movement:
    """A movement as it is kept with its event."""
    at = dt.datetime.fromisoformat(told["at"])
    return Movement(**{**told, "kind": MovementKind(told["kind"]), "at": at})
