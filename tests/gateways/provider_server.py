"""A payment provider on loopback: Stripe, PayPal and Mollie as far as we speak with them.

Objects are the providers' published samples, filled in. A test lets payers act (`pay`, `refund`, `dispute`,
`win`), takes the webhooks that follow (`deliveries`) and delivers them as it likes: twice, late, in another
order, not at all, forged. `fail` makes the next requests go wrong before or after their effect.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import datetime as dt
import hashlib
import hmac
import json
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

PAYLOADS = Path(__file__).parent / "payloads"
STRIPE = json.loads((PAYLOADS / "stripe.json").read_text(encoding="utf-8"))
MOLLIE = json.loads((PAYLOADS / "mollie_payment_single.json").read_text(encoding="utf-8"))
STRIPE_SECRET, WEBHOOK_ID = "whsec_test", "1JE4291016473214C"
START = dt.datetime(2026, 3, 3, 10, 0, tzinfo=dt.UTC)
Delivery = tuple[bytes, dict[str, str]]


def paypal_certificate(name: str = "messageverificationcerts.paypal.com") -> tuple[rsa.RSAPrivateKey, bytes]:
    """A key and its certificate."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(START - dt.timedelta(days=30))
        .not_valid_after(START + dt.timedelta(days=400))
        .sign(key, hashes.SHA256())
    )
    return key, made.public_bytes(serialization.Encoding.PEM)


PAYPAL_KEY, PAYPAL_PEM = paypal_certificate()


