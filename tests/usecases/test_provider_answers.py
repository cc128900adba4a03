"""Answers of providers that make no sense: listings without end, wrong shapes, odd amounts and times."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.gateways.provider_server import Simulator
from tests.usecases.provider_worlds import PROVIDERS, World, make_world, set_environment

from mahnwerk.gateways import payments
from mahnwerk.gateways.outbound import AnswerUnknown
from mahnwerk.usecases import (
    clock,
    provider_accounts,
    provider_links,
    provider_reconciliation,
    provider_refunds,
)
from mahnwerk.usecases.errors import Refused


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


def reconcile(world: World) -> provider_reconciliation.Reconciled:
    return provider_reconciliation.reconcile(world.book)[0]


CIRCLES = {
    "stripe": {"data": [{"id": "evt_1", "type": "x", "data": {"object": {}}}], "has_more": True},
    "paypal": {"events": [], "links": [{"rel": "next", "href": "/v1/notifications/webhooks-events?page=1"}]},
    "mollie": {"_embedded": {}, "_links": {"next": {"href": "/v2/payments?from=tr_1"}}},
}


@pytest.mark.parametrize("what", ["list_events", "list_balance"])
def test_a_listing_that_goes_in_circles_is_no_answer(
    world: World, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    gateway = provider_accounts.gateway(provider_accounts.named(world.book, ""))
    page = CIRCLES[world.provider] | ({"total_pages": 10**9} if world.provider == "paypal" else {})
    if what == "list_balance":
        page |= {"data": [balance_row()]}
    monkeypatch.setattr(payments, "PAGES_MAX", 50)
    asked: list[Any] = []

    def ask(self: Any, *given: Any) -> Any:
        asked.append(given)
        if len(asked) > 200:
            raise AssertionError("asked without end")
        return page

    monkeypatch.setattr(type(gateway), "_ask", ask)
    since = world.simulator.now - timedelta(days=3)
    listing = {
        "list_events": lambda: gateway.list_events(since),
        "list_balance": lambda: gateway.list_balance(since, world.simulator.now),
    }[what]
    with pytest.raises(AnswerUnknown, match="circles"):
        list(listing())
    assert len(asked) <= 50


def balance_row() -> dict[str, Any]:
    return {
        "id": "txn_1",
        "type": "charge",
        "amount": 1,
        "fee": 0,
        "currency": "eur",
        "created": 1_770_000_000,
    }


@pytest.mark.parametrize(
    "answer",
    [
        "{}",
        "[]",
        '"yes"',
        "null",
        "1e999",
        "[" * 50_000,
        '{"data": 7}',
        '{"data": [7]}',
        '{"events": 7}',
        '{"_embedded": {"payments": 7}}',
        '{"transaction_details": [{"transaction_info": 7}]}',
        '{"data": [{"id": 7, "type": [], "amount": "x", "fee": 0}], "has_more": true}',
    ],
)
def test_answers_that_make_no_sense_stop_no_reconciliation(world: World, answer: str) -> None:
    """Whatever a provider answers, the night goes on with the others, and says that something is missing."""
    name = world.checkout("50,00")
    world.simulator.pay(name)
    world.deliver_all()
    before = world.in_force()
    provider_refunds.refund(world.book, world.payment().payment_id, "1,00")
    world.simulator.nonsense = answer.encode()
    provider_refunds.refund(world.book, world.payment().payment_id, "2,00")
    report = reconcile(world)
    with contextlib.suppress(Refused):
        provider_links.checkout_url(world.link("60,00"))
    world.simulator.nonsense = b""
    reconcile(world)
    assert report.account == f"{world.provider}-1"
    found = world.in_force()
    assert [row for row in found if row in before] == before
    assert sorted(row[2] for row in found) == [100, 200, 5_000]
