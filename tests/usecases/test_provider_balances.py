"""Fees and settlements of every provider: the clearing account reaches zero when the bank tells."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.gateways.provider_server import Simulator
from tests.usecases.bank_worlds import SHOP_IBAN, Bank, Line
from tests.usecases.provider_worlds import PROVIDERS, World, make_world, set_environment

from mahnwerk.frames import Role
from mahnwerk.records.models import BankEntry, Case, Mandate, ProviderBalance
from mahnwerk.usecases import bank_import, clock, journal, provider_reconciliation


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


def paid(world: World) -> tuple[int, str]:
    """A debtor paid, and the provider tells of it; amount and payment."""
    name = world.checkout()
    world.simulator.pay(name)
    world.deliver_all()
    world.deliver_all()
    payment = world.payment()
    return payment.amount_cents, payment.payment_id


def posted(world: World) -> dict[str, int]:
    on = world.simulator.now.date()
    journal.post(world.book, on)
    assert journal.post(world.book, on).posting_count == 0
    state = journal.balance(world.book)
    assert all(check["ok"] for check in state["checks"]), state["checks"]
    return {row["account"]: row["balance_cents"] for row in state["accounts"] if row["balance_cents"]}


def settled(world: World, cents: int, fee: int, payment: str) -> str:
    """The provider's book of the payment and of the settlement; the settlement's name."""
    name = {"stripe": "po_1PqXYZ77", "paypal": "7AB12345CD678901E", "mollie": "stl_jDk30akdN"}[world.provider]
    world.simulator.changes_balance(world.provider, "payment", cents, fee, name=payment)
    world.simulator.changes_balance(world.provider, "payout", -(cents - fee), text=name)
    report = provider_reconciliation.reconcile(world.book)[0]
    assert (report.is_complete, report.notes, report.balances) == (True, [], 2)
    assert provider_reconciliation.reconcile(world.book)[0].balances == 0, "each change is kept once"
    return name


def test_the_clearing_account_reaches_zero(world: World, tmp_path: Path) -> None:
    bank = Bank(tmp_path, SHOP_IBAN)
    bank_import.add_account(world.book, SHOP_IBAN, "shop")
    day = world.simulator.now.date()
    told = bank.statement(day=(day - dt.timedelta(days=1)).isoformat())
    bank_import.import_files(world.book, [told])
    cents, payment = paid(world)
    assert posted(world)["provider_clearing"] == cents
    name = settled(world, cents, 59, payment)
    found = posted(world)
    assert (found["provider_clearing"], found["provider_fees"]) == (cents - 59, 59)
    line = Line(
        cents - 59, f"Auszahlung {name}", "Zahlungsdienst", "", day=world.simulator.now.date().isoformat()
    )
    told = bank.statement(line, day=line.day)
    bank_import.import_files(world.book, [told])
    entry = BankEntry.objects.get()
    assert (entry.state, entry.reason) == ("ignored", "settlement")
    found = posted(world)
    assert (found["bank"], found["provider_fees"]) == (bank.balance, 59)
    assert not {"provider_clearing", "suspense", "money_in_transit", "other_money"} & found.keys()


def test_without_bank_statements_the_settlement_is_on_the_bank_account(world: World) -> None:
    cents, payment = paid(world)
    settled(world, cents, 59, payment)
    found = posted(world)
    assert (found["bank"], found["provider_fees"]) == (cents - 59, 59)
    assert "provider_clearing" not in found


def test_fees_of_others_money_come_off_what_the_creditor_gets(world: World) -> None:
    Mandate.objects.update(role=Role.AGENCY)
    Case.objects.update(role=Role.AGENCY)
    cents, payment = paid(world)
    settled(world, cents, 59, payment)
    found = posted(world)
    assert found["trust_bank"] == cents - 59
    assert found["creditor_liability"] + found.get("debtor_credit", 0) == 59 - cents
    assert "trust_provider_clearing" not in found


def test_money_of_others_on_the_same_provider_account_is_no_cases(world: World) -> None:
    cents, payment = paid(world)
    name = {"stripe": "pi_shop_77", "paypal": "5TY05013RG002845M", "mollie": "tr_shop77"}[world.provider]
    world.simulator.changes_balance(world.provider, "payment", 700, 30, name=name)
    settled_rows = provider_reconciliation.reconcile(world.book)[0].balances
    assert settled_rows == ProviderBalance.objects.count() == 1
    assert payment != name
    found = posted(world)
    assert (found["other_money"], found["provider_fees"]) == (-700, 30)
    assert found["provider_clearing"] == cents + 700 - 30


def test_a_key_that_may_not_list_balances_holds_nobody(world: World) -> None:
    paid(world)
    report = provider_reconciliation.reconcile(world.book)[0]
    assert report.is_complete and "may not list" in report.notes[0]


def test_a_settlement_sent_before_the_first_statement_and_shown_by_it(world: World, tmp_path: Path) -> None:
    """It was on its way when the statements began: it is an entry, not part of the opening balance."""
    bank_import.add_account(world.book, SHOP_IBAN, "shop")
    cents, payment = paid(world)
    name = settled(world, cents, 59, payment)
    day = (world.simulator.now.date() + dt.timedelta(days=1)).isoformat()
    bank = Bank(tmp_path, SHOP_IBAN)
    line = Line(cents - 59, f"Auszahlung {name}", "Zahlungsdienst", "", day=day)
    bank_import.import_files(world.book, [bank.statement(line, day=day)])
    assert BankEntry.objects.get().reason == "settlement"
    found = posted(world)
    assert (found["bank"], found["opening_balance"]) == (bank.balance, -100_000)
    assert "provider_clearing" not in found
