"""PayPal: Orders v2, captures, refunds, disputes.

The payer approves an order; we capture it; the capture is the payment. A capture that PayPal takes back is
`PAYMENT.CAPTURE.REVERSED`; a dispute that ends in the buyer's favour says the same thing a second time, so
money taken back is named by payment and amount, not by the message that told it.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from mahnwerk.gateways import paypal_signature
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

HOSTS: Final = frozenset(
    {"api-m.paypal.com", "api.paypal.com", "api-m.sandbox.paypal.com", "api.sandbox.paypal.com"}
)
LIVE: Final = "https://api-m.paypal.com"
SANDBOX: Final = "https://api-m.sandbox.paypal.com"
ID: Final = re.compile(r"[A-Z0-9-]{4,50}")
ORDER_STATUS: Final = {"COMPLETED": Status.PAID, "APPROVED": Status.OPEN, "VOIDED": Status.EXPIRED}
REFUND_STATUS: Final = {"COMPLETED": "done", "FAILED": "failed", "CANCELLED": "failed"}
CAPTURED: Final = ("COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED")
EVENTS: Final = (
    "CHECKOUT.ORDER.APPROVED",
    "PAYMENT.CAPTURE.COMPLETED",
    "PAYMENT.CAPTURE.DECLINED",
    "PAYMENT.CAPTURE.DENIED",
    "PAYMENT.CAPTURE.PENDING",
    "PAYMENT.CAPTURE.REFUNDED",
    "PAYMENT.CAPTURE.REVERSED",
    "CUSTOMER.DISPUTE.CREATED",
    "CUSTOMER.DISPUTE.UPDATED",
    "CUSTOMER.DISPUTE.RESOLVED",
)
"""What the webhook at PayPal should be subscribed to."""


def _part(found: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The object inside objects, or an empty one."""
    for name in names:
        inner = found.get(name)
        found = inner if isinstance(inner, dict) else {}
    return dict(found)


def _movement(
    kind: MovementKind, amount: Mapping[str, Any], payment_id: str, name: str, at: Any, link: str = ""
) -> Movement:
    value, currency = cents(amount.get("value")), text(amount.get("currency_code"))
    if kind is MovementKind.RETURNED:
        name = f"{payment_id}:{abs(value)}"
    # What goes back is told with and without a minus; a payment below zero is none.
    value = value if kind is MovementKind.PAID else abs(value)
    return Movement(kind, payment_id, name, value, currency, timestamp(at), link)


def capture_movements(capture: Mapping[str, Any]) -> tuple[Movement, ...]:
    """The payment, if the money was taken."""
    if capture.get("status") not in CAPTURED:
        return ()
    name, link = text(capture.get("id")), link_id(capture.get("custom_id"))
    paid = _movement(
        MovementKind.PAID, _part(capture, "amount"), name, name, capture.get("create_time"), link
    )
    return (paid,)


def capture_of(found: Mapping[str, Any]) -> str:
    """The capture a refund or reversal belongs to: its link `up`."""
    for link in rows(found.get("links")):
        path = urlsplit(text(link.get("href"))).path
        if link.get("rel") == "up" and "/captures/" in path:
            name = path.rsplit("/", 1)[-1]
            return name if ID.fullmatch(name) else ""
    return ""


def refund_movements(refund: Mapping[str, Any], payment_id: str) -> tuple[Movement, ...]:
    """A refund that left."""
    kind = {"COMPLETED": MovementKind.REFUNDED, "FAILED": MovementKind.REFUND_FAILED}.get(
        text(refund.get("status"))
    )
    if kind is None or not payment_id:
        return ()
    name = text(refund.get("id"))
    return (_movement(kind, _part(refund, "amount"), payment_id, name, refund.get("create_time")),)


def dispute_movements(dispute: Mapping[str, Any]) -> tuple[Movement, ...]:
    """Money a dispute took from us, once it is resolved in the buyer's favour."""
    outcome = _part(dispute, "dispute_outcome")
    refunded = _part(outcome, "amount_refunded")
    if outcome.get("outcome_code") != "RESOLVED_BUYER_FAVOUR" or not refunded:
        return ()
    name = _disputed(dispute)
    return (_movement(MovementKind.RETURNED, refunded, name, "", dispute.get("update_time")),)


