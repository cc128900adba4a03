"""A person's word on bank entries: money goes to whose it is, and what was placed wrongly is placed anew, once."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from tests.records import worlds
from tests.usecases.bank_worlds import OTHER_IBAN, SHOP_IBAN, Bank, Line, facts, open_book

from mahnwerk.frames import FactKind
from mahnwerk.records import facts as fact_records
from mahnwerk.records.models import BankEntry, Case
from mahnwerk.usecases import bank_import, bank_questions, clock, journal
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.opening import OpenBook

D = dt.date
ON = D(2026, 3, 10)
NOW = dt.datetime(2026, 3, 10, 18, tzinfo=dt.UTC)
SHARED_IBAN = "DE91100000000123456789"


@pytest.fixture(autouse=True)
def _day() -> Any:
    with clock.use_clock(lambda: NOW):
        yield


@pytest.fixture
def book(tenant_id: int, tmp_path: Path) -> OpenBook:
    """Two creditors with an account each, one debtor each, and the same invoice number twice."""
    for key, iban in (("shop", SHOP_IBAN), ("other", OTHER_IBAN)):
        worlds.creditor(tenant_id, key, iban=iban)
        numbers = ("RE-1001", f"{key}-7")
        rows = [
            worlds.claim_row(
                place, creditor_key=key, invoice_number=number, amount_cents=5_000, customer_number=key
            )
            for place, number in enumerate(numbers, 1)
        ]
        worlds.import_rows(tenant_id, *rows)
    return open_book(tenant_id, tmp_path)


def case_of(key: str) -> Case:
    return Case.objects.get(creditor__key=key)


def unknown(book: OpenBook, folder: Path, iban: str = SHOP_IBAN, cents: int = 4_200) -> int:
    """An entry that nothing fits, on an account."""
    bank = Bank(folder, iban)
    path = bank.statement(Line(cents, "danke", "Niemand Bekanntes", "DE75512108001245126199"))
    bank_import.import_files(book, [path], on=ON)
    return BankEntry.objects.latest("entry_no").entry_no


@pytest.mark.parametrize("how", ["case", "invoice"])
def test_money_of_one_creditor_is_never_booked_on_a_case_of_another(
    book: OpenBook, tmp_path: Path, how: str
) -> None:
    entry, other = unknown(book, tmp_path), case_of("other").case_reference
    answer: dict[str, Any] = {"case": other} if how == "case" else {"invoices": ["other-7"]}
    with pytest.raises((BadInput, NotFound), match="creditor"):
        bank_questions.confirm(book, entry, **answer)
    assert facts(book.tenant_id) == []
    assert BankEntry.objects.get().state == "suspense"
    assert bank_questions.confirm(book, entry, case=case_of("shop").case_reference).state == "booked"


def test_the_operators_account_is_for_all_creditors(book: OpenBook, tmp_path: Path) -> None:
    bank_import.add_account(book, SHARED_IBAN)
    entry = unknown(book, tmp_path, SHARED_IBAN)
    answered = bank_questions.confirm(book, entry, invoices=["other-7"])
    assert answered.case_reference == case_of("other").case_reference
    state = journal.post(book, ON) and journal.balance(book)
    assert all(check["ok"] for check in state["checks"]), state["checks"]
    assert "money_in_transit" not in {r["account"] for r in state["accounts"] if r["balance_cents"]}


def test_a_number_that_several_creditors_use_names_none_of_them(book: OpenBook, tmp_path: Path) -> None:
    bank_import.add_account(book, SHARED_IBAN)
    entry = unknown(book, tmp_path, SHARED_IBAN)
    with pytest.raises(BadInput, match="RE-1001"):
        bank_questions.confirm(book, entry, invoices=["RE-1001"])
    with pytest.raises(BadInput, match="different"):
        bank_questions.confirm(book, entry, invoices=["shop-7", "other-7"])
    with pytest.raises(NotFound, match="shop-7"):
        bank_questions.confirm(book, entry, invoices=["shop-7"], case=case_of("other").case_reference)
    assert facts(book.tenant_id) == []
    case = case_of("other")
    answered = bank_questions.confirm(book, entry, invoices=["RE-1001"], case=case.case_reference)
    assert (answered.case_reference, list(answered.invoices)) == (case.case_reference, ["RE-1001"])


def test_together_with_another_number_it_names_one(book: OpenBook, tmp_path: Path) -> None:
    bank_import.add_account(book, SHARED_IBAN)
    entry = unknown(book, tmp_path, SHARED_IBAN)
    answered = bank_questions.confirm(book, entry, invoices=["RE-1001", "shop-7"])
    assert answered.case_reference == case_of("shop").case_reference


def test_a_refund_of_one_creditor_is_not_seen_on_the_account_of_another(
    book: OpenBook, tmp_path: Path
) -> None:
    refund = {"case_id": case_of("other").id, "kind": FactKind.REFUND_PAID, "effective_on": D(2026, 3, 2)}
    fact_records.append(book.tenant_id, [{**refund, "amount_cents": 3_000}], recorded_at=NOW)
    bank = Bank(tmp_path)
    bank_import.import_files(book, [bank.statement(Line(-3_000, "Erstattung other-7"))], on=ON)
    assert BankEntry.objects.get().reason == "", "the transfer left another creditor's account"
    bank_import.import_files(
        book, [bank.statement(Line(3_000, "Erstattung other-7", reason="AC04", day="2026-03-03"),
                              day="2026-03-03")], on=ON)  # fmt: skip
    assert BankEntry.objects.get(amount_cents=3_000).state == "suspense"
