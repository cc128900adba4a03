"""The journal's bank account against bank statements in a real database, whatever becomes of an entry."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from tests.records import worlds
from tests.usecases.bank_worlds import OTHER_IBAN, SHOP_IBAN, Bank, Line, open_book, shop

from mahnwerk.frames import FactKind, Role
from mahnwerk.records import facts
from mahnwerk.records.models import BankEntry, Case, Mandate
from mahnwerk.usecases import bank_import, bank_questions, clock, journal
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.opening import OpenBook

D = dt.date
ON = D(2026, 3, 10)
NOW = dt.datetime(2026, 3, 10, 18, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _day() -> Any:
    with clock.use_clock(lambda: NOW):
        yield


@pytest.fixture
def book(tenant_id: int, tmp_path: Path) -> OpenBook:
    shop(tenant_id, {"invoice_number": "RE-1001", "amount_cents": 10_000})
    return open_book(tenant_id, tmp_path)


def take_in(book: OpenBook, *files: Path) -> None:
    bank_import.import_files(book, list(files), on=ON)


def posted(book: OpenBook, on: D = ON) -> dict[str, int]:
    """Balances after a run on the day; all checks hold, and a second run posts nothing."""
    journal.post(book, on)
    assert journal.post(book, on).posting_count == 0
    state = journal.balance(book)
    assert all(check["ok"] for check in state["checks"]), state["checks"]
    return {row["account"]: row["balance_cents"] for row in state["accounts"] if row["balance_cents"]}


def add(book: OpenBook, kind: FactKind, **more: Any) -> int:
    row = {"case_id": Case.objects.get().id, "kind": kind, "effective_on": D(2026, 3, 2), **more}
    return int(facts.append(book.tenant_id, [row], recorded_at=NOW)["fact_no"][0])


def test_a_payment_meets_its_entry_and_the_unknown_waits(book: OpenBook, tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    paid, unknown = Line(10_000, "RE-1001"), Line(4_200, "danke", "Niemand Bekanntes", OTHER_IBAN)
    take_in(book, bank.statement(paid, unknown, Line(-650, "Kontoführung", "Bank", "", code="808")))
    found = posted(book)
    assert found == {
        "claims_placed": -10_000,
        "bank": bank.balance,
        "opening_balance": -100_000,
        "suspense": -4_200,
        "bank_charges": 650,
        "receivable": 72,
        "interest_income": -72,
    }
    assert journal.balance(book)["banks"] == [
        {
            "account": 1,
            "is_trust": False,
            "currency": "EUR",
            "statement_on": D(2026, 3, 2),
            "statement_cents": bank.balance,
            "journal_cents": bank.balance,
        }
    ]
    number = BankEntry.objects.get(amount_cents=4_200).entry_no
    assert bank_questions.place(book, number, "other").state == "ignored"
    found = posted(book, D(2026, 3, 11))
    assert (found["other_money"], found["bank"], "suspense" in found) == (-4_200, bank.balance, False)
    with pytest.raises(BadInput, match="nothing is open"):
        bank_questions.confirm(book, number, invoices=["RE-1001"])
    for entry, word, error in ((number, "tip", BadInput), (99, "other", NotFound)):
        with pytest.raises(error):
            bank_questions.place(book, entry, word)


def test_statements_not_posted_yet_and_a_missing_one_show(book: OpenBook, tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    take_in(book, bank.statement(Line(10_000, "RE-1001")))
    posted(book)
    take_in(book, bank.statement(Line(500, "?", "N. N.", ""), day="2026-03-03"))

    def off() -> int:
        checks = journal.balance(book)["checks"]
        return next(row["cents"] for row in checks if row["check"] == "bank_less_statements")

    assert off() == 500, "told, but not posted yet"
    assert posted(book)["bank"] == bank.balance
    bank.statement(Line(1_000, "never came in"), day="2026-03-04")
    take_in(book, bank.statement(Line(7, "later", "N. N.", ""), day="2026-03-05"))
    journal.post(book, ON)
    assert off() == 1_000, "what stood in the missing statement"


def test_a_payment_told_by_hand_is_on_its_way_until_the_bank_tells(book: OpenBook, tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    take_in(book, bank.statement(Line(1, "Test", "N. N.", "")))
    add(book, FactKind.PAYMENT_RECEIVED, amount_cents=2_500)
    assert posted(book)["money_in_transit"] == 2_500
    take_in(book, bank.statement(Line(2_500, "Bareinzahlung", "Kasse", ""), day="2026-03-03"))
    (number,) = BankEntry.objects.filter(amount_cents=2_500).values_list("entry_no", flat=True)
    bank_questions.place(book, number, "told")
    assert "money_in_transit" not in posted(book, D(2026, 3, 11))


def test_what_was_before_the_first_statement_is_in_its_opening_balance(
    book: OpenBook, tmp_path: Path
) -> None:
    add(book, FactKind.PAYMENT_RECEIVED, amount_cents=2_500, effective_on=D(2026, 2, 3))
    assert posted(book)["bank"] == 2_500, "no statements: the facts move the bank account"
    bank = Bank(tmp_path)
    take_in(book, bank.statement(Line(7_500, "RE-1001")))
    found = posted(book, D(2026, 3, 11))
    assert (found["bank"], found["opening_balance"]) == (bank.balance, 2_500 - 100_000)
    assert "money_in_transit" not in found


def test_a_return_with_the_creditors_fault_costs_the_creditor(book: OpenBook, tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    take_in(book, bank.statement(Line(10_000, "RE-1001", end_to_end="DD-1", code="171")))
    back = Line(-10_320, "Rückgabe", end_to_end="DD-1", reason="MD01", charges=320, day="2026-03-03")
    take_in(book, bank.statement(back, day="2026-03-03"))
    found = posted(book)
    assert (found["bank"], found["bank_charges"], found["receivable"]) == (bank.balance, 320, 10_000)
    assert not {"money_in_transit", "suspense"} & found.keys()


def test_a_payment_booked_wrongly_is_a_question_again(book: OpenBook, tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    take_in(book, bank.statement(Line(10_000, "RE-1001")))
    assert "suspense" not in posted(book)
    number = BankEntry.objects.get().fact_no
    undo = add(book, FactKind.VOIDED, voids_fact_no=number)
    found = posted(book, D(2026, 3, 11))
    assert (found["suspense"], found["bank"], found["receivable"]) == (-10_000, bank.balance, 10_000)
    add(book, FactKind.VOIDED, voids_fact_no=undo)
    assert "suspense" not in posted(book, D(2026, 3, 12))


def test_a_refund_on_the_trust_account_finds_its_fact(book: OpenBook, tmp_path: Path) -> None:
    Mandate.objects.update(role=Role.AGENCY)
    Case.objects.update(role=Role.AGENCY)
    bank = Bank(tmp_path)
    take_in(book, bank.statement(Line(13_000, "RE-1001")))
    out = Line(-3_000, "Erstattung Guthaben RE-1001", day="2026-03-03")
    take_in(book, bank.statement(out, Line(-77, "unbekannt", "X", "", day="2026-03-03"), day="2026-03-03"))
    found = posted(book)
    assert (found["trust_bank"], found["trust_suspense"]) == (bank.balance, 3_077)
    add(book, FactKind.REFUND_PAID, amount_cents=3_000)
    assert posted(book, D(2026, 3, 11))["trust_in_transit"] == -3_000
    take_in(book, bank.statement(day="2026-03-04"))
    found = posted(book, D(2026, 3, 12))
    assert (found["trust_bank"], found["trust_suspense"]) == (bank.balance, 77)
    assert "trust_in_transit" not in found and "debtor_credit" not in found


def test_two_kinds_of_money_on_one_account(tenant_id: int, tmp_path: Path) -> None:
    """A shop's own claim and one it collects for another are paid on the same account."""
    for key, role in (("shop", Role.OWN), ("other", Role.MARKETPLACE)):
        creditor_id = worlds.creditor(tenant_id, key, iban=SHOP_IBAN)
        Mandate.objects.filter(creditor_id=creditor_id).update(role=role)
        rows = worlds.claim_row(
            1, creditor_key=key, invoice_number=f"{key}-1001", amount_cents=5_000, customer_number=key
        )
        worlds.import_rows(tenant_id, rows)
    book, bank = open_book(tenant_id, tmp_path), Bank(tmp_path)
    take_in(book, bank.statement(Line(5_000, "shop-1001"), Line(5_000, "other-1001")))
    found = posted(book)
    assert (found["trust_bank"], found["creditor_liability"]) == (bank.balance, -5_000)
    assert (found["trust_other_money"], found["other_money"]) == (-5_000, 5_000)
    assert not {"money_in_transit", "trust_in_transit"} & found.keys()


