"""A debtor as payer: who is erased is gone from bank entries, learnt pairs and provider events too."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.gateways.provider_server import Simulator
from tests.usecases.bank_worlds import OTHER_IBAN, PAYER_IBAN, Bank, Line, open_book, shop, take_in
from tests.usecases.provider_worlds import make_world, set_environment

from mahnwerk.records import bank_read, providers
from mahnwerk.records.models import (
    AuditEntry,
    BankEntry,
    Case,
    KnownPayer,
    MatchProposal,
    ProviderEvent,
)
from mahnwerk.usecases import bank_questions, clock, erasing
from mahnwerk.usecases.opening import OpenBook

LATER = dt.date(2036, 1, 1)
DUE = dt.date(2026, 12, 1)
ME = {"customer_number": "K-ME", "first_name": "Kanarivorn", "last_name": "Kanarinach"}
OTHER = {"customer_number": "K-2", "first_name": "Bert", "last_name": "Brandt"}


@pytest.fixture
def book(tenant_id: int, tmp_path: Path) -> OpenBook:
    shop(
        tenant_id,
        {"invoice_number": "RE-1001", "amount_cents": 10_000, "iban": PAYER_IBAN, "due_on": DUE, **ME},
        {"invoice_number": "RE-2002", "amount_cents": 20_000, "due_on": DUE, **OTHER},
    )
    return open_book(tenant_id, tmp_path)


def my_case() -> str:
    return str(Case.objects.order_by("case_no").first().case_reference)  # type: ignore[union-attr]


def texts(book: OpenBook) -> dict[int, str]:
    rows = bank_read.entries(book.tenant_id)
    return {entry.row.amount_cents: " ".join(entry.texts.values()).strip() for entry in rows}


def test_what_banks_told_of_an_erased_debtor_is_gone(book: OpenBook, tmp_path: Path) -> None:
    me = "Kanarivorn Kanarinach"
    lines = [
        Line(10_000, "RE-1001", me, PAYER_IBAN),
        Line(1_100, "aus Versehen", me, PAYER_IBAN),
        Line(1_200, "ohne Konto", me, ""),
        Line(1_300, f"Sammelüberweisung für {me}", "Arbeitgeber AG", OTHER_IBAN),
        Line(20_000, "RE-2002", "Bert Brandt", "DE68210501700012345678"),
        Line(-1_400, "Erstattung RE-1001", "Arbeitgeber AG", OTHER_IBAN),
    ]
    take_in(book, Bank(tmp_path).statement(*lines))
    (waits,) = erasing.erase(book, case=my_case(), on=LATER)
    assert (waits.state, waits.because) == ("restricted", "claim_open"), "money of hers is not placed yet"
    for row in BankEntry.objects.filter(state__in=["suspense", "proposed"]):
        bank_questions.place(book, row.entry_no, "other")
    last = BankEntry.objects.get(amount_cents=1_100)
    (kept,) = erasing.erase(book, case=my_case(), on=dt.date(last.booked_on.year + 1, 1, 1))
    assert kept.because in ("booking_documents", "business_letters")
    (told,) = erasing.erase(book, case=my_case(), on=LATER, dry_run=False)
    assert (told.state, told.payers, told.entries) == ("erased", 2, 2)
    found = texts(book)
    assert [found[cents] for cents in (10_000, 1_100, 1_200, 1_300, -1_400)] == [""] * 5
    assert "RE-2002" in found[20_000], "others stay"
    mine = Case.objects.get(case_reference=my_case()).id
    assert not KnownPayer.objects.filter(case_id=mine).exists()
    assert not MatchProposal.objects.filter(case_id=mine).exists()
    assert KnownPayer.objects.exists()
    details = AuditEntry.objects.get(action="person_erased").detail
    assert (details["payers"], details["entries"], details["events"]) == (2, 2, 0)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as made, clock.use_clock(lambda: made.now):
        yield made


@pytest.mark.parametrize("provider", ["stripe", "paypal"])
def test_what_providers_told_of_an_erased_debtor_is_gone(
    provider: str, tenant_id: int, tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, simulator)
    world = make_world(tenant_id, tmp_path, simulator, provider)
    name = world.checkout()
    simulator.pay(name)
    world.deliver_all()
    world.deliver_all()
    assert any(providers.open_body(row) for row in ProviderEvent.objects.all())
    case = world.case().case_reference
    (told,) = erasing.erase(world.book, case=case, on=LATER, dry_run=False)
    assert told.state == "erased" and told.events > 0
    assert not any(providers.open_body(row) for row in ProviderEvent.objects.all())
    assert ProviderEvent.objects.filter(state="applied").exists(), "what was booked stays"