@dataclass
class Payment:
    """What the simulator knows of one checkout and its payment."""

    provider: str
    checkout_id: str
    payment_id: str
    link: str
    key: str
    amount: int
    currency: str
    status: str = "open"
    paid_at: dt.datetime | None = None
    refunds: list[dict[str, Any]] = field(default_factory=list)
    disputes: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Simulator:
    """All three providers, and the server that answers for them."""

    payments: dict[str, Payment] = field(default_factory=dict)
    events: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {"stripe": [], "paypal": [], "mollie": []}
    )
    balance: list[dict[str, Any]] = field(default_factory=list)  # changes of our balance, in order
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)  # idempotency key → answer
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    fail: list[str] = field(default_factory=list)
    """One per request: "", before, after, 500, 429, redirect, or garbled: done, but the answer is no JSON."""
    is_down: bool = False
    refuse: bool = False  # the key was revoked
    nonsense: bytes = b""  # what each answer says instead, after its effect
    now: dt.datetime = START
    host: str = ""
    effects: int = 0
    emitted: int = 0
    made: int = 0
    _server: ThreadingHTTPServer | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Simulator:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def tick(self, **span: float) -> None:
        self.now += dt.timedelta(**(span or {"minutes": 1}))

    def forget(self, name: str) -> None:
        """The provider knows a checkout no more: PayPal drops orders that nobody approved within hours."""
        del self.payments[self.of(name).checkout_id]

    # --- what payers and banks do ---------------------------------------------------------------

    def of(self, name: str) -> Payment:
        return next(p for p in self.payments.values() if name in (p.checkout_id, p.payment_id, p.link))

    def pay(self, name: str) -> Payment:
        """The payer pays the checkout (at PayPal: approves it; capturing is ours to do)."""
        payment = self.of(name)
        self.tick()
        if payment.provider == "paypal":
            payment.status = "approved"
            self._emit(payment, "CHECKOUT.ORDER.APPROVED", self.order(payment))
            return payment
        self._paid(payment)
        if payment.provider == "stripe":
            self._emit(payment, "charge.succeeded", self.charge(payment))
            self._emit(payment, "payment_intent.succeeded", self.intent(payment))
            self._emit(payment, "checkout.session.completed", self.session(payment))
        else:
            self._emit(payment, "", None)
        return payment

    def process(self, name: str) -> None:
        """A direct debit is given at Stripe: the money comes days later, or not."""
        payment = self.of(name)
        self.tick()
        payment.status = "processing"
        self._emit(payment, "checkout.session.completed", self.session(payment))

    def bounce(self, name: str) -> None:
        """The direct debit failed before any money came."""
        payment = self.of(name)
        self.tick(days=3)
        payment.status = "failed"
        self._emit(payment, "checkout.session.async_payment_failed", self.session(payment))

    def _paid(self, payment: Payment) -> None:
        payment.status, payment.paid_at = "paid", self.now
        self.effects += 1

    def refund(self, name: str, cents: int, key: str = "", status: str = "succeeded") -> dict[str, Any]:
        payment = self.of(name)
        self.tick()
        number = len(payment.refunds) + 1
        refund = {"id": f"re_{payment.payment_id[-8:]}{number}", "cents": cents, "key": key, "status": status}
        refund |= {"at": self.now}
        payment.refunds.append(refund)
        self.effects += 1
        if payment.provider == "stripe":
            self._emit(payment, "refund.created", self.stripe_refund(payment, refund))
        elif payment.provider == "paypal":
            refund["id"] = f"RF{payment.payment_id[-8:]}{number}"
            self._emit(payment, "PAYMENT.CAPTURE.REFUNDED", self.paypal_refund(payment, refund))
        else:
            self._emit(payment, "", None)
        return refund

    def fail_refund(self, name: str) -> None:
        """The last refund did not arrive: the bank sends it back."""
        payment = self.of(name)
        self.tick()
        payment.refunds[-1]["status"] = "failed"
        kind = "refund.failed" if payment.provider == "stripe" else ""
        self._emit(payment, kind, self.stripe_refund(payment, payment.refunds[-1]))

    def dispute(self, name: str, cents: int = 0) -> dict[str, Any]:
        payment = self.of(name)
        self.tick(days=1)
        number = len(payment.disputes) + 1
        dispute = {"id": f"dp_{payment.payment_id[-8:]}{number}", "cents": cents or payment.amount}
        dispute |= {"at": self.now, "won_at": None}
        payment.disputes.append(dispute)
        if payment.provider == "stripe":
            self._emit(payment, "charge.dispute.created", self.stripe_dispute(payment, dispute))
            self._emit(payment, "charge.dispute.funds_withdrawn", self.stripe_dispute(payment, dispute))
        elif payment.provider == "paypal":
            self._emit(payment, "CUSTOMER.DISPUTE.CREATED", self.paypal_dispute(payment, dispute, ""))
            body = self.paypal_dispute(payment, dispute, "RESOLVED_BUYER_FAVOUR")
            self._emit(payment, "CUSTOMER.DISPUTE.RESOLVED", body)
            self._emit(payment, "PAYMENT.CAPTURE.REVERSED", self.paypal_refund(payment, dispute))
        else:
            self._emit(payment, "", None)
        return dispute

    def win(self, name: str) -> None:
        """The last dispute is won: the money is given back to us."""
        payment = self.of(name)
        self.tick(days=2)
        payment.disputes[-1]["won_at"] = self.now
        if payment.provider == "stripe":
            body = self.stripe_dispute(payment, payment.disputes[-1])
            self._emit(payment, "charge.dispute.funds_reinstated", body)
        else:
            self._emit(payment, "", None)

    def changes_balance(
        self, provider: str, kind: str, cents: int, fee: int = 0, *, name: str = "", text: str = ""
    ) -> None:
        """The provider's own book: a payment with its fee, or a settlement that leaves for our bank."""
        row = {
            "provider": provider,
            "kind": kind,
            "cents": cents,
            "fee": fee,
            "payment": name,
            "at": self.now,
        }
        self.balance.append({**row, "id": f"txn_{len(self.balance) + 1:06d}", "text": text})

    def balance_rows(self, provider: str) -> list[dict[str, Any]]:
        """The balance as this provider shows it, the newest first."""
        show = {"stripe": _stripe_balance, "paypal": _paypal_balance, "mollie": _mollie_balance}[provider]
        return [show(row) for row in reversed(self.balance) if row["provider"] == provider]

    # --- objects ------------------------------------------------------------------------------

    def charge(self, payment: Payment) -> dict[str, Any]:
        at = int((payment.paid_at or self.now).timestamp())
        refunded = sum(one["cents"] for one in payment.refunds if one["status"] == "succeeded")
        return _filled(
            STRIPE["charge"],
            id="ch_" + payment.payment_id[3:],
            amount=payment.amount,
            amount_captured=payment.amount,
            amount_refunded=refunded,
            captured=True,
            created=at,
            currency=payment.currency.lower(),
            metadata={"mahnwerk_link": payment.link, "mahnwerk_key": payment.key},
            payment_intent=payment.payment_id,
            status="succeeded",
            paid=True,
        )

    def intent(self, payment: Payment, *, expanded: bool = False) -> dict[str, Any]:
        is_paid = payment.status == "paid"
        charge = self.charge(payment) if is_paid else None
        return _filled(
            STRIPE["payment_intent"],
            id=payment.payment_id,
            amount=payment.amount,
            amount_received=payment.amount if is_paid else 0,
            currency=payment.currency.lower(),
            metadata={"mahnwerk_link": payment.link, "mahnwerk_key": payment.key},
            status={"paid": "succeeded", "processing": "processing"}.get(
                payment.status, "requires_payment_method"
            ),
            latest_charge=charge if expanded or charge is None else charge["id"],
        )

    def session(self, payment: Payment) -> dict[str, Any]:
        is_paid = payment.status == "paid"
        return _filled(
            STRIPE["checkout.session"],
            id=payment.checkout_id,
            url=f"http://{self.host}/checkout/{payment.checkout_id}",
            client_reference_id=payment.link,
            payment_intent=None if payment.status in ("open", "expired") else payment.payment_id,
            payment_status="paid" if is_paid else "unpaid",
            status={"open": "open", "expired": "expired"}.get(payment.status, "complete"),
        )

    def stripe_refund(self, payment: Payment, refund: dict[str, Any]) -> dict[str, Any]:
        return _filled(
            STRIPE["refund"],
            id=refund["id"],
            amount=refund["cents"],
            currency=payment.currency.lower(),
            created=int(refund["at"].timestamp()),
            payment_intent=payment.payment_id,
            charge="ch_" + payment.payment_id[3:],
            status=refund["status"],
            metadata={"mahnwerk_key": refund["key"]} if refund["key"] else {},
        )

    def stripe_dispute(self, payment: Payment, dispute: dict[str, Any]) -> dict[str, Any]:
        entries = [{"object": "balance_transaction", "amount": -dispute["cents"], "at": dispute["at"]}]
        if dispute["won_at"]:
            entries.append(
                {"object": "balance_transaction", "amount": dispute["cents"], "at": dispute["won_at"]}
            )
        for entry in entries:
            entry["created"] = int(entry.pop("at").timestamp())
        return _filled(
            STRIPE["dispute"],
            id=dispute["id"],
            amount=dispute["cents"],
            currency=payment.currency.lower(),
            created=int(dispute["at"].timestamp()),
            payment_intent=payment.payment_id,
            balance_transactions=entries,
            status="won" if dispute["won_at"] else "needs_response",
        )

    def capture(self, payment: Payment) -> dict[str, Any]:
        return {
            "id": payment.payment_id,
            "status": "COMPLETED" if payment.paid_at else "PENDING",
            "amount": _paypal_amount(payment.amount, payment.currency),
            "custom_id": payment.link,
            "invoice_id": payment.key,
            "final_capture": True,
            "create_time": _iso(payment.paid_at or self.now),
            "supplementary_data": {"related_ids": {"order_id": payment.checkout_id}},
        }

    def order(self, payment: Payment) -> dict[str, Any]:
        unit: dict[str, Any] = {"reference_id": "default", "custom_id": payment.link}
        if payment.paid_at:
            refunds = [self.paypal_refund(payment, one) for one in payment.refunds]
            unit["payments"] = {"captures": [self.capture(payment)], "refunds": refunds}
        status = {"open": "PAYER_ACTION_REQUIRED", "approved": "APPROVED", "paid": "COMPLETED"}
        href = f"http://{self.host}/checkoutnow?token={payment.checkout_id}"
        return {
            "id": payment.checkout_id,
            "intent": "CAPTURE",
            "status": status.get(payment.status, "VOIDED"),
            "purchase_units": [unit],
            "links": [{"rel": "payer-action", "href": href, "method": "GET"}],
        }

    def paypal_refund(self, payment: Payment, one: dict[str, Any]) -> dict[str, Any]:
        up = f"https://api-m.paypal.com/v2/payments/captures/{payment.payment_id}"
        return {
            "id": one["id"],
            "status": {"succeeded": "COMPLETED", "failed": "FAILED"}.get(one.get("status", ""), "COMPLETED"),
            "amount": _paypal_amount(one["cents"], payment.currency),
            "invoice_id": one.get("key", ""),
            "create_time": _iso(one["at"]),
            "links": [{"rel": "up", "href": up, "method": "GET"}],
        }

    def paypal_dispute(self, payment: Payment, one: dict[str, Any], outcome: str) -> dict[str, Any]:
        told: dict[str, Any] = {
            "dispute_id": one["id"].replace("_", "-").upper(),
            "disputed_transactions": [{"seller_transaction_id": payment.payment_id}],
            "dispute_amount": _paypal_amount(one["cents"], payment.currency),
            "status": "RESOLVED" if outcome else "OPEN",
            "update_time": _iso(one["at"]),
        }
        if outcome:
            refunded = _paypal_amount(one["cents"], payment.currency)
            told["dispute_outcome"] = {"outcome_code": outcome, "amount_refunded": refunded}
        return told

    def mollie(self, payment: Payment) -> dict[str, Any]:
        refunded = {"succeeded": "refunded", "failed": "failed"}
        refunds = [
            {
                "resource": "refund",
                "id": one["id"],
                "paymentId": payment.payment_id,
                "amount": _amount(one["cents"], payment.currency),
                "status": refunded.get(one["status"], "pending"),
                "createdAt": _iso(one["at"]),
                "metadata": {"mahnwerk_key": one["key"]} if one["key"] else None,
            }
            for one in payment.refunds
        ]
        backs = [
            {
                "resource": "chargeback",
                "id": one["id"],
                "paymentId": payment.payment_id,
                "amount": _amount(one["cents"], payment.currency),
                "createdAt": _iso(one["at"]),
                "reversedAt": _iso(one["won_at"]) if one["won_at"] else None,
            }
            for one in payment.disputes
        ]
        href = f"http://{self.host}/payscreen/{payment.payment_id}"
        return _filled(
            MOLLIE,
            id=payment.payment_id,
            amount=_amount(payment.amount, payment.currency),
            status={"paid": "paid", "expired": "expired"}.get(payment.status, "open"),
            paidAt=_iso(payment.paid_at) if payment.paid_at else None,
            createdAt=_iso(payment.paid_at or self.now),
            metadata={"mahnwerk_link": payment.link, "mahnwerk_key": payment.key},
            _links={"checkout": {"href": href, "type": "text/html"}},
            _embedded={"refunds": refunds, "chargebacks": backs},
        )

    # --- webhooks -----------------------------------------------------------------------------

    def _emit(self, payment: Payment, kind: str, body: Any) -> None:
        events = self.events[payment.provider]
        self.emitted += 1
        number = self.emitted
        if payment.provider == "stripe":
            event = {"id": f"evt_{number:06d}", "type": kind, "data": {"object": copy.deepcopy(body)}}
            events.append(_filled(STRIPE["event"], **event, created=int(self.now.timestamp())))
        elif payment.provider == "paypal":
            event = {"id": f"WH-{number:06d}", "event_type": kind, "resource": copy.deepcopy(body)}
            events.append({**event, "create_time": _iso(self.now)})
        else:
            events.append({"id": payment.payment_id})

    def deliveries(self, provider: str) -> list[Delivery]:
        """All webhooks so far, signed now."""
        return [self.signed(provider, event) for event in self.events[provider]]

    def signed(self, provider: str, event: dict[str, Any], secret: str = STRIPE_SECRET) -> Delivery:
        if provider == "mollie":
            return f"id={event['id']}".encode(), {"Content-Type": "application/x-www-form-urlencoded"}
        raw = json.dumps(event, indent=2).encode()
        if provider == "stripe":
            return raw, {"Stripe-Signature": stripe_signature(raw, secret, self.now)}
        return raw, self.paypal_headers(raw)

    def paypal_headers(self, raw: bytes, **given: str) -> dict[str, str]:
        time = _iso(self.now)
        text = f"t-1|{time}|{WEBHOOK_ID}|{zlib.crc32(raw)}".encode()
        signature = PAYPAL_KEY.sign(text, padding.PKCS1v15(), hashes.SHA256())
        return {
            "Paypal-Transmission-Id": "t-1",
            "Paypal-Transmission-Time": time,
            "Paypal-Transmission-Sig": base64.b64encode(signature).decode(),
            "Paypal-Cert-Url": f"http://{self.host}/v1/notifications/certs/CERT-1",
            "Paypal-Auth-Algo": "SHA256withRSA",
            **given,
        }

    # --- the server -----------------------------------------------------------------------------

    def answer(self, method: str, url: str, headers: Any, content: bytes) -> tuple[int, Any]:
        parts = urlsplit(url)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        key = headers.get("Idempotency-Key") or headers.get("PayPal-Request-Id") or ""
        kept = f"{parts.path}|{key}" if key and method == "POST" else ""
        if kept in self.answers:
            return self.answers[kept]
        for prefix, room in self._rooms():
            if parts.path.startswith(prefix):
                made = room(method, parts.path, query, content, key)
                break
        else:
            made = 404, {}
        if kept and made[0] < 500:
            self.answers[kept] = made
        return made

    def _rooms(self) -> list[tuple[str, Callable[..., tuple[int, Any]]]]:
        paypal = (
            "/v2/payments/captures",
            "/v2/checkout",
            "/v1/oauth2",
            "/v1/notifications",
            "/v1/reporting",
        )
        return [
            ("/v1/notifications/certs/", self._certificate),
            *((prefix, self._paypal) for prefix in paypal),
            ("/v2/", self._mollie),
            ("/v1/", self._stripe),
        ]

    def _certificate(self, method: str, path: str, query: Any, content: bytes, key: str) -> tuple[int, Any]:
        return 200, PAYPAL_PEM

    def _stripe(self, method: str, path: str, query: Any, content: bytes, key: str) -> tuple[int, Any]:
        form = dict(parse_qsl(content.decode()))
        name = path.rsplit("/", 1)[-1]
        about = [p for p in self.payments.values() if p.payment_id == query.get("payment_intent")]
        if method == "POST" and path == "/v1/checkout/sessions":
            amount, currency = (
                form["line_items[0][price_data][unit_amount]"],
                form["line_items[0][price_data][currency]"],
            )
            link = form["client_reference_id"]
            return 200, self.session(
                self._new("stripe", "cs_test_", "pi_", link, key, int(amount), currency.upper())
            )
        if method == "POST" and path == "/v1/refunds":
            made = self.refund(form["payment_intent"], int(form["amount"]), key)
            return 200, self.stripe_refund(self.of(form["payment_intent"]), made)
        if path.startswith("/v1/checkout/sessions/"):
            return self._found(name, self.session)
        if path.startswith("/v1/payment_intents/"):
            return self._found(name, lambda p: self.intent(p, expanded=True))
        if path == "/v1/refunds":
            return 200, _list([self.stripe_refund(p, one) for p in about for one in p.refunds])
        if path == "/v1/disputes":
            return 200, _list([self.stripe_dispute(p, one) for p in about for one in p.disputes])
        if path == "/v1/balance_transactions" and self.balance:
            return 200, _list(self.balance_rows("stripe"))
        if path == "/v1/events":
            rows = [e for e in reversed(self.events["stripe"]) if e["created"] >= int(query["created[gte]"])]
            ids = [e["id"] for e in rows]
            first = ids.index(query["starting_after"]) + 1 if "starting_after" in query else 0
            return 200, _list(rows[first : first + 7], has_more=len(rows) > first + 7)
        return 404, {"error": {"type": "invalid_request_error", "code": "resource_missing"}}

    def _paypal(self, method: str, path: str, query: Any, content: bytes, key: str) -> tuple[int, Any]:
        names = path.split("/")
        if path == "/v1/oauth2/token":
            return 200, {"access_token": "A21", "token_type": "Bearer", "expires_in": 32400}
        body = json.loads(content) if content else {}
        if method == "POST" and path == "/v2/checkout/orders":
            unit = body["purchase_units"][0]
            cents = round(float(unit["amount"]["value"]) * 100)
            made = self._new(
                "paypal",
                "O",
                "C",
                unit["custom_id"],
                unit["invoice_id"],
                cents,
                unit["amount"]["currency_code"],
            )
            return 201, self.order(made)
        if method == "POST" and path.endswith("/capture"):
            payment = self.of(names[4])
            if payment.status != "approved":
                return 422, {"name": "UNPROCESSABLE_ENTITY"}
            self.tick()
            self._paid(payment)
            self._emit(payment, "PAYMENT.CAPTURE.COMPLETED", self.capture(payment))
            return 201, self.order(payment)
        if method == "POST" and path.endswith("/refund"):
            made_refund = self.refund(names[4], round(float(body["amount"]["value"]) * 100), key)
            return 201, self.paypal_refund(self.of(names[4]), made_refund)
        if path == "/v1/reporting/transactions" and self.balance:
            return 200, {"transaction_details": self.balance_rows("paypal"), "total_pages": 1}
        if path.startswith("/v2/checkout/orders/"):
            return self._found(names[4], self.order)
        if path.startswith("/v2/payments/captures/"):
            return self._found(names[4], self.capture)
        if path == "/v1/notifications/webhooks-events":
            rows = [e for e in reversed(self.events["paypal"]) if e["create_time"] >= query["start_time"]]
            first = int(query.get("page", "0"))
            href = f"https://api-m.paypal.com{path}?start_time={query['start_time']}&page={first + 5}"
            links = [{"rel": "next", "href": href}] if len(rows) > first + 5 else []
            return 200, {"events": rows[first : first + 5], "links": links}
        return 404, {}

    def _mollie(self, method: str, path: str, query: Any, content: bytes, key: str) -> tuple[int, Any]:
        names, body = path.split("/"), json.loads(content) if content else {}
        if method == "POST" and path == "/v2/payments":
            cents = round(float(body["amount"]["value"]) * 100)
            link = body["metadata"]["mahnwerk_link"]
            made = self._new("mollie", "tr_", "tr_", link, key, cents, body["amount"]["currency"])
            return 201, self.mollie(made)
        if method == "POST" and path.endswith("/refunds"):
            self.refund(names[3], round(float(body["amount"]["value"]) * 100), key)
            return 201, self.mollie(self.of(names[3]))["_embedded"]["refunds"][-1]
        if path == "/v2/balances/primary/transactions" and self.balance:
            return 200, {"_embedded": {"balance_transactions": self.balance_rows("mollie")}, "_links": {}}
        mine = [self.mollie(p) for p in self.payments.values() if p.provider == "mollie"]
        if path in ("/v2/payments", "/v2/refunds", "/v2/chargebacks"):
            kind = names[2]
            inner = (row for one in mine for row in one["_embedded"].get(kind, ()))
            rows = sorted(
                mine if kind == "payments" else inner, key=lambda row: row["createdAt"], reverse=True
            )
            return 200, {"count": len(rows), "_embedded": {kind: rows}, "_links": {"next": None}}
        if path.endswith("/refunds"):
            return 200, {"_embedded": {"refunds": self.mollie(self.of(names[3]))["_embedded"]["refunds"]}}
        if path.startswith("/v2/payments/"):
            return self._found(names[3], self.mollie)
        return 404, {}

    def _found(self, name: str, show: Callable[[Payment], Any]) -> tuple[int, Any]:
        found = [p for p in self.payments.values() if name in (p.checkout_id, p.payment_id)]
        if not found:
            return 404, {"error": {"type": "invalid_request_error", "code": "resource_missing"}}
        return 200, show(found[0])

    def _new(
        self, provider: str, checkout: str, payment: str, link: str, key: str, amount: int, currency: str
    ) -> Payment:
        self.made += 1
        number = f"{self.made:08d}"
        made = Payment(provider, checkout + number, payment + number, link, key, amount, currency)
        self.payments[made.checkout_id] = made
        return made


