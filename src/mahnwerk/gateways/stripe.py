"""Stripe: Checkout with cards and SEPA direct debit, refunds, disputes; through Stripe's own library.

Events that move money: `charge.succeeded`, `refund.*`, `charge.refund.updated`, `charge.dispute.*`; the
others (`payment_intent.*`, `checkout.session.*`) tell where a checkout stands. A returned SEPA direct debit
comes as a dispute whose funds are withdrawn.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

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
    WebhookStale,
    answered,
    each_event,
    header,
    is_unanswered,
    link_id,
    pages,
    rows,
    text,
    timestamp,
)

WINDOW_SECONDS: Final = 300
HOSTS: Final = frozenset({"api.stripe.com"})
API_VERSION: Final = "2025-09-30.clover"
"""Of what we ask; the endpoint at Stripe should be made with the same."""
LINK: Final = "mahnwerk_link"
KEY: Final = "mahnwerk_key"
EVENTS: Final = (
    "charge.succeeded",
    "charge.refund.updated",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "payment_intent.processing",
    "payment_intent.succeeded",
    "payment_intent.canceled",
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
)
"""What the endpoint at Stripe should be subscribed to."""
ENDED: Final = {
    "complete": {"requires_payment_method": Status.FAILED, "requires_action": Status.PROCESSING},
    "expired": {"requires_payment_method": Status.EXPIRED, "requires_action": Status.EXPIRED},
}
"""Status of a checkout → what a payment that waits for the payer is then: nobody can go on with it there."""
ODD_ANSWER: Final = (AttributeError, KeyError, TypeError, ValueError, RecursionError)
"""What the library stumbles with over an answer that is no object."""
REFUND_STATUS: Final = {"succeeded": "done", "failed": "failed", "canceled": "failed"}


def check_signature(raw_body: bytes, signed: str, secrets: tuple[str, ...], now: dt.datetime) -> None:
    """Check `Stripe-Signature` (scheme v1) against every secret that is valid during a rotation.

    Raises
    ------
    WebhookForged, WebhookStale
    """
    parts = [part.split("=", 1) for part in signed.split(",") if "=" in part]
    times = [value for name, value in parts if name.strip() == "t"]
    given = [value.encode() for name, value in parts if name.strip() == "v1"]
    if len(times) != 1 or not times[0].isascii() or not times[0].isdigit() or not given:
        raise WebhookForged("signature_missing")
    matches = False
    for secret in secrets:
        mac = hmac.new(secret.encode(), times[0].encode() + b"." + raw_body, hashlib.sha256)
        expected = mac.hexdigest().encode()
        for value in given:
            matches |= hmac.compare_digest(expected, value)
    if not matches:
        raise WebhookForged("signature_wrong")
    seconds = int(now.timestamp()) - int(times[0][:15])
    if abs(seconds) > WINDOW_SECONDS:
        raise WebhookStale(seconds)


def _id(value: Any) -> str:
    """An id, also where Stripe expanded the object."""
    return text(value.get("id")) if isinstance(value, dict) else text(value)


def _metadata(found: Mapping[str, Any], name: str) -> str:
    metadata = found.get("metadata")
    return link_id(metadata.get(name)) if isinstance(metadata, dict) else ""


def _movement(
    kind: MovementKind, found: Mapping[str, Any], payment_id: str, at: Any, link: str = ""
) -> Movement:
    amount = found.get("amount")
    if not isinstance(amount, int) or isinstance(amount, bool):
        raise WebhookForged("malformed_amount")
    # A paid movement is named by its payment: each payment is paid once.
    name = payment_id if kind is MovementKind.PAID else _id(found)
    currency = text(found.get("currency")).upper()
    return Movement(kind, payment_id, name, amount, currency, timestamp(at), link)


def charge_movements(charge: Mapping[str, Any]) -> tuple[Movement, ...]:
    """The payment, if the charge succeeded. The day is the one on which the debtor paid."""
    if charge.get("status") != "succeeded" or charge.get("captured") is False:
        return ()
    payment_id = _id(charge.get("payment_intent")) or _id(charge)
    captured = {**charge, "amount": charge.get("amount_captured") or charge.get("amount")}
    link = _metadata(charge, LINK)
    return (_movement(MovementKind.PAID, captured, payment_id, charge.get("created"), link),)


def refund_movements(refund: Mapping[str, Any]) -> tuple[Movement, ...]:
    """A refund that left, or one that came back."""
    kind = {"succeeded": MovementKind.REFUNDED, "failed": MovementKind.REFUND_FAILED}.get(
        text(refund.get("status"))
    )
    payment_id = _id(refund.get("payment_intent")) or _id(refund.get("charge"))
    return (_movement(kind, refund, payment_id, refund.get("created")),) if kind else ()


def dispute_movements(dispute: Mapping[str, Any]) -> tuple[Movement, ...]:
    """Money withdrawn by a dispute, and given back if it was won. An inquiry moves nothing."""
    payment_id = _id(dispute.get("payment_intent")) or _id(dispute.get("charge"))
    found = []
    entries = dispute.get("balance_transactions")
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict) or not isinstance(entry.get("amount"), int):
            raise WebhookForged("malformed_amount")
        taken = entry["amount"] < 0
        kind = MovementKind.RETURNED if taken else MovementKind.REINSTATED
        found.append(_movement(kind, dispute, payment_id, entry.get("created")))
    return tuple(found)


def event_of(body: Mapping[str, Any]) -> ProviderEvent:
    """What an event of Stripe means. Kinds we do not know mean nothing."""
    kind, holder = text(body.get("type")), body.get("data")
    found = holder.get("object") if isinstance(holder, dict) else None
    event_id = text(body.get("id"))
    if not isinstance(found, dict) or not event_id:
        raise WebhookForged("malformed_body")
    payment_id = _id(found.get("payment_intent"))
    if not payment_id and kind.startswith(("charge.", "refund.")):
        return ProviderEvent(event_id, kind[:60])  # every payment of ours has a payment intent
    if kind.startswith("charge.dispute."):
        movements = dispute_movements(found)
        return ProviderEvent(event_id, kind, payment_id, movements=movements, needs_fetch=not movements)
    if kind.startswith("refund.") or kind == "charge.refund.updated":
        return ProviderEvent(event_id, kind, payment_id, movements=refund_movements(found))
    if kind == "charge.succeeded":
        movements = charge_movements(found)
        link = _metadata(found, LINK)
        return ProviderEvent(event_id, kind, payment_id, link=link, status=Status.PAID, movements=movements)
    if kind.startswith("payment_intent."):
        return _intent_event(event_id, kind, found)
    if kind.startswith("checkout.session."):
        return _session_event(event_id, kind, found, payment_id)
    return ProviderEvent(event_id, kind[:60] or "unknown", payment_id)


def _intent_event(event_id: str, kind: str, intent: Mapping[str, Any]) -> ProviderEvent:
    status = {
        "payment_intent.processing": Status.PROCESSING,
        "payment_intent.canceled": Status.EXPIRED,
        "payment_intent.succeeded": Status.PAID,
    }.get(kind)
    return ProviderEvent(
        event_id,
        kind,
        _id(intent),
        link=_metadata(intent, LINK),
        status=status,
        needs_fetch=status is Status.PAID,
    )


def _session_event(event_id: str, kind: str, session: Mapping[str, Any], payment_id: str) -> ProviderEvent:
    is_paid = session.get("payment_status") == "paid"
    status = {
        "checkout.session.completed": Status.PAID if is_paid else Status.PROCESSING,
        "checkout.session.async_payment_succeeded": Status.PAID,
        "checkout.session.async_payment_failed": Status.FAILED,
        "checkout.session.expired": Status.EXPIRED,
    }.get(kind)
    link = link_id(session.get("client_reference_id"))
    needs_fetch = status is Status.PAID and bool(payment_id)
    return ProviderEvent(
        event_id, kind, payment_id, _id(session), link, status=status, needs_fetch=needs_fetch
    )


BALANCE_KINDS: Final = {
    "charge": BalanceKind.PAYMENT,
    "payment": BalanceKind.PAYMENT,
    "refund": BalanceKind.REFUND,
    "payment_refund": BalanceKind.REFUND,
    "refund_failure": BalanceKind.REFUND,
    "payment_failure_refund": BalanceKind.RETURNED,
    "adjustment": BalanceKind.RETURNED,
    "stripe_fee": BalanceKind.FEE,
    "stripe_fx_fee": BalanceKind.FEE,
    "payout": BalanceKind.PAYOUT,
    "payout_cancel": BalanceKind.PAYOUT,
    "payout_failure": BalanceKind.PAYOUT,
}
"""Type of a balance transaction → why the balance changed."""


def balance_of(row: Mapping[str, Any]) -> BalanceMovement:
    """A balance transaction, its source expanded."""
    kind = BALANCE_KINDS.get(text(row.get("type")), BalanceKind.OTHER)
    gross, fee, source = row.get("amount"), row.get("fee"), row.get("source")
    if not isinstance(gross, int) or not isinstance(fee, int):
        raise WebhookForged("malformed_amount")
    if kind is BalanceKind.FEE:
        gross, fee = 0, fee - gross
    found = source if isinstance(source, dict) else {}
    payment_id, descriptor = "", ""
    if kind is BalanceKind.PAYOUT:
        descriptor = (text(found.get("statement_descriptor")) or _id(source))[:60]
    elif kind is not BalanceKind.FEE:
        payment_id = _id(found.get("payment_intent")) or _id(found.get("charge")) or _id(source)
    currency = text(row.get("currency")).upper()
    at = timestamp(row.get("created"))
    return BalanceMovement(_id(row), kind, payment_id, gross, fee, currency, at, descriptor)


@dataclass(frozen=True)
class StripeProvider:
    """One Stripe account. Secrets: `api_key` (restricted is enough) and `webhook_secrets`."""

    account: AccountSettings
    name = "stripe"

    @property
    def checkout_hosts(self) -> frozenset[str]:
        return frozenset({"checkout.stripe.com"})

    @property
    def _client(self) -> Any:
        try:
            import stripe
        except ImportError:
            raise ProviderRefused("library_missing: pip install 'mahnwerk[stripe]'") from None
        base = {"api": self.account.api_base} if self.account.api_base else None
        return stripe.StripeClient(
            self.account.secrets["api_key"][0],
            http_client=_http_client(Outbound(HOSTS, self.account.loopback)),
            base_addresses=base,  # type: ignore[arg-type]
            stripe_version=API_VERSION,
            max_network_retries=0,  # repeated by us alone, with the key that is on record
        ).v1

    def _ask(self, call: Any) -> dict[str, Any]:
        import stripe

        try:
            answer = call()
        except stripe.StripeError as error:
            status = error.http_status or 0
            # Below 400 the answer was no JSON: it may have been carried out.
            if status < 400 or is_unanswered(status):
                raise AnswerUnknown(f"api.stripe.com: {status}") from error
            raise ProviderRefused(text(error.code) or type(error).__name__, status) from error
        except ODD_ANSWER as error:
            raise AnswerUnknown("api.stripe.com: an answer of no shape it should have") from error
        last = getattr(answer, "last_response", None)
        return answered(getattr(last, "body", ""), "api.stripe.com")

    def _list(self, call: Any) -> list[dict[str, Any]]:
        """The rows of a list that has one page."""
        return _listed(self._ask(call))

    def create_payment_link(self, request: CheckoutRequest) -> Checkout:
        line = {
            "quantity": 1,
            "price_data": {
                "currency": request.currency.lower(),
                "unit_amount": request.amount_cents,
                "product_data": {"name": request.description},
            },
        }
        marks = {LINK: request.link, KEY: request.key}
        wanted = {
            "mode": "payment",
            "line_items": [line],
            "client_reference_id": request.link,
            "metadata": marks,
            "payment_intent_data": {"metadata": marks, "description": request.description},
            "locale": request.locale,
            "success_url": request.done_url,
            "cancel_url": request.cancelled_url,
        }
        client = self._client
        made = self._ask(lambda: client.checkout.sessions.create(wanted, {"idempotency_key": request.key}))
        return Checkout(
            text(made.get("id")), text(made.get("url")), payment_id=_id(made.get("payment_intent"))
        )

    def capture(self, checkout_id: str, key: str) -> PaymentState:
        """Stripe takes the money itself; what became of it is all there is to ask."""
        return self.fetch_checkout(checkout_id)

    def fetch_checkout(self, checkout_id: str) -> PaymentState:
        client = self._client
        session = self._ask(lambda: client.checkout.sessions.retrieve(checkout_id))
        payment_id, place = _id(session.get("payment_intent")), text(session.get("status"))
        if payment_id:
            return self._state(payment_id, place)
        status = Status.EXPIRED if place == "expired" else Status.OPEN
        return PaymentState("", status, link=link_id(session.get("client_reference_id")))

    def fetch(self, payment_id: str) -> PaymentState:
        return self._state(payment_id)

    def _state(self, payment_id: str, session: str = "") -> PaymentState:
        """The state of a payment; `session`: where its checkout stands, if that is known."""
        client = self._client
        intent = self._ask(lambda: client.payment_intents.retrieve(payment_id, {"expand": ["latest_charge"]}))
        about = {"payment_intent": payment_id, "limit": 100}
        refunds = self._list(lambda: client.refunds.list(about))
        disputes = self._list(lambda: client.disputes.list(about))
        status = {
            "succeeded": Status.PAID,
            "processing": Status.PROCESSING,
            "canceled": Status.EXPIRED,
            **ENDED.get(session, {}),
        }.get(text(intent.get("status")), Status.OPEN)
        link = _metadata(intent, LINK)
        charge = intent.get("latest_charge")
        if not isinstance(charge, dict):
            charge = {}
        movements = charge_movements({**charge, "metadata": {LINK: link}, "payment_intent": payment_id})
        for refund in refunds:
            movements += refund_movements(refund)
        for dispute in disputes:
            movements += dispute_movements(dispute)
        return PaymentState(payment_id, status, movements, link)

    def refund(self, request: RefundRequest) -> Refund:
        client = self._client
        wanted = {
            "payment_intent": request.payment_id,
            "amount": request.amount_cents,
            "metadata": {KEY: request.key},
        }
        made = self._ask(lambda: client.refunds.create(wanted, {"idempotency_key": request.key}))
        return _refund(made)

    def find_refund(self, payment_id: str, key: str) -> Refund | None:
        client = self._client
        found = self._list(lambda: client.refunds.list({"payment_intent": payment_id, "limit": 100}))
        return next((_refund(one) for one in found if _metadata(one, KEY) == key), None)

    def parse_webhook(self, raw_body: bytes, headers: Mapping[str, str], now: dt.datetime) -> ProviderEvent:
        signed = header(headers, "stripe-signature")
        check_signature(raw_body, signed, self.account.secrets["webhook_secrets"], now)
        try:
            body = json.loads(raw_body)
        except (ValueError, RecursionError):
            raise WebhookForged("malformed_body") from None
        if not isinstance(body, dict):
            raise WebhookForged("malformed_body")
        return event_of(body)

    def list_events(self, since: dt.datetime) -> Iterator[ProviderEvent]:
        """Stripe keeps events for 30 days; it lists the newest first."""
        client = self._client
        wanted: dict[str, Any] = {
            "created": {"gte": int(since.timestamp())},
            "types": list(EVENTS),
            "limit": 100,
        }
        found = list(self._pages(client.events.list, wanted))
        yield from each_event(reversed(found), event_of, "type")

    def list_balance(self, since: dt.datetime, until: dt.datetime) -> Iterator[BalanceMovement]:
        client = self._client
        wanted: dict[str, Any] = {
            "created": {"gte": int(since.timestamp()), "lte": int(until.timestamp())},
            "expand": ["data.source"],
            "limit": 100,
        }
        yield from (balance_of(row) for row in self._pages(client.balance_transactions.list, wanted))

    def _pages(self, call: Any, wanted: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The rows of all pages of a list."""

        def ask(place: str) -> dict[str, Any]:
            after = {"starting_after": place} if place else {}
            return self._ask(lambda: call({**wanted, **after}))

        def following(page: dict[str, Any]) -> str:
            last = _listed(page)[-1:] if page.get("has_more") else []
            return text(last[0].get("id")) if last else ""

        for page in pages(ask, "", following):
            yield from _listed(page)


def _listed(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not isinstance(page.get("data"), list):
        raise AnswerUnknown("api.stripe.com: a list without rows")
    return rows(page["data"])


def _refund(made: Mapping[str, Any]) -> Refund:
    movements = refund_movements(made)
    status = REFUND_STATUS.get(text(made.get("status")), "pending")
    return Refund(_id(made), status, movements[0] if movements else None)


def _http_client(outbound: Outbound) -> Any:
    """Stripe's library, speaking through our door."""
    from stripe import HTTPClient

    class Client(HTTPClient):
        name = "mahnwerk"

        def request(
            self, method: str, url: str, headers: Any, post_data: Any = None, *, _usage: Any = None
        ) -> Any:
            content = post_data.encode() if isinstance(post_data, str) else post_data or b""
            answer = outbound.request(method.upper(), url, headers=dict(headers or {}), content=content)
            return answer.content.decode("utf-8", "replace"), answer.status, answer.headers

        def close(self) -> None:
            """Nothing stays open."""

    return Client()
