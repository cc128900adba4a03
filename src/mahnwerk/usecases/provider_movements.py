"""Money a provider moved, as facts: in whatever order it is told, what is in force is the same.

A payment is one row of `provider_payments`; what was taken back and paid back is kept there by the
provider's names for it, so a message told twice, or late, changes nothing. From the row follow the facts:

    paid                 PAYMENT_RECEIVED, with the claim the link is about as the debtor's designation
    taken back, all      PAYMENT_RETURNED voids the payment, as of the day it was taken back
    taken back, a part   PAYMENT_RETURNED voids the payment as of its own day; what we keep is received anew
    given again          the return is VOIDED, or the part we keep is voided and the larger sum received
    refunded             REFUND_PAID; a refund that failed is VOIDED
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any, Final

from mahnwerk.frames import FactKind
from mahnwerk.gateways.payments import Movement, MovementKind
from mahnwerk.records import facts as fact_records
from mahnwerk.records import plans as plan_records
from mahnwerk.records.models import (
    Case,
    PayLink,
    PaymentIntent,
    ProviderAccount,
    ProviderEvent,
    ProviderPayment,
)
from mahnwerk.usecases import clock
from mahnwerk.usecases.failpoints import reached

APPLIED: Final = "applied"
KNOWN: Final = "known"
WAITING: Final = "waiting"
FOREIGN: Final = "foreign"
UNMATCHED: Final = "unmatched"
TOO_MUCH: Final = "more_than_paid"
_RANK: Final = (KNOWN, APPLIED, WAITING, FOREIGN, UNMATCHED)
"""What an event is, when its movements fared differently: the last of these."""


def worst(outcomes: list[tuple[str, str]]) -> tuple[str, str]:
    """Outcome and reason of an event from those of its movements, in their order.

    That more went back than came in is so until a later movement of the event says otherwise.
    """
    kept = [
        outcome
        for number, outcome in enumerate(outcomes)
        if outcome[1] != TOO_MUCH or (APPLIED, "") not in outcomes[number + 1 :]
    ]
    return max(kept, key=lambda outcome: _RANK.index(outcome[0]))


def source_key(account_id: int, what: str, name: str) -> str:
    """The name of a money movement within the book."""
    return f"provider|{account_id}|{what}|{name}"


def local_day(at: dt.datetime) -> dt.date:
    """The day in the book's time zone."""
    return at.astimezone(clock.TIME_ZONE).date()


def apply(account: ProviderAccount, movement: Movement) -> tuple[str, str]:
    """Book one movement; call it in a transaction that has locked the account.

    Returns
    -------
    (applied | known | waiting | foreign | unmatched, reason)
    """
    if movement.kind is MovementKind.PAID:
        return _paid(account, movement)
    payment = ProviderPayment.objects.filter(
        tenant_id=account.tenant_id, account_id=account.id, payment_id=movement.payment_id
    ).first()
    if payment is None:
        return WAITING, "payment_not_known"
    if payment.currency != movement.currency:
        if movement.amount_cents != _paid_in(payment, movement.currency):
            return UNMATCHED, "currency"
        # All of what a person valued went back: it is worth what it was.
        movement = replace(movement, amount_cents=payment.amount_cents, currency=payment.currency)
    if movement.kind in (MovementKind.RETURNED, MovementKind.REINSTATED):
        return _returned(payment, movement)
    return _refunded(payment, movement)


def _paid_in(payment: ProviderPayment, currency: str) -> int | None:
    """What was paid in another currency, where a person said what it is worth in the case's."""
    events = ProviderEvent.objects.filter(
        tenant_id=payment.tenant_id, account_id=payment.account_id, payment_id=payment.payment_id
    )
    for movements in events.order_by("id").values_list("movements", flat=True):
        for told in movements:
            if (told["kind"], told["currency"]) == (MovementKind.PAID.value, currency):
                return int(told["amount_cents"])
    return None


def _meant(pay_link: PayLink) -> list[int] | None:
    """What a payment on a link is for: its claim, or the claims of its plan; None = the link says nothing."""
    if pay_link.plan_id is not None:
        return plan_records.claims_of(pay_link.tenant_id, pay_link.plan_id)
    return None if pay_link.claim_id is None else [pay_link.claim_id]