def test_money_from_before_the_first_statement_that_went_back_after_it(
    book: OpenBook, tmp_path: Path
) -> None:
    """It came in with the opening balance and leaves as an entry: nothing is left on its way."""
    early = D(2026, 2, 3)
    add(book, FactKind.PAYMENT_RECEIVED, amount_cents=2_500, effective_on=early)
    reference = Case.objects.get().case_reference
    bank = Bank(tmp_path)
    take_in(book, bank.statement(Line(7_500, "RE-1001")))
    assert posted(book)["opening_balance"] == 2_500 - 100_000
    back = Line(-2_820, f"Rückgabe {reference}", reason="AC04", charges=320, day="2026-03-03")
    take_in(book, bank.statement(back, day="2026-03-03"))
    found = posted(book, D(2026, 3, 11))
    assert BankEntry.objects.get(amount_cents=-2_820).state == "booked"
    assert (found["bank"], found["opening_balance"]) == (bank.balance, 2_500 - 100_000)
    assert not {"money_in_transit", "suspense"} & found.keys()
    # Somebody says that the return was no return: the entry is a question again, the money came in before.
    undo = add(book, FactKind.VOIDED, voids_fact_no=BankEntry.objects.get(amount_cents=-2_820).fact_no)
    found = posted(book, D(2026, 3, 12))
    assert (found["suspense"], found["opening_balance"]) == (2_820, 2_500 - 100_000)
    add(book, FactKind.VOIDED, voids_fact_no=undo)
    assert not {"money_in_transit", "suspense"} & posted(book, D(2026, 3, 13)).keys()