def _disputed(dispute: Mapping[str, Any]) -> str:
    found = rows(dispute.get("disputed_transactions"))
    name = text(found[0].get("seller_transaction_id")) if found else ""
    return name if ID.fullmatch(name) else ""


def order_state(order: Mapping[str, Any]) -> PaymentState:
    """The state of an order: its first capture, the refunds of it."""
    link, payment_id = "", ""
    status = ORDER_STATUS.get(text(order.get("status")), Status.OPEN)
    movements: tuple[Movement, ...] = ()
    for unit in rows(order.get("purchase_units")):
        link = link_id(unit.get("custom_id")) or link
        payments = _part(unit, "payments")
        for capture in rows(payments.get("captures")):
            payment_id = text(capture.get("id"))
            with_link = {**capture, "custom_id": capture.get("custom_id") or link}
            movements += capture_movements(with_link)
            if capture.get("status") == "PENDING":
                status = Status.PROCESSING
            elif capture.get("status") in ("DECLINED", "FAILED"):
                status = Status.FAILED
        for refund in rows(payments.get("refunds")):
            movements += refund_movements(refund, capture_of(refund) or payment_id)
    return PaymentState(payment_id, status, movements, link, text(order.get("id")))


def event_of(body: Mapping[str, Any]) -> ProviderEvent:
    """What an event of PayPal means. Kinds we do not know mean nothing."""
    event_id, kind = text(body.get("id")), text(body.get("event_type"))
    found = body.get("resource")
    if not event_id or not isinstance(found, dict):
        raise WebhookForged("malformed_body")
    if kind == "CHECKOUT.ORDER.APPROVED":
        units = rows(found.get("purchase_units"))
        link = link_id(units[0].get("custom_id")) if units else ""
        return ProviderEvent(event_id, kind, checkout_id=text(found.get("id")), link=link, needs_capture=True)
    if kind.startswith("CUSTOMER.DISPUTE."):
        return ProviderEvent(event_id, kind, _disputed(found), movements=dispute_movements(found))
    if kind == "PAYMENT.CAPTURE.REVERSED":
        name = capture_of(found)
        back = _movement(MovementKind.RETURNED, _part(found, "amount"), name, "", found.get("create_time"))
        return ProviderEvent(event_id, kind, name, movements=(back,))
    if kind == "PAYMENT.CAPTURE.REFUNDED":
        name = capture_of(found)
        return ProviderEvent(event_id, kind, name, movements=refund_movements(found, name))
    if kind.startswith("PAYMENT.CAPTURE."):
        status = {
            "PAYMENT.CAPTURE.COMPLETED": Status.PAID,
            "PAYMENT.CAPTURE.PENDING": Status.PROCESSING,
            "PAYMENT.CAPTURE.DECLINED": Status.FAILED,
            "PAYMENT.CAPTURE.DENIED": Status.FAILED,
        }.get(kind)
        return ProviderEvent(
            event_id,
            kind,
            text(found.get("id")),
            text(_part(found, "supplementary_data", "related_ids").get("order_id")),
            link_id(found.get("custom_id")),
            status,
            capture_movements(found),
        )
    return ProviderEvent(event_id, kind[:60] or "unknown")


BALANCE_KINDS: Final = {
    "T00": BalanceKind.PAYMENT,
    "T01": BalanceKind.FEE,
    "T04": BalanceKind.PAYOUT,
    "T11": BalanceKind.REFUND,
    "T12": BalanceKind.RETURNED,
}
"""Group of a transaction's event code → why the balance changed."""


def balance_of(info: Mapping[str, Any]) -> BalanceMovement:
    """A transaction of the transaction search (`transaction_info`). A capture is named by its own id."""
    name, code = text(info.get("transaction_id")), text(info.get("transaction_event_code"))
    kind = BALANCE_KINDS.get(code[:3], BalanceKind.OTHER)
    kind = BalanceKind.RETURNED if code in ("T1106", "T1114") else kind
    amount = _part(info, "transaction_amount")
    gross = cents(amount.get("value"))
    fee = -cents(_part(info, "fee_amount").get("value") or "0.00")
    if kind is BalanceKind.FEE:
        gross, fee = 0, fee - gross
    about = {
        BalanceKind.PAYMENT: name,
        BalanceKind.REFUND: text(info.get("paypal_reference_id")),
        BalanceKind.RETURNED: text(info.get("paypal_reference_id")),
    }.get(kind, "")
    currency = text(amount.get("currency_code"))
    at = timestamp(info.get("transaction_initiation_date"))
    descriptor = name if kind is BalanceKind.PAYOUT else ""
    # One id may stand for two movements of the same transaction (payment and its hold).
    return BalanceMovement(f"{name}:{code}", kind, about, gross, fee, currency, at, descriptor)