def _paid(account: ProviderAccount, movement: Movement) -> tuple[str, str]:
    known = ProviderPayment.objects.filter(
        tenant_id=account.tenant_id, account_id=account.id, payment_id=movement.payment_id
    ).exists()
    if known:
        return KNOWN, ""
    if not movement.link:
        return FOREIGN, "no_link"
    pay_link = PayLink.objects.filter(
        tenant_id=account.tenant_id, account_id=account.id, public_id=movement.link
    ).first()
    if pay_link is None:
        return FOREIGN, "no_link"
    case = Case.objects.get(tenant_id=account.tenant_id, id=pay_link.case_id)
    if movement.currency != case.currency:
        return UNMATCHED, "currency"
    fact = {
        "case_id": case.id,
        "kind": FactKind.PAYMENT_RECEIVED,
        "effective_on": local_day(movement.at),
        "amount_cents": movement.amount_cents,
        "currency": movement.currency,
        "source_key": source_key(account.id, "paid", movement.payment_id),
        "designated_claim_ids": _meant(pay_link),
    }
    number = _append(account.tenant_id, [fact])[0]
    ProviderPayment.objects.create(
        tenant_id=account.tenant_id,
        account_id=account.id,
        payment_id=movement.payment_id,
        case_id=case.id,
        pay_link_id=pay_link.id,
        currency=movement.currency,
        amount_cents=movement.amount_cents,
        kept_cents=movement.amount_cents,
        paid_on=local_day(movement.at),
        fact_no=number,
    )
    PayLink.objects.filter(id=pay_link.id).update(state=PayLink.State.PAID)
    PaymentIntent.objects.filter(
        tenant_id=account.tenant_id, account_id=account.id, payment_id=movement.payment_id
    ).update(state=PaymentIntent.State.PAID)
    return APPLIED, ""


def _returned(payment: ProviderPayment, movement: Movement) -> tuple[str, str]:
    """Take back or give again; what we keep follows from all that was told so far."""
    known = payment.returns.get(movement.movement_id, {})
    word = "taken_on" if movement.kind is MovementKind.RETURNED else "given_on"
    if word in known:
        return KNOWN, ""
    entry = {**known, "cents": movement.amount_cents, word: local_day(movement.at).isoformat()}
    returns = {**payment.returns, movement.movement_id: entry}
    kept = max(0, payment.amount_cents - _lost(returns))
    if kept != payment.kept_cents:
        name = f"{payment.payment_id}|{movement.movement_id}|{word}"
        _change_kept(payment, kept, name, local_day(movement.at), returns)
    payment.returns, payment.kept_cents = returns, kept
    payment.save(update_fields=["returns", "kept_cents", "fact_no"])
    state = PayLink.State.PAID if kept else PayLink.State.OPEN
    PayLink.objects.filter(id=payment.pay_link_id).exclude(state=PayLink.State.CLOSED).update(state=state)
    return _balanced(payment)


def _balanced(payment: ProviderPayment) -> tuple[str, str]:
    """Never did more leave than came in; where the provider says so, a person must look.

    Until it says otherwise: told in another order, what came back was only heard later.
    """
    left = _lost(payment.returns) + _paid_back(payment.refunds)
    if left > payment.amount_cents:
        return UNMATCHED, TOO_MUCH
    ProviderEvent.objects.filter(
        tenant_id=payment.tenant_id,
        account_id=payment.account_id,
        payment_id=payment.payment_id,
        state=UNMATCHED,
        because=TOO_MUCH,
    ).update(state=APPLIED, because="", applied_at=clock.now())
    return APPLIED, ""


