"""Signatures and payloads of the providers."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from stripe import WebhookSignature
from tests.gateways import provider_server
from tests.gateways.provider_server import PAYPAL_PEM, START, WEBHOOK_ID, Simulator, stripe_signature

from mahnwerk.gateways import mollie, paypal, paypal_signature, stripe
from mahnwerk.gateways.outbound import AddressRefused, Outbound
from mahnwerk.gateways.payments import (
    MovementKind,
    Status,
    WebhookForged,
    WebhookStale,
    cents,
    decimal_text,
    timestamp,
)

PAYLOADS = Path(provider_server.PAYLOADS)
RAW = b'{"id": "evt_1"}'


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / name).read_text(encoding="utf-8"))


def test_stripes_signature_with_several_secrets() -> None:
    signed = stripe_signature(RAW, "whsec_new", START)
    stripe.check_signature(RAW, signed, ("whsec_new",), START)
    stripe.check_signature(RAW, signed, ("whsec_old", "whsec_new"), START + dt.timedelta(seconds=300))
    two = signed + ",v1=" + "0" * 64
    stripe.check_signature(RAW, two, ("whsec_new",), START)
    assert WebhookSignature.verify_header(RAW, signed, "whsec_new")  # Stripe's own check agrees
    for raw, header, secrets in [
        (RAW + b" ", signed, ("whsec_new",)),
        (RAW, signed, ("whsec_old",)),
        (RAW, signed, ()),
        (RAW, signed.replace("v1=", "v0="), ("whsec_new",)),
        (RAW, signed.split(",")[1], ("whsec_new",)),
        (RAW, "", ("whsec_new",)),
        (RAW, "t=,v1=", ("whsec_new",)),
        (RAW, "t=١٢,v1=" + "é", ("whsec_new",)),
        (RAW, "t=1,t=2,v1=" + "0" * 64, ("whsec_new",)),
        (RAW, signed.replace("t=", "t=1"), ("whsec_new",)),
    ]:
        with pytest.raises(WebhookForged):
            stripe.check_signature(raw, header, secrets, START)
    for seconds in (-301, 301):
        with pytest.raises(WebhookStale):
            stripe.check_signature(RAW, signed, ("whsec_new",), START + dt.timedelta(seconds=seconds))


def test_paypals_signature() -> None:
    simulator = Simulator(host="127.0.0.1:9")
    fetched: list[str] = []

    def certificate(url: str) -> bytes:
        fetched.append(url)
        return PAYPAL_PEM

    def check(headers: dict[str, str], raw: bytes = RAW, ids: tuple[str, ...] = (WEBHOOK_ID,)) -> None:
        paypal_signature.check_signature(raw, headers, ids, START, certificate)

    good = simulator.paypal_headers(RAW)
    check(good)
    check({name.upper(): value for name, value in good.items()}, ids=("old", WEBHOOK_ID))
    for headers, raw, ids in [
        (good, RAW + b" ", (WEBHOOK_ID,)),
        (good, RAW, ("another endpoint",)),
        ({**good, "Paypal-Transmission-Id": "t-2"}, RAW, (WEBHOOK_ID,)),
        ({**good, "Paypal-Transmission-Sig": "AAAA"}, RAW, (WEBHOOK_ID,)),
        ({**good, "Paypal-Transmission-Sig": "!!"}, RAW, (WEBHOOK_ID,)),
        ({**good, "Paypal-Auth-Algo": "none"}, RAW, (WEBHOOK_ID,)),
        ({}, RAW, (WEBHOOK_ID,)),
    ]:
        with pytest.raises(WebhookForged):
            check(headers, raw, ids)
    with pytest.raises(WebhookStale):
        paypal_signature.check_signature(RAW, good, (WEBHOOK_ID,), START + dt.timedelta(days=4), certificate)
    late = START + dt.timedelta(days=500)
    with pytest.raises(WebhookForged, match="certificate_expired"):
        paypal_signature.check_signature(RAW, good, (WEBHOOK_ID,), late, certificate)
    for pem in (b"", b"-----BEGIN CERTIFICATE-----\n", provider_server.paypal_certificate("evil.example")[1]):
        with pytest.raises(WebhookForged, match="certificate"):
            paypal_signature.check_signature(RAW, good, (WEBHOOK_ID,), START, lambda url, pem=pem: pem)


@pytest.mark.parametrize(
    "url",
    [
        "https://api-m.paypal.com/v1/notifications/certs/../../evil",
        "https://api-m.paypal.com/v1/notifications/certs/%2e%2e/x",
        "https://api-m.paypal.com/v1/other/C",
        "https://evil.example/v1/notifications/certs/C",
        "https://127.0.0.1/v1/notifications/certs/C",
        "https://[::1]/v1/notifications/certs/C",
        "https://2130706433/v1/notifications/certs/C",
        "http://api-m.paypal.com/v1/notifications/certs/C",
        "https://api-m.paypal.com@evil.example/v1/notifications/certs/C",
        "https://ａpi-m.paypal.com/v1/notifications/certs/C",
        "file:///v1/notifications/certs/C",
    ],
)
def test_the_certificate_comes_from_paypal_or_not_at_all(url: str) -> None:
    headers = {**Simulator(host="127.0.0.1:9").paypal_headers(RAW), "Paypal-Cert-Url": url}
    door = Outbound(paypal.HOSTS, resolve=lambda host: ["151.101.1.1"])

    def certificate(asked: str) -> bytes:
        door.check(asked)
        return PAYPAL_PEM

    with pytest.raises((WebhookForged, AddressRefused), match="certificate_url"):
        paypal_signature.check_signature(RAW, headers, (WEBHOOK_ID,), START, certificate)


def test_a_dispute_of_stripe_that_was_won() -> None:
    taken, given = stripe.dispute_movements(payload("stripe_dispute_reinstated.json"))
    assert (taken.kind, given.kind) == (MovementKind.RETURNED, MovementKind.REINSTATED)
    assert taken.payment_id == "pi_1JAyTwJSZQVUcJYgBbsz0NuH" and taken.movement_id == given.movement_id
    assert (taken.amount_cents, taken.currency) == (1000, "USD")
    assert taken.at < given.at


def test_stripes_published_samples() -> None:
    samples = payload("stripe.json")
    assert stripe.charge_movements(samples["charge"]) == ()  # authorised only
    paid = stripe.charge_movements({**samples["charge"], "captured": True})
    assert [(m.amount_cents, m.currency) for m in paid] == [(100, "USD")]
    (refunded,) = stripe.refund_movements(samples["refund"])
    assert (refunded.kind, refunded.movement_id) == (MovementKind.REFUNDED, samples["refund"]["id"])
    assert stripe.dispute_movements(samples["dispute"]) == ()  # an inquiry moves no money
    event = stripe.event_of(samples["event"])
    assert not event.is_about_money and event.kind == "plan.created"
    for broken in ({}, {"id": "evt_1", "type": "charge.succeeded"}, {"id": "evt_1", "type": "x", "data": []}):
        with pytest.raises(WebhookForged):
            stripe.event_of(broken)
    for amount in (0, -1, True, 1.5, "100", None, 10**14):
        charge = {**samples["charge"], "captured": True, "amount": amount, "amount_captured": amount}
        charge["payment_intent"] = "pi_1"
        with pytest.raises(WebhookForged):
            stripe.event_of({"id": "e", "type": "charge.succeeded", "data": {"object": charge}})


def test_mollies_published_samples() -> None:
    sample = payload("mollie_payment_single.json")
    state = mollie.state_of(sample)
    assert (state.payment_id, state.status, state.movements) == ("tr_7UhSN1zuXS", Status.OPEN, ())
    backs = payload("mollie_payment_chargebacks_list.json")["_embedded"]
    refund = {**payload("mollie_refund_single.json"), "status": "refunded"}
    full = {**sample, "status": "paid", "paidAt": "2018-03-20T09:14:37+00:00", "id": "tr_7UhSN1zuXS"}
    state = mollie.state_of({**full, "_embedded": {**backs, "refunds": [refund]}})
    assert [(m.kind, m.amount_cents) for m in state.movements] == [
        (MovementKind.PAID, 1000),
        (MovementKind.REFUNDED, 595),
        (MovementKind.RETURNED, 4338),
    ]
    assert mollie.event_of(state) == mollie.event_of(
        mollie.state_of({**full, "_embedded": {**backs, "refunds": [refund]}})
    )
    won = mollie.state_of(
        {**full, "_embedded": {"chargebacks": [payload("mollie_payment_chargeback_single.json")]}}
    )
    assert [m.kind for m in won.movements][-1] is MovementKind.REINSTATED


def test_paypals_published_sample_is_a_kind_we_leave_alone() -> None:
    event = paypal.event_of(payload("paypal_verify_webhook_signature.json")["webhook_event"])
    assert event.event_id == "8PT597110X687430LKGECATA" and not event.is_about_money


def test_amounts_are_exact_texts() -> None:
    assert [cents(text) for text in ("10.00", "0.01", "1234567.89", "5")] == [1000, 1, 123456789, 500]
    assert [decimal_text(value) for value in (1000, 1, 123456789)] == ["10.00", "0.01", "1234567.89"]
    for odd in (10.0, 10, "1.005", "ten", "NaN", "Infinity", "", None, "1e3000"):
        with pytest.raises(WebhookForged):
            cents(odd)
    for odd in (True, "yesterday", None, 10**20):
        with pytest.raises(WebhookForged):
            timestamp(odd)


SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "7-provider-payloads"


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the sample data does not lie beside the project")
@pytest.mark.parametrize(
    "at", [-1, 2**40, 10**30, True, None, [], "", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"]
)
def test_times_that_no_payment_has_are_refused(at: Any) -> None:
    with pytest.raises(WebhookForged, match="malformed_time"):
        timestamp(at)


@pytest.mark.parametrize("value", ["-10.00", "0.00", "10", 10, "1e3", "10.001", "٣.00"])
def test_a_payment_below_zero_or_of_no_amount_is_none(value: Any) -> None:
    """A minus is what goes back; PayPal tells some of it with one."""
    amount = {"value": value, "currency_code": "EUR"}
    capture = {"id": "CAP1", "status": "COMPLETED", "amount": amount, "create_time": "2026-03-03T10:00:00Z"}
    if value == "10":
        assert paypal.capture_movements(capture)[0].amount_cents == 1_000
        return
    with pytest.raises(WebhookForged, match="malformed_amount"):
        paypal.capture_movements(capture)


def test_every_sample_is_read_or_refused_by_name() -> None:
    """No payload of the collections brings anything but an answer or a refusal."""
    read, refused = 0, 0
    for path in sorted([*(SHARED / "dj-stripe").glob("*.json"), *(SHARED / "mollie").glob("*.json")]):
        try:
            sample = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue  # a sample of something that is not JSON
        for kind in (*stripe.EVENTS, "unknown.kind") if path.parent.name == "dj-stripe" else ("",):
            try:
                if kind:
                    stripe.event_of({"id": "evt_1", "type": kind, "data": {"object": sample}})
                else:
                    mollie.state_of(sample if isinstance(sample, dict) else {})
                read += 1
            except WebhookForged:
                refused += 1
    assert read > 500 and refused > 0, (read, refused)


def test_changes_of_a_balance_as_the_providers_write_them() -> None:
    """Shapes of the providers' own examples."""
    told = stripe.balance_of(
        {
            "id": "txn_1MiN3gLkdIwHu7ixxapQrznl",
            "object": "balance_transaction",
            "amount": 2000,
            "created": 1557995177,
            "currency": "usd",
            "fee": 88,
            "net": 1912,
            "source": "ch_fakefakefakefakefake0001",
            "type": "charge",
        }
    )
    assert (told.kind, told.gross_cents, told.fee_cents, told.currency) == ("payment", 2000, 88, "USD")
    assert told.payment_id == "ch_fakefakefakefakefake0001"
    told = stripe.balance_of(
        {"id": "txn_2", "amount": -150, "fee": 0, "currency": "eur", "created": 1, "type": "stripe_fee"}
    )
    assert (told.kind, told.gross_cents, told.fee_cents, told.payment_id) == ("fee", 0, 150, "")
    told = mollie.balance_of(
        {
            "resource": "balance_transaction",
            "id": "baltr_QM24QwzUWR4ev4Xfgyt29A",
            "type": "refund",
            "resultAmount": {"value": "-10.25", "currency": "EUR"},
            "initialAmount": {"value": "-10.00", "currency": "EUR"},
            "deductions": {"value": "-0.25", "currency": "EUR"},
            "createdAt": "2021-01-10T12:06:28+00:00",
            "context": {"paymentId": "tr_7UhSN1zuXS", "refundId": "re_4qqhO89gsT"},
        }
    )
    assert (told.kind, told.gross_cents, told.fee_cents) == ("refund", -1000, 25)
    assert told.payment_id == "tr_7UhSN1zuXS"
    told = paypal.balance_of(
        {
            "transaction_id": "5TY05013RG002845M",
            "transaction_event_code": "T0006",
            "transaction_initiation_date": "2014-07-11T04:03:52+0000",
            "transaction_amount": {"currency_code": "USD", "value": "465.00"},
            "fee_amount": {"currency_code": "USD", "value": "-13.79"},
        }
    )
    assert (told.kind, told.gross_cents, told.fee_cents) == ("payment", 46_500, 1_379)
    assert told.payment_id == "5TY05013RG002845M"
    for row in (
        {"id": "txn_3", "amount": "20", "fee": 0, "currency": "eur", "created": 1, "type": "charge"},
    ):
        with pytest.raises(WebhookForged):
            stripe.balance_of(row)
