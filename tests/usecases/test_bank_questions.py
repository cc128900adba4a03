"""A person's word on bank entries: money goes to whose it is; a wrong place is corrected, once."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from tests.records import worlds
from tests.usecases.bank_worlds import OTHER_IBAN, SHOP_IBAN, Bank, Line, facts, open_book

from mahnwerk.frames import FactKind
from mahnwerk.records import facts as fact_records
from mahnwerk.records.models import BankEntry, Case, KnownPayer
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


def balances(book: OpenBook, on: D) -> dict[str, int]:
    """The journal after a run; its checks hold, and a second run posts nothing."""
    journal.post(book, on)
    assert journal.post(book, on).posting_count == 0
    state = journal.balance(book)
    assert all(check["ok"] for check in state["checks"]), state["checks"]
    return {row["account"]: row["balance_cents"] for row in state["accounts"] if row["balance_cents"]}


def void(book: OpenBook, case_id: int, fact_no: int) -> int:
    """A person declares a fact void."""
    fact = {"case_id": case_id, "kind": FactKind.VOIDED, "effective_on": ON, "voids_fact_no": fact_no}
    return int(fact_records.append(book.tenant_id, [fact], recorded_at=NOW)["fact_no"][0])


@pytest.fixture
def two_cases(tenant_id: int, tmp_path: Path) -> OpenBook:
    """A shop with two debtors, and a payment booked on the first that was not his."""
    worlds.creditor(tenant_id, iban=SHOP_IBAN)
    for number in ("1001", "1002"):
        row = worlds.claim_row(
            1, invoice_number=f"RE-{number}", amount_cents=5_000, customer_number=f"K{number}"
        )
        worlds.import_rows(tenant_id, row)
    book = open_book(tenant_id, tmp_path)
    bank_import.import_files(book, [Bank(tmp_path).statement(Line(5_000, "RE-1001"))], on=ON)
    assert BankEntry.objects.get().state == "booked"
    return book


def the_case(invoice: str) -> Case:
    return Case.objects.get(claims__invoice_number=invoice)


def paid_on(case: Case) -> int:
    from mahnwerk.kernel.facts import live_facts
    from mahnwerk.records import load

    live = live_facts(load.book(case.tenant_id, case_ids=[case.id]).facts, D(2027, 1, 1))
    return int(live.filter(live["kind"] == int(FactKind.PAYMENT_RECEIVED))["amount_cents"].sum())


def test_a_payment_booked_wrongly_is_booked_anew_once(two_cases: OpenBook) -> None:
    book, first, second = two_cases, the_case("RE-1001"), the_case("RE-1002")
    entry = BankEntry.objects.get()
    assert bank_questions.suspense(book, ON) == []
    with pytest.raises(BadInput, match="booked"):
        bank_questions.confirm(book, 1, case=second.case_reference)
    undo = void(book, first.id, entry.fact_no)
    assert balances(book, ON)["suspense"] == -5_000
    for _ in range(2):  # taken back, and said again
        undo = void(book, first.id, undo)
        known = bank_questions.suspense(book, ON)
        assert balances(book, ON).get("suspense", 0) == (-5_000 if known else 0)
    (question,) = known
    assert (question.entry, question.reason) == (1, "declared_void")
    assert bank_questions.confirm(book, 1, case=second.case_reference).state == "booked"
    with pytest.raises(BadInput, match="booked"):
        bank_questions.confirm(book, 1, case=second.case_reference)
    assert (paid_on(first), paid_on(second)) == (0, 5_000)
    found = balances(book, D(2026, 3, 11))
    assert not {"suspense", "money_in_transit"} & found.keys()
    payers = KnownPayer.objects.values_list("case_id", flat=True)
    assert list(payers) == [second.id], "who paid wrongly is not remembered"
    # Whoever takes the first word back does not make two payments of one.
    void(book, first.id, undo)
    assert (paid_on(first), paid_on(second)) == (0, 5_000)
    assert balances(book, D(2026, 3, 12)) == found
    assert bank_questions.suspense(book, ON) == []


def test_it_can_be_wrong_twice_and_on_the_same_case(two_cases: OpenBook) -> None:
    book, first = two_cases, the_case("RE-1001")
    for _ in range(3):
        entry = BankEntry.objects.get()
        void(book, entry.case_id, entry.fact_no)
        assert bank_questions.confirm(book, 1, invoices=["RE-1001"]).case_reference == first.case_reference
        assert paid_on(first) == 5_000
    assert "suspense" not in balances(book, ON)


@pytest.mark.parametrize("what", ["other", "told"])
def test_it_can_be_said_to_be_no_payment(two_cases: OpenBook, what: str) -> None:
    book, entry = two_cases, BankEntry.objects.get()
    undo = void(book, entry.case_id, entry.fact_no)
    assert bank_questions.place(book, 1, what).state == "ignored"
    void(book, entry.case_id, undo)
    assert paid_on(the_case("RE-1001")) == 0, "the money is explained; it pays no claim as well"
    assert "suspense" not in balances(book, ON)
    with pytest.raises(BadInput):
        bank_questions.confirm(book, 1, invoices=["RE-1001"])


def test_it_can_be_ignored(two_cases: OpenBook) -> None:
    entry = BankEntry.objects.get()
    void(two_cases, entry.case_id, entry.fact_no)
    assert bank_questions.ignore(two_cases, 1).state == "ignored"
    assert balances(two_cases, ON)["other_money"] == -5_000


def test_a_return_declared_void_can_be_placed(two_cases: OpenBook, tmp_path: Path) -> None:
    book = two_cases
    back = Line(-5_000, "Rückgabe RE-1001", reason="AC04", day="2026-03-04")
    bank = Bank(tmp_path, balance=105_000, number=7)
    bank_import.import_files(book, [bank.statement(back, day="2026-03-04")], on=ON)
    entry = BankEntry.objects.get(amount_cents=-5_000)
    assert entry.state == "booked"
    void(book, entry.case_id, entry.fact_no)
    assert balances(book, ON)["suspense"] == 5_000
    assert [one.entry for one in bank_questions.suspense(book, ON)] == [2]
    assert bank_questions.place(book, 2, "other").state == "outgoing"
    found = balances(book, D(2026, 3, 11))
    assert (found["other_money"], "suspense" in found) == (5_000, False)


def test_importing_again_does_not_book_it_where_it_was_wrong(two_cases: OpenBook, tmp_path: Path) -> None:
    book, entry = two_cases, BankEntry.objects.get()
    void(book, entry.case_id, entry.fact_no)
    bank_import.import_files(book, [tmp_path / "statement-1.xml"], on=ON)
    assert paid_on(the_case("RE-1001")) == 0
    assert [one.reason for one in bank_questions.suspense(book, ON)] == ["declared_void"]


def test_money_that_went_back_is_no_question(two_cases: OpenBook) -> None:
    book, entry = two_cases, BankEntry.objects.get()
    back = {"case_id": entry.case_id, "kind": FactKind.PAYMENT_RETURNED, "effective_on": D(2026, 3, 5)}
    fact_records.append(book.tenant_id, [{**back, "voids_fact_no": entry.fact_no}], recorded_at=NOW)
    void(book, entry.case_id, entry.fact_no)
    assert bank_questions.suspense(book, ON) == []
    with pytest.raises(BadInput, match="booked"):
        bank_questions.confirm(book, 1, invoices=["RE-1002"])