def _in_force(returns: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [entry for entry in returns.values() if "taken_on" in entry and "given_on" not in entry]


def _lost(returns: dict[str, dict[str, Any]]) -> int:
    return sum(entry["cents"] for entry in _in_force(returns))


def _change_kept(
    payment: ProviderPayment, kept: int, name: str, day: dt.date, returns: dict[str, dict[str, Any]]
) -> None:
    """Facts that bring the payment in force from `kept_cents` to `kept`."""
    account_id, tenant_id = payment.account_id, payment.tenant_id
    common = {"case_id": payment.case_id, "currency": payment.currency}
    undo = {
        **common,
        "kind": FactKind.PAYMENT_RETURNED if kept < payment.kept_cents else FactKind.VOIDED,
        "effective_on": payment.paid_on,
        "voids_fact_no": payment.fact_no,
        "source_key": source_key(account_id, "undone", name),
    }
    again = {
        **common,
        "kind": FactKind.PAYMENT_RECEIVED,
        "effective_on": payment.paid_on,
        "amount_cents": kept,
        "source_key": source_key(account_id, "kept", name),
        "designated_claim_ids": _designated(payment),
    }
    if not kept:
        last = max(dt.date.fromisoformat(entry["taken_on"]) for entry in _in_force(returns))
        undo |= {"effective_on": max(last, payment.paid_on), "amount_cents": payment.kept_cents}
        _append(tenant_id, [undo])
        return
    if payment.kept_cents:
        _append(tenant_id, [undo])
    elif (back := _last_return(payment)) is not None and back[1] == kept:
        void = {**undo, "effective_on": max(day, back[2]), "voids_fact_no": back[0]}
        _append(tenant_id, [void])
        return
    payment.fact_no = _append(tenant_id, [again])[0]


def _last_return(payment: ProviderPayment) -> tuple[int, int, dt.date] | None:
    """(number, cents, day) of the fact that voided the payment's last fact wholly."""
    from mahnwerk.records.models import Fact

    rows = Fact.objects.filter(
        tenant_id=payment.tenant_id,
        case_id=payment.case_id,
        kind=FactKind.PAYMENT_RETURNED,
        voids_fact_no=payment.fact_no,
        amount_cents__isnull=False,
    )
    return rows.order_by("-fact_no").values_list("fact_no", "amount_cents", "effective_on").first()


def _designated(payment: ProviderPayment) -> list[int] | None:
    return _meant(PayLink.objects.get(tenant_id=payment.tenant_id, id=payment.pay_link_id))


def _paid_back(refunds: dict[str, dict[str, Any]]) -> int:
    """Cents that left by refunds and did not come back."""
    return sum(entry["cents"] for entry in refunds.values() if entry.get("on") and not entry.get("failed"))


def _refunded(payment: ProviderPayment, movement: Movement) -> tuple[str, str]:
    known = payment.refunds.get(movement.movement_id, {})
    is_failure = movement.kind is MovementKind.REFUND_FAILED
    if known.get("failed") if is_failure else known.get("on"):
        return KNOWN, ""
    entry = dict(known)
    name = f"{payment.payment_id}|{movement.movement_id}"
    key = source_key(payment.account_id, "refunded", name)
    day = local_day(movement.at)
    if is_failure:
        entry |= {"cents": movement.amount_cents, "failed": True}
        if known.get("on"):
            fact_no = fact_records.numbers_of(payment.tenant_id, [key])[key][1]
            undo = {"case_id": payment.case_id, "kind": FactKind.VOIDED, "effective_on": day}
            undo |= {"voids_fact_no": fact_no, "source_key": source_key(payment.account_id, "failed", name)}
            _append(payment.tenant_id, [undo])
    else:
        entry |= {"cents": movement.amount_cents, "on": day.isoformat()}
        if not known.get("failed"):
            fact = {
                "case_id": payment.case_id,
                "kind": FactKind.REFUND_PAID,
                "effective_on": day,
                "amount_cents": movement.amount_cents,
                "currency": movement.currency,
                "source_key": key,
            }
            _append(payment.tenant_id, [fact])
    payment.refunds = {**payment.refunds, movement.movement_id: entry}
    payment.save(update_fields=["refunds"])
    return _balanced(payment)


def _append(tenant_id: int, rows: list[dict[str, Any]]) -> list[int]:
    reached("before provider facts")
    added = fact_records.append(tenant_id, rows, recorded_at=clock.now())
    return [int(number) for number in added["fact_no"]]