def stripe_signature(raw: bytes, secret: str, at: dt.datetime) -> str:
    seconds = int(at.timestamp())
    mac = hmac.new(secret.encode(), f"{seconds}.".encode() + raw, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={mac},v0=ignored"


def _filled(template: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {**copy.deepcopy(template), **values}


def _list(rows: list[Any], *, has_more: bool = False) -> dict[str, Any]:
    return {"object": "list", "data": rows, "has_more": has_more}


def _iso(at: dt.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _amount(cents: int, currency: str) -> dict[str, str]:
    return {"value": f"{cents // 100}.{cents % 100:02d}", "currency": currency}


def _paypal_amount(cents: int, currency: str) -> dict[str, str]:
    return {"value": f"{cents // 100}.{cents % 100:02d}", "currency_code": currency}


def _handler(simulator: Simulator) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with simulator._lock:
                key = self.headers.get("Idempotency-Key") or self.headers.get("PayPal-Request-Id") or ""
                simulator.requests.append((self.command, self.path, key))
                fault = simulator.fail.pop(0) if simulator.fail else "before" if simulator.is_down else ""
                if fault == "before":
                    return self._drop()
                if simulator.refuse:
                    return self._say(401, {"error": {"type": "invalid_request_error"}})
                if fault in ("500", "429"):
                    return self._say(int(fault), {"error": {"type": "api_error"}})
                if fault == "redirect":
                    return self._say(302, {}, {"Location": "http://127.0.0.1:1/inner"})
                status, body = simulator.answer(self.command, self.path, self.headers, content)
                if fault == "after":
                    return self._drop()
                if fault == "garbled":
                    return self._say(status, b"<html>Bad gateway</html>")
                self._say(status, simulator.nonsense or body)
            return None

        do_GET = do_POST = _serve  # noqa: N815

        def _drop(self) -> None:
            """The line breaks: nobody can say what happened."""
            self.close_connection = True
            self.connection.close()

        def _say(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(raw)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def finish(self) -> None:
            with contextlib.suppress(OSError, ValueError):
                super().finish()

        def log_message(self, format: str, *arguments: Any) -> None:
            """Quiet."""

    return Handler


def _stripe_balance(row: dict[str, Any]) -> dict[str, Any]:
    source: Any = {"id": "ch_" + row["payment"][3:], "object": "charge", "payment_intent": row["payment"]}
    if row["kind"] == "payout":
        source = {"id": row["text"], "object": "payout", "statement_descriptor": row["text"]}
    return {
        "id": row["id"],
        "object": "balance_transaction",
        "amount": row["cents"],
        "fee": row["fee"],
        "net": row["cents"] - row["fee"],
        "currency": "eur",
        "created": int(row["at"].timestamp()),
        "type": {"payment": "charge"}.get(row["kind"], row["kind"]),
        "source": source,
    }


def _paypal_balance(row: dict[str, Any]) -> dict[str, Any]:
    def money(cents: int) -> dict[str, str]:
        sign = "-" if cents < 0 else ""
        return {"currency_code": "EUR", "value": f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"}

    info = {
        "transaction_id": row["text"] or row["payment"],
        "transaction_event_code": {"payment": "T0006", "payout": "T0403"}[row["kind"]],
        "transaction_initiation_date": _iso(row["at"]),
        "transaction_amount": money(row["cents"]),
    }
    return {"transaction_info": info | ({"fee_amount": money(-row["fee"])} if row["fee"] else {})}


def _mollie_balance(row: dict[str, Any]) -> dict[str, Any]:
    is_payout = row["kind"] == "payout"
    context = {"settlementId": row["text"]} if is_payout else {"paymentId": row["payment"]}
    return {
        "resource": "balance_transaction",
        "id": row["id"],
        "type": "outgoing-transfer" if is_payout else "payment",
        "initialAmount": _signed(row["cents"]),
        "resultAmount": _signed(row["cents"] - row["fee"]),
        "deductions": _signed(-row["fee"]) if row["fee"] else None,
        "createdAt": _iso(row["at"]),
        "context": context,
    }


def _signed(cents: int) -> dict[str, str]:
    sign = "-" if cents < 0 else ""
    return {"currency": "EUR", "value": f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"}