def test_a_return_told_by_hand_before_the_first_statement_leaves_nothing(
    book: OpenBook, tmp_path: Path
) -> None:
    paid = add(book, FactKind.PAYMENT_RECEIVED, amount_cents=2_500, effective_on=D(2026, 2, 3))
    add(book, FactKind.PAYMENT_RETURNED, voids_fact_no=paid, effective_on=D(2026, 2, 20))
    take_in(book, Bank(tmp_path).statement(Line(7_500, "RE-1001")))
    found = posted(book)
    assert found["opening_balance"] == -100_000
    assert "money_in_transit" not in found


@pytest.mark.parametrize("value_on", ["2026-02-24", "2026-03-02"])
def test_a_return_is_of_the_statement_that_shows_it_whatever_its_value_date(
    book: OpenBook, tmp_path: Path, value_on: str
) -> None:
    """Banks date a returned debit back to the day of the debit; it is on the statement all the same."""
    add(book, FactKind.PAYMENT_RECEIVED, amount_cents=2_500, effective_on=D(2026, 2, 24))
    add(book, FactKind.PAYMENT_RECEIVED, amount_cents=9_000, effective_on=D(2026, 2, 26))
    bank = Bank(tmp_path)
    path = bank.statement(Line(-2_820, f"Rückgabe {Case.objects.get().case_reference}", charges=320,
                               reason="AC04"))  # fmt: skip
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("<ValDt><Dt>2026-03-02", f"<ValDt><Dt>{value_on}"), encoding="utf-8")
    take_in(book, path)
    assert BankEntry.objects.get().state == "booked"
    found = posted(book)
    assert (found["bank"], found["opening_balance"]) == (bank.balance, 11_500 - 100_000)
    assert not {"money_in_transit", "suspense"} & found.keys()


def test_a_refund_ordered_before_the_first_statement_left_and_came_back_after_it(
    book: OpenBook, tmp_path: Path
) -> None:
    add(book, FactKind.PAYMENT_RECEIVED, amount_cents=13_000, effective_on=D(2026, 2, 3))
    add(book, FactKind.REFUND_PAID, amount_cents=3_000, effective_on=D(2026, 2, 27))
    bank = Bank(tmp_path)
    take_in(book, bank.statement(Line(1, "Test", "N. N.", "")))
    assert posted(book)["opening_balance"] == 10_000 - 100_000, "as far as anybody knows it has left"
    take_in(book, bank.statement(Line(-3_000, "Erstattung RE-1001", day="2026-03-03"), day="2026-03-03"))
    found = posted(book, D(2026, 3, 11))
    assert found["opening_balance"] == 13_000 - 100_000, "the statement shows that it had not"
    assert "money_in_transit" not in found
    take_in(book, bank.statement(Line(3_000, "Retoure Erstattung RE-1001", reason="AC04", day="2026-03-05"),
                                 day="2026-03-05"))  # fmt: skip
    assert BankEntry.objects.get(amount_cents=3_000).reason == "refund_back"
    found = posted(book, D(2026, 3, 12))
    assert found["opening_balance"] == 13_000 - 100_000
    assert "money_in_transit" not in found


def test_a_refund_from_before_the_first_statement_comes_back_after_it(book: OpenBook, tmp_path: Path) -> None:
    add(book, FactKind.PAYMENT_RECEIVED, amount_cents=13_000, effective_on=D(2026, 2, 3))
    add(book, FactKind.REFUND_PAID, amount_cents=3_000, effective_on=D(2026, 2, 27))
    bank = Bank(tmp_path)
    back = Line(3_000, "Retoure Erstattung RE-1001", reason="AC04")
    take_in(book, bank.statement(back))
    assert BankEntry.objects.get(amount_cents=3_000).reason == "refund_back"
    found = posted(book)
    assert (found["bank"], found["opening_balance"]) == (bank.balance, 10_000 - 100_000)
    assert "money_in_transit" not in found
