"""Mollie: payments, refunds and chargebacks.

A classic webhook of Mollie says no more than `id=tr_…` and bears no signature: it is a knock on the door.
What happened is fetched from Mollie itself, so a forged knock can make us look, and nothing else.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from mahnwerk.gateways.outbound import AnswerUnknown, Outbound
from mahnwerk.gateways.payments import (
    AccountSettings,
    BalanceKind,
    BalanceMovement,
    Checkout,
    CheckoutRequest,
    Movement,
    MovementKind,
    PaymentState,
    ProviderEvent,
    ProviderRefused,
    Refund,
    RefundRequest,
    Status,
    WebhookForged,
    answered,
    cents,
    decimal_text,
    each_event,
    is_unanswered,
    link_id,
    pages,
    rows,
    text,
    timestamp,
)

HOSTS: Final = frozenset({"api.mollie.com"})
BASE: Final = "https://api.mollie.com"
PAYMENT_ID: Final = re.compile(r"tr_[A-Za-z0-9]{4,40}")
LINK: Final = "mahnwerk_link"
KEY: Final = "mahnwerk_key"
STATUS: Final = {
    "open": Status.OPEN,
    "pending": Status.PROCESSING,
    "authorized": Status.PROCESSING,
    "paid": Status.PAID,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,
    "expired": Status.EXPIRED,
}
REFUND_STATUS: Final = {"refunded": "done", "failed": "failed", "canceled": "failed"}


def _metadata(found: Mapping[str, Any], name: str) -> str:
    metadata = found.get("metadata")
    return link_id(metadata.get(name)) if isinstance(metadata, dict) else ""


def _movement(
    kind: MovementKind, found: Mapping[str, Any], payment_id: str, at: Any, link: str = ""
) -> Movement:
    amount = found.get("amount")
    if not isinstance(amount, dict):
        raise WebhookForged("malformed_amount")
    name = payment_id if kind is MovementKind.PAID else text(found.get("id"))
    return Movement(
        kind, payment_id, name, cents(amount.get("value")), text(amount.get("currency")), timestamp(at), link
    )


def _embedded(found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    embedded = found.get("_embedded")
    return rows(embedded.get(name)) if isinstance(embedded, dict) else []


def state_of(payment: Mapping[str, Any]) -> PaymentState:
    """A payment with its refunds and chargebacks, as Mollie shows it with `embed`."""
    payment_id, link = text(payment.get("id")), _metadata(payment, LINK)
    status = STATUS.get(text(payment.get("status")), Status.OPEN)
    movements: list[Movement] = []
    if status is Status.PAID:
        movements.append(_movement(MovementKind.PAID, payment, payment_id, payment.get("paidAt"), link))
    for refund in _embedded(payment, "refunds"):
        movements += refund_movements(refund, payment_id)
    for back in _embedded(payment, "chargebacks"):
        movements.append(_movement(MovementKind.RETURNED, back, payment_id, back.get("createdAt")))
        if back.get("reversedAt"):
            movements.append(_movement(MovementKind.REINSTATED, back, payment_id, back.get("reversedAt")))
    return PaymentState(payment_id, status, tuple(movements), link, payment_id)


def refund_movements(refund: Mapping[str, Any], payment_id: str) -> list[Movement]:
    """A refund that left, or one that came back."""
    kind = {"refunded": MovementKind.REFUNDED, "failed": MovementKind.REFUND_FAILED}.get(
        text(refund.get("status"))
    )
    return [_movement(kind, refund, payment_id, refund.get("createdAt"))] if kind else []


def event_of(state: PaymentState) -> ProviderEvent:
    """A state as an event, named by what it says: the same state told again is the same event."""
    said = repr((state.status, sorted((m.kind, m.movement_id, m.amount_cents) for m in state.movements)))
    mark = hashlib.sha256(said.encode()).hexdigest()[:24]
    return ProviderEvent(
        f"{state.payment_id}:{mark}",
        f"payment.{state.status}",
        state.payment_id,
        state.payment_id,
        state.link,
        state.status,
        state.movements,
    )


BALANCE_KINDS: Final = {
    "payment": BalanceKind.PAYMENT,
    "capture": BalanceKind.PAYMENT,
    "refund": BalanceKind.REFUND,
    "canceled-refund": BalanceKind.REFUND,
    "failed-refund": BalanceKind.REFUND,
    "returned-refund": BalanceKind.REFUND,
    "chargeback": BalanceKind.RETURNED,
    "chargeback-reversal": BalanceKind.RETURNED,
    "invoice-compensation": BalanceKind.FEE,
    "platform-payment-chargeback": BalanceKind.RETURNED,
    "outgoing-transfer": BalanceKind.PAYOUT,
    "failed-outgoing-transfer": BalanceKind.PAYOUT,
    "canceled-outgoing-transfer": BalanceKind.PAYOUT,
    "returned-transfer": BalanceKind.PAYOUT,
}
"""Type of a balance transaction → why the balance changed."""


def balance_of(row: Mapping[str, Any]) -> BalanceMovement:
    """A transaction of the primary balance: what moved, and what Mollie deducted for it."""
    kind = BALANCE_KINDS.get(text(row.get("type")), BalanceKind.OTHER)

    def amount(name: str) -> tuple[int, str]:
        found = row.get(name)
        if not isinstance(found, dict):
            return 0, ""
        return cents(found.get("value")), text(found.get("currency"))

    gross, currency = amount("initialAmount")
    fee = gross - amount("resultAmount")[0]
    if kind is BalanceKind.FEE:
        gross, fee = 0, fee - gross
    context = row.get("context")
    told = context if isinstance(context, dict) else {}
    descriptor = text(told.get("settlementId"))[:60] if kind is BalanceKind.PAYOUT else ""
    return BalanceMovement(
        text(row.get("id")),
        kind,
        text(told.get("paymentId")),
        gross,
        fee,
        currency,
        timestamp(row.get("createdAt")),
        descriptor,
    )


@dataclass(frozen=True)
class MollieProvider:
    """One Mollie profile. Secret: `api_key`."""

    account: AccountSettings
    name = "mollie"

    @property
    def checkout_hosts(self) -> frozenset[str]:
        return frozenset({"www.mollie.com", "pay.mollie.com"})

    def _ask(self, method: str, path: str, body: Any = None, key: str = "") -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.account.secrets['api_key'][0]}"}
        content = b""
        if body is not None:
            content = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        if key:
            headers["Idempotency-Key"] = key
        url = (self.account.api_base or BASE) + path
        answer = Outbound(HOSTS, self.account.loopback).request(method, url, headers=headers, content=content)
        if is_unanswered(answer.status):
            raise AnswerUnknown(f"api.mollie.com: {answer.status}")
        if answer.status >= 400:
            raise ProviderRefused(f"mollie_{answer.status}", answer.status)
        return answered(answer.content, "api.mollie.com")

    def create_payment_link(self, request: CheckoutRequest) -> Checkout:
        wanted = {
            "amount": {"currency": request.currency, "value": decimal_text(request.amount_cents)},
            "description": request.description,
            "redirectUrl": request.done_url,
            "cancelUrl": request.cancelled_url,
            "webhookUrl": request.webhook_url,
            "locale": {"de": "de_DE", "en": "en_GB"}.get(request.locale, "de_DE"),
            "metadata": {LINK: request.link, KEY: request.key},
        }
        made = self._ask("POST", "/v2/payments", wanted, request.key)
        payment_id = text(made.get("id"))
        return Checkout(
            payment_id,
            _link(made, "checkout"),
            STATUS.get(text(made.get("status")), Status.OPEN),
            payment_id,
        )

    def capture(self, checkout_id: str, key: str) -> PaymentState:
        """Mollie takes the money itself."""
        return self.fetch(checkout_id)

    def fetch(self, payment_id: str) -> PaymentState:
        if not PAYMENT_ID.fullmatch(payment_id):
            raise ProviderRefused("malformed_id")
        return state_of(self._ask("GET", f"/v2/payments/{payment_id}?embed=refunds,chargebacks"))

    def fetch_checkout(self, checkout_id: str) -> PaymentState:
        return self.fetch(checkout_id)

    def refund(self, request: RefundRequest) -> Refund:
        wanted = {
            "amount": {"currency": request.currency, "value": decimal_text(request.amount_cents)},
            "metadata": {KEY: request.key},
        }
        made = self._ask("POST", f"/v2/payments/{request.payment_id}/refunds", wanted, request.key)
        return _refund(made, request.payment_id)

    def find_refund(self, payment_id: str, key: str) -> Refund | None:
        found = self._ask("GET", f"/v2/payments/{payment_id}/refunds?limit=250")
        mine = (one for one in _embedded(found, "refunds") if _metadata(one, KEY) == key)
        return next((_refund(one, payment_id) for one in mine), None)

    def parse_webhook(self, raw_body: bytes, headers: Mapping[str, str], now: dt.datetime) -> ProviderEvent:
        try:
            ids = parse_qs(raw_body.decode("ascii"), max_num_fields=5).get("id", [])
        except ValueError:
            ids = []
        if len(ids) != 1 or not PAYMENT_ID.fullmatch(ids[0]):
            raise WebhookForged("malformed_body")
        try:
            return event_of(self.fetch(ids[0]))
        except ProviderRefused as refusal:
            if refusal.status in (404, 410):
                raise WebhookForged("unknown_payment") from None
            raise

    def list_events(self, since: dt.datetime) -> Iterator[ProviderEvent]:
        """Payments made since, and payments whose refund or chargeback was made since."""
        touched: dict[str, None] = {}
        for kind, name in (("payments", "id"), ("refunds", "paymentId"), ("chargebacks", "paymentId")):
            for row in self._rows(kind, since):
                touched[text(row.get(name))] = None
        names = ({"id": name} for name in reversed(touched) if PAYMENT_ID.fullmatch(name))
        yield from each_event(names, lambda found: event_of(self.fetch(found["id"])), "resource")

    def list_balance(self, since: dt.datetime, until: dt.datetime) -> Iterator[BalanceMovement]:
        """Needs an organisation's access token; with a profile's key Mollie says no."""
        path = "balances/primary/transactions"
        yield from (balance_of(row) for row in self._rows("balance_transactions", since, path))

    def _rows(self, kind: str, since: dt.datetime, place: str = "") -> Iterator[dict[str, Any]]:
        """Newest first; the first one that is older ends the listing."""
        first = f"/v2/{place or kind}?" + urlencode({"limit": 250})

        def following(page: dict[str, Any]) -> str:
            parts = urlsplit(_link(page, "next"))
            # Only path and query are taken: the host stays ours to choose.
            return f"{parts.path}?{parts.query}" if parts.path.startswith("/v2/") else ""

        for page in pages(lambda path: self._ask("GET", path), first, following):
            for row in _embedded(page, kind):
                if timestamp(row.get("createdAt")) < since:
                    return
                yield row


def _link(found: Mapping[str, Any], name: str) -> str:
    """The address under `_links`, or ""."""
    links = found.get("_links")
    link = links.get(name) if isinstance(links, dict) else None
    return text(link.get("href")) if isinstance(link, dict) else ""


def _refund(made: Mapping[str, Any], payment_id: str) -> Refund:
    movements = refund_movements(made, payment_id)
    status = REFUND_STATUS.get(text(made.get("status")), "pending")
    return Refund(text(made.get("id")), status, movements[0] if movements else None)
