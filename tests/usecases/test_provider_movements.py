"""Whatever order the events come in, twice or not at all at first: what is in force is the same."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.gateways.provider_server import Delivery, Simulator
from tests.usecases.provider_worlds import PROVIDERS, World, make_world, set_environment

from mahnwerk.records.models import Fact, PayLink, PaymentIntent, ProviderEvent, ProviderPayment
from mahnwerk.usecases import clock, provider_reconciliation, providers

EXAMPLES = int(os.environ.get("MAHNWERK_PROVIDER_SEQUENCES", "8"))
"""Of each test and provider; thousands when asked for."""
ACTS = st.lists(st.sampled_from(["refund", "fail", "part", "full", "win"]), min_size=1, max_size=4)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as made, clock.use_clock(lambda: made.now):
        yield made


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


def renew(world: World) -> None:
    """The provider as it was before anything happened."""
    fresh = Simulator()
    for name in ("payments", "answers", "events", "requests", "now", "is_down"):
        setattr(world.simulator, name, getattr(fresh, name))


def live(world: World, acts: list[str], amount: str = "100,00") -> None:
    """A payment's life: it is paid, and then things happen to it."""
    name = world.checkout(amount)
    world.simulator.pay(name)
    if world.provider == "paypal":
        world.deliver(*world.simulator.deliveries("paypal")[-1])  # the money is taken by us
    payment = world.simulator.of(name)
    taken = 0
    for number, act in enumerate(acts):
        if act == "refund" and taken + 500 <= 10_000:
            world.simulator.refund(name, 500 + number)
            taken += 500 + number
        elif act == "fail" and payment.refunds and world.provider != "paypal":
            world.simulator.fail_refund(name)
        elif act == "part" and taken + 3_000 <= 10_000:
            world.simulator.dispute(name, 3_000 + number)
            taken += 3_000 + number
        elif act == "full" and not taken:
            world.simulator.dispute(name)
            taken = 10_000
        elif act == "win" and payment.disputes and world.provider != "paypal":
            dispute = payment.disputes[-1]
            if not dispute["won_at"]:
                world.simulator.win(name)
                taken -= dispute["cents"]


def deliver(world: World, deliveries: list[Delivery]) -> None:
    for raw, headers in deliveries:
        try:
            world.deliver(raw, headers)
        except providers.TryLater:
            continue  # not stored: the provider sends it again, or the night finds it


def end_state(world: World) -> list[Any]:
    """What is in force, and what is kept of each payment, its link and its checkout."""
    rows = ProviderPayment.objects.order_by("payment_id")
    return [
        world.in_force(),
        [(row.amount_cents, row.kept_cents, row.returns, row.refunds) for row in rows],
        list(PayLink.objects.order_by("id").values_list("state", flat=True)),
        list(PaymentIntent.objects.order_by("id").values_list("state", flat=True)),
    ]


def ordered(world: World) -> list[Any]:
    """The state after the stream in its order, each event once."""
    with transaction.atomic():
        deliver(world, world.simulator.deliveries(world.provider))
        found = end_state(world)
        transaction.set_rollback(True)
    return found


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), acts=ACTS, others=st.lists(ACTS, max_size=1), is_away=st.booleans())
def test_any_order_and_repetition_gives_the_same_facts(
    world: World, seed: int, acts: list[str], others: list[list[str]], is_away: bool
) -> None:
    chance = random.Random(seed)
    renew(world)
    with transaction.atomic():
        live(world, acts)
        for more in others:
            live(world, more, "100,01")  # another payment of the same case
        expected = ordered(world)
        deliveries = world.simulator.deliveries(world.provider)
        shuffled = chance.sample(deliveries, len(deliveries))
        world.simulator.is_down = is_away  # then nothing can be fetched meanwhile
        deliver(world, [*shuffled, *chance.choices(deliveries, k=chance.randint(0, 4))])
        world.simulator.is_down = False
        if is_away and world.provider != "stripe":
            provider_reconciliation.reconcile(world.book)
        assert end_state(world) == expected
        assert not ProviderEvent.objects.filter(state="unmatched").exists()
        before = Fact.objects.count()
        deliver(world, deliveries)
        provider_reconciliation.reconcile(world.book)
        assert end_state(world) == expected
        assert Fact.objects.count() == before
        transaction.set_rollback(True)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), acts=ACTS)
def test_dropped_events_are_found_whichever_they_are(world: World, seed: int, acts: list[str]) -> None:
    chance = random.Random(seed)
    renew(world)
    with transaction.atomic():
        live(world, acts)
        expected = ordered(world)
        deliveries = world.simulator.deliveries(world.provider)
        deliver(world, [one for one in deliveries if chance.random() < 0.5])
        report = provider_reconciliation.reconcile(world.book)[0]
        assert report.is_complete
        assert end_state(world) == expected
        transaction.set_rollback(True)
