"""Checkouts that die, answers that are none, events nobody can read, weeks without a reconciliation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.gateways.provider_server import Simulator
from tests.usecases.provider_worlds import PROVIDERS, World, make_world, set_environment

from mahnwerk.frames import FactKind
from mahnwerk.records.models import (
    AuditEntry,
    Feed,
    PaymentIntent,
    ProviderEvent,
    ProviderRefund,
)
from mahnwerk.usecases import (
    clock,
    facts,
    provider_links,
    provider_reconciliation,
    provider_refunds,
)

PAID, REFUNDED = int(FactKind.PAYMENT_RECEIVED), int(FactKind.REFUND_PAID)
DAY = date(2026, 3, 3)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as made, clock.use_clock(lambda: made.now):
        yield made


def a_world(name: str) -> Any:
    """The fixture `world`, of one provider only."""
    return pytest.mark.parametrize("world", [name], indirect=True)


@pytest.fixture(params=PROVIDERS)
def world(
    request: pytest.FixtureRequest,
    tenant_id: int,
    tmp_path: Path,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    set_environment(monkeypatch, simulator)
    return make_world(tenant_id, tmp_path, simulator, request.param)


def reconcile(world: World) -> provider_reconciliation.Reconciled:
    return provider_reconciliation.reconcile(world.book)[0]


@pytest.mark.parametrize("end", ["forgotten", "expired"])
def test_a_checkout_that_died_is_replaced_when_the_payer_comes_back(world: World, end: str) -> None:
    link = world.link("10,00")
    first = provider_links.checkout_url(link)
    world.simulator.tick(minutes=20)
    assert provider_links.checkout_url(link) == first
    world.simulator.tick(days=2)
    if end == "forgotten":
        world.simulator.forget(link)
    else:
        world.simulator.of(link).status = "expired"
    again = provider_links.checkout_url(link)
    assert again != first
    states = dict(PaymentIntent.objects.values_list("attempt", "state"))
    assert states == {1: "expired", 2: "open"}


def test_a_checkout_that_was_paid_unheard_is_not_made_anew(world: World) -> None:
    """The webhook is late; the payer comes back after hours and presses again."""
    if world.provider == "paypal":
        pytest.skip("at PayPal the money is taken by us")
    link = world.link("10,00")
    provider_links.checkout_url(link)
    world.simulator.pay(link)
    world.simulator.tick(hours=3)
    with pytest.raises(provider_links.NotPayable):
        provider_links.checkout_url(link)
    assert len(world.simulator.payments) == 1
    assert world.in_force() == [(PAID, DAY, 1_000)]
    world.deliver_all()
    assert world.in_force() == [(PAID, DAY, 1_000)]


def test_a_checkout_that_cannot_be_looked_at_is_used_as_it_is(world: World) -> None:
    link = world.link("10,00")
    first = provider_links.checkout_url(link)
    world.simulator.tick(hours=3)
    world.simulator.is_down = True
    assert provider_links.checkout_url(link) == first


def test_a_checkout_the_provider_forgot_stops_no_reconciliation(world: World) -> None:
    forgotten, paid = world.link("10,00"), world.link("20,00")
    for link in (forgotten, paid):
        provider_links.checkout_url(link)
    world.simulator.forget(forgotten)
    world.simulator.pay(paid)
    world.simulator.events[world.provider].clear()  # no webhook, and none in the listing
    if world.provider == "paypal":
        world.simulator._paid(world.simulator.of(paid))
    report = reconcile(world)
    assert report.is_complete and not report.needs_person
    assert world.in_force() == [(PAID, DAY, 2_000)]
    states = dict(PaymentIntent.objects.values_list("pay_link__public_id", "state"))
    assert states == {forgotten: "expired", paid: "paid"}
    asked = reconcile(world).checkouts_asked
    assert asked == 0


def test_a_waiting_event_of_a_payment_nobody_knows_stops_no_reconciliation(world: World) -> None:
    if world.provider == "mollie":
        pytest.skip("Mollie's events are states that were fetched")
    name = world.checkout("10,00")
    world.simulator.pay(name)
    world.deliver_all()
    gone, kept = world.simulator.of(name), world.checkout("20,00")
    world.simulator.refund(gone.checkout_id, 100)
    event = world.simulator.events[world.provider][-1]
    text = world.simulator.signed(world.provider, event)[0].decode().replace(gone.payment_id, "CX99999999")
    raw = text.encode()
    headers = (
        world.simulator.paypal_headers(raw)
        if world.provider == "paypal"
        else {"Stripe-Signature": _signed(world, raw)}
    )
    assert world.deliver(raw, headers).state == "waiting"
    world.simulator.events[world.provider].clear()
    world.simulator.pay(kept)
    assert [one.state for one in world.deliver_all()][-1] == "applied"
    report = reconcile(world)
    assert report.is_complete and report.still_waiting == 0
    assert ProviderEvent.objects.get(payment_id="CX99999999").state == "foreign"


def _signed(world: World, raw: bytes) -> str:
    from tests.gateways.provider_server import STRIPE_SECRET, stripe_signature

    return stripe_signature(raw, STRIPE_SECRET, world.simulator.now)


def test_an_event_that_cannot_be_read_hides_no_other(world: World) -> None:
    """A zero amount, an amount that is none: it waits for a person, and all that follows is booked."""
    if world.provider == "mollie":
        pytest.skip("Mollie lists no events")
    names = [world.checkout(amount) for amount in ("10,00", "20,00")]
    for name in names:
        world.simulator.pay(name)
    bad = "charge.succeeded" if world.provider == "stripe" else "PAYMENT.CAPTURE.REVERSED"
    broken = {"id": "pi_x", "amount": 0, "status": "succeeded", "captured": True, "payment_intent": "pi_x"}
    broken = broken if world.provider == "stripe" else {"id": "X", "amount": {"value": "1,00"}}
    world.simulator._emit(world.simulator.of(names[0]), bad, broken)
    events = world.simulator.events[world.provider]
    events.insert(0, events.pop())
    events[0]["created"] = events[1].get("created")
    report = reconcile(world)
    reconcile(world)
    assert world.in_force() == [(PAID, DAY, 1_000), (PAID, DAY, 2_000)]
    assert report.is_complete and report.unmatched == 1 and report.needs_person
    row = ProviderEvent.objects.get(state="unmatched")
    assert row.because.startswith("unreadable: malformed_") and not row.movements


@a_world("stripe")
def test_a_direct_debit_that_failed_can_be_paid_otherwise_whatever_is_told_last(world: World) -> None:
    link = world.link("10,00")
    name = provider_links.checkout_url(link).rsplit("/", 1)[-1]
    world.simulator.process(name)
    world.deliver_all()
    assert provider_links.page(link).state == "processing"
    world.simulator.bounce(name)
    _, failed = world.simulator.deliveries("stripe")
    world.deliver(*failed)
    late = dict(world.simulator.events["stripe"][0], id="evt_late")
    world.deliver(*world.simulator.signed("stripe", late))
    assert PaymentIntent.objects.get().state == "failed"
    assert provider_links.page(link).state == "open"
    assert provider_links.checkout_url(link).rsplit("/", 1)[-1] != name


@a_world("stripe")
def test_a_direct_debit_whose_failure_was_not_heard_is_found(world: World) -> None:
    link = world.link("10,00")
    name = provider_links.checkout_url(link).rsplit("/", 1)[-1]
    world.simulator.process(name)
    world.deliver_all()
    world.simulator.bounce(name)
    world.simulator.events["stripe"].clear()
    reconcile(world)
    assert PaymentIntent.objects.get().state == "failed"
    assert provider_links.page(link).state == "open"


@pytest.mark.parametrize("fault", ["garbled", "429"])
def test_an_answer_that_is_none_leaves_a_refund_unknown(world: World, fault: str) -> None:
    name = world.checkout("50,00")
    world.simulator.pay(name)
    world.deliver_all()
    world.simulator.fail = ["", fault] if world.provider == "paypal" else [fault]
    made = provider_refunds.refund(world.book, world.simulator.of(name).payment_id, "50,00")
    assert made.state == "unknown"
    world.simulator.answers.clear()
    reconcile(world)
    assert ProviderRefund.objects.get().state == "done"
    assert len(world.simulator.of(name).refunds) == 1


@pytest.mark.parametrize("fault", ["garbled", "429"])
def test_an_answer_that_is_none_leaves_a_checkout_to_be_asked_again(world: World, fault: str) -> None:
    link = world.link("10,00")
    world.simulator.fail = ["", fault] if world.provider == "paypal" else [fault]
    with pytest.raises(provider_links.NotPayable, match="again"):
        provider_links.checkout_url(link)
    assert provider_links.checkout_url(link)
    assert PaymentIntent.objects.count() == 1 and len(world.simulator.payments) == 1


@pytest.mark.parametrize("days", [3, 40])
def test_after_days_or_weeks_without_reconciliation_nothing_is_missing(world: World, days: int) -> None:
    """No webhook came, and the provider lists the last 30 days only."""
    returned, refunded = world.checkout("10,00"), world.checkout("20,00")
    for name in (returned, refunded):
        world.simulator.pay(name)
    if world.provider == "paypal":
        for event in list(world.simulator.events["paypal"]):
            world.deliver(*world.simulator.signed("paypal", event))
    reconcile(world)
    world.simulator.refund(refunded, 500)
    if world.provider != "paypal":
        world.simulator.dispute(returned)
    world.simulator.tick(days=days)
    since = world.simulator.now.timestamp() - 30 * 86_400
    keep = [event for event in world.simulator.events[world.provider] if event.get("created", 0) >= since]
    if days > 30:
        world.simulator.events[world.provider] = keep if world.provider == "stripe" else []
    report = reconcile(world)
    assert report.is_complete
    expected = [(PAID, DAY, 2_000), (REFUNDED, DAY, 500)]
    expected = [(PAID, DAY, 1_000), *expected] if world.provider == "paypal" else expected
    assert world.in_force() == expected
    assert any("no longer listed" in note for note in report.notes) == (days > 30)
    quiet = reconcile(world)
    assert (quiet.missing, quiet.notes) == (0, [note for note in quiet.notes if "key may not" in note])
    assert Feed.objects.get().checked_on == clock.today()


@a_world("paypal")
def test_money_that_is_no_longer_owed_is_not_taken(world: World) -> None:
    """The payer approved at PayPal, and before we take it the bank tells that all is paid."""
    name = world.checkout()
    cents = world.simulator.of(name).amount
    world.simulator.pay(name)
    reference = world.case().case_reference
    facts.add(
        world.book,
        reference,
        "payment_received",
        on=clock.today(),
        amount=f"{cents // 100},{cents % 100:02d}",
    )
    received = world.deliver_all()
    assert [one.state for one in received] == ["applied"]
    assert world.simulator.effects == 0 and world.simulator.of(name).paid_at is None
    assert AuditEntry.objects.filter(action="checkout_not_taken").count() == 1
    report = reconcile(world)
    assert world.simulator.effects == 0 and report.is_complete and report.still_waiting == 0


@a_world("paypal")
def test_a_capture_told_late_is_known_also_when_nothing_is_owed_any_more(world: World) -> None:
    """The money was taken, but no answer came; then the message of the capture itself is booked."""
    name = world.checkout()
    world.simulator.pay(name)
    world.simulator.fail = ["", "", "after"]
    assert world.deliver(*world.simulator.deliveries("paypal")[0]).state == "waiting"
    assert world.simulator.effects == 1
    world.deliver(*world.simulator.deliveries("paypal")[1])
    report = reconcile(world)
    assert (world.simulator.effects, report.still_waiting) == (1, 0)
    assert len(world.in_force()) == 1


@a_world("paypal")
def test_a_declined_capture_ends_its_checkout(world: World) -> None:
    link = world.link("10,00")
    name = provider_links.checkout_url(link).rsplit("=", 1)[-1]
    payment = world.simulator.of(name)
    capture = {**world.simulator.capture(payment), "status": "DECLINED"}
    world.simulator._emit(payment, "PAYMENT.CAPTURE.DECLINED", capture)
    world.deliver_all()
    assert PaymentIntent.objects.get().state == "failed"
    assert provider_links.checkout_url(link)
    assert PaymentIntent.objects.count() == 2


@a_world("stripe")
def test_refunds_of_charges_of_old_are_not_ours_and_wait_for_nobody(world: World) -> None:
    """A shop's own charges, made without a payment intent, in the same account."""
    name = world.checkout("10,00")
    refund = world.simulator.stripe_refund(
        world.simulator.of(name),
        {"id": "re_1", "cents": 5, "at": world.simulator.now, "status": "succeeded", "key": ""},
    )
    for kind, body in (
        ("refund.created", {**refund, "payment_intent": None}),
        ("charge.dispute.created", {**refund, "payment_intent": None, "balance_transactions": []}),
    ):
        world.simulator._emit(world.simulator.of(name), kind, body)
    assert {one.state for one in world.deliver_all()} == {"ignored"}
    assert reconcile(world).still_waiting == 0


def test_an_account_that_is_refused_says_so_to_the_payer(world: World) -> None:
    """A key that was revoked: no payer is left with a button that does nothing."""
    link = world.link("10,00")
    world.simulator.refuse = True
    with pytest.raises(provider_links.NotPayable) as refusal:
        provider_links.checkout_url(link)
    assert refusal.value.remedy
    world.simulator.refuse = False
    assert provider_links.checkout_url(link)