@dataclass(frozen=True)
class PayPalProvider:
    """One PayPal account. Settings: `client_id`, `webhook_id` (a second one during a rotation, separated by a
    comma), `sandbox`; secret: `client_secret`."""

    account: AccountSettings
    name = "paypal"
    _kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def checkout_hosts(self) -> frozenset[str]:
        return frozenset({"www.paypal.com", "www.sandbox.paypal.com"})

    @property
    def _base(self) -> str:
        is_sandbox = self.account.settings.get("sandbox") == "true"
        return self.account.api_base or (SANDBOX if is_sandbox else LIVE)

    @property
    def _door(self) -> Outbound:
        return Outbound(HOSTS, self.account.loopback)

    def _token(self) -> str:
        """An access token; asked once per use of this object, which lives for one piece of work."""
        if "token" not in self._kept:
            name, secret = self.account.settings["client_id"], self.account.secrets["client_secret"][0]
            basic = base64.b64encode(f"{name}:{secret}".encode()).decode()
            answer = self._door.request(
                "POST",
                f"{self._base}/v1/oauth2/token",
                headers={
                    "Authorization": f"Basic {basic}",
                    "Content-Type": "application/x-www-form-urlencoded",
                },
                content=b"grant_type=client_credentials",
            )
            self._kept["token"] = text(_read(answer.status, answer.content).get("access_token"))
        return str(self._kept["token"])

    def _ask(self, method: str, path: str, body: Any = None, key: str = "") -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token()}", "Content-Type": "application/json"}
        if key:
            headers |= {"PayPal-Request-Id": key, "Prefer": "return=representation"}
        content = b"" if body is None else json.dumps(body).encode()
        answer = self._door.request(method, self._base + path, headers=headers, content=content)
        return _read(answer.status, answer.content)

    def create_payment_link(self, request: CheckoutRequest) -> Checkout:
        unit = {
            "custom_id": request.link,
            "invoice_id": request.key,
            "description": request.description[:127],
            "amount": {"currency_code": request.currency, "value": decimal_text(request.amount_cents)},
        }
        context = {
            "user_action": "PAY_NOW",
            "shipping_preference": "NO_SHIPPING",
            "locale": {"de": "de-DE", "en": "en-GB"}.get(request.locale, "de-DE"),
            "return_url": request.done_url,
            "cancel_url": request.cancelled_url,
        }
        wanted = {
            "intent": "CAPTURE",
            "purchase_units": [unit],
            "payment_source": {"paypal": {"experience_context": context}},
        }
        made = self._ask("POST", "/v2/checkout/orders", wanted, request.key)
        pages = {text(one.get("rel")): text(one.get("href")) for one in rows(made.get("links"))}
        return Checkout(text(made.get("id")), pages.get("payer-action") or pages.get("approve") or "")

    def capture(self, checkout_id: str, key: str) -> PaymentState:
        try:
            made = self._ask("POST", f"/v2/checkout/orders/{_name(checkout_id)}/capture", {}, key)
        except ProviderRefused as refusal:
            # Captured already, or declined: the order itself says which.
            if refusal.status != 422:
                raise
            return self.fetch_checkout(checkout_id)
        return order_state(made)

    def fetch_checkout(self, checkout_id: str) -> PaymentState:
        return order_state(self._ask("GET", f"/v2/checkout/orders/{_name(checkout_id)}"))

    def fetch(self, payment_id: str) -> PaymentState:
        capture = self._ask("GET", f"/v2/payments/captures/{_name(payment_id)}")
        order_id = text(_part(capture, "supplementary_data", "related_ids").get("order_id"))
        if order_id:
            return self.fetch_checkout(order_id)
        status = Status.PAID if capture.get("status") in CAPTURED else Status.OPEN
        link = link_id(capture.get("custom_id"))
        return PaymentState(payment_id, status, capture_movements(capture), link)

    def refund(self, request: RefundRequest) -> Refund:
        amount = {"currency_code": request.currency, "value": decimal_text(request.amount_cents)}
        path = f"/v2/payments/captures/{_name(request.payment_id)}/refund"
        made = self._ask("POST", path, {"amount": amount, "invoice_id": request.key}, request.key)
        return _refund(made, request.payment_id)

    def find_refund(self, payment_id: str, key: str) -> Refund | None:
        capture = self._ask("GET", f"/v2/payments/captures/{_name(payment_id)}")
        order_id = text(_part(capture, "supplementary_data", "related_ids").get("order_id"))
        order = self._ask("GET", f"/v2/checkout/orders/{_name(order_id)}") if order_id else {}
        for unit in rows(order.get("purchase_units")):
            for refund in rows(_part(unit, "payments").get("refunds")):
                if refund.get("invoice_id") == key:
                    return _refund(refund, payment_id)
        return None

    def _certificate(self, url: str) -> bytes:
        if url not in self._kept:
            answer = self._door.request("GET", url)
            if answer.status != 200:
                raise AnswerUnknown(f"certificate: {answer.status}")
            self._kept[url] = answer.content
        return bytes(self._kept[url])

    def parse_webhook(self, raw_body: bytes, headers: Mapping[str, str], now: dt.datetime) -> ProviderEvent:
        webhook_ids = tuple(one.strip() for one in self.account.settings["webhook_id"].split(","))
        paypal_signature.check_signature(raw_body, headers, webhook_ids, now, self._certificate)
        try:
            body = json.loads(raw_body)
        except (ValueError, RecursionError):
            raise WebhookForged("malformed_body") from None
        if not isinstance(body, dict):
            raise WebhookForged("malformed_body")
        return event_of(body)

    def list_events(self, since: dt.datetime) -> Iterator[ProviderEvent]:
        """PayPal keeps events for 30 days; it lists the newest first."""
        wanted = {"start_time": since.strftime("%Y-%m-%dT%H:%M:%SZ"), "page_size": 300}

        def following(page: dict[str, Any]) -> str:
            links = [one for one in rows(page.get("links")) if one.get("rel") == "next"]
            parts = urlsplit(text(links[0].get("href"))) if links else urlsplit("")
            # Only path and query are taken: the host stays ours to choose.
            return f"{parts.path}?{parts.query}" if parts.path.startswith("/v1/notifications/") else ""

        first = "/v1/notifications/webhooks-events?" + urlencode(wanted)
        told = pages(lambda path: self._ask("GET", path), first, following)
        found = [row for page in told for row in rows(page.get("events"))]
        yield from each_event(reversed(found), event_of, "event_type")

    def list_balance(self, since: dt.datetime, until: dt.datetime) -> Iterator[BalanceMovement]:
        """Needs the permission Transaction Search; PayPal lists up to 31 days at a time."""
        wanted = {
            "start_date": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "end_date": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "fields": "transaction_info",
            "page_size": 500,
        }
        asked = count(1)

        def ask(page: str) -> dict[str, Any]:
            return self._ask("GET", "/v1/reporting/transactions?" + urlencode({**wanted, "page": page}))

        def following(told: dict[str, Any]) -> str:
            last, page = told.get("total_pages"), next(asked)
            return str(page + 1) if isinstance(last, int) and page < last else ""

        for told in pages(ask, "1", following):
            for row in rows(told.get("transaction_details")):
                yield balance_of(_part(row, "transaction_info"))


def _name(value: str) -> str:
    if not ID.fullmatch(value):
        raise ProviderRefused("malformed_id")
    return quote(value, safe="")


def _read(status: int, content: bytes) -> dict[str, Any]:
    if is_unanswered(status):
        raise AnswerUnknown(f"api-m.paypal.com: {status}")
    if status >= 400:
        raise ProviderRefused(f"paypal_{status}", status)
    return answered(content, "api-m.paypal.com")


def _refund(made: Mapping[str, Any], payment_id: str) -> Refund:
    movements = refund_movements(made, payment_id)
    status = REFUND_STATUS.get(text(made.get("status")), "pending")
    return Refund(text(made.get("id")), status, movements[0] if movements else None)
