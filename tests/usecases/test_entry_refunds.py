"""Money nobody could place is paid back: whole, once, to where it came from, and never booked as well."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from tests.records import worlds
from tests.usecases.bank_worlds import OTHER_IBAN, PAYER_IBAN, SHOP_IBAN, Bank, Line, facts, open_book
from tests.usecases.test_refunds import report

from mahnwerk.frames import FactKind, Role
from mahnwerk.records import facts as fact_records
from mahnwerk.records.models import AuditEntry, BankEntry, Case, Creditor, EntryRefund, Mandate
from mahnwerk.usecases import (
    bank_import,
    bank_questions,
    clock,
    entry_refunds,
    erasing_money,
    journal,
    refund_files,
    refunds,
)
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.opening import OpenBook

D = dt.date
DAY = D(2026, 3, 10)
SHARED_IBAN = "DE91100000000123456789"
STRANGE_IBAN = "DE02200505501015871393"


@pytest.fixture(autouse=True)
def _day() -> Any:
    with clock.use_clock(lambda: dt.datetime(2026, 3, 10, 18, tzinfo=dt.UTC)):
        yield


@pytest.fixture
def book(tenant_id: int, tmp_path: Path) -> OpenBook:
    """Two creditors with a debtor and an account each."""
    for key, iban in (("shop", SHOP_IBAN), ("other", OTHER_IBAN)):
        worlds.creditor(tenant_id, key, iban=iban)
        row = worlds.claim_row(
            1, creditor_key=key, invoice_number=f"{key}-1001", amount_cents=5_000, customer_number=key
        )
        worlds.import_rows(tenant_id, row)
    return open_book(tenant_id, tmp_path)


@pytest.fixture
def bank(book: OpenBook, tmp_path: Path) -> Bank:
    """42,00 from somebody nobody knows, on the shop's account: entry 1."""
    made = Bank(tmp_path)
    take_in(book, made, Line(4_200, "danke", "Niemand Bekanntes", PAYER_IBAN))
    return made


def take_in(book: OpenBook, bank: Bank, *lines: Line, day: str = "2026-03-02") -> None:
    with_day = [Line(**{**vars(line), "day": day}) for line in lines]
    bank_import.import_files(book, [bank.statement(*with_day, day=day)], on=DAY)


def posted(book: OpenBook, bank: Bank, on: D = DAY) -> dict[str, int]:
    """Balances after a run; the checks hold, the bank account is the bank's, a second run posts nothing."""
    journal.post(book, on)
    assert journal.post(book, on).posting_count == 0
    state = journal.balance(book)
    assert all(check["ok"] for check in state["checks"]), state["checks"]
    found = {row["account"]: row["balance_cents"] for row in state["accounts"] if row["balance_cents"]}
    assert found.get("bank", 0) + found.get("trust_bank", 0) == bank.balance
    return found


def case_of(key: str) -> str:
    return Case.objects.get(creditor__key=key).case_reference


def test_it_goes_back_to_where_it_came_from_and_nowhere_else(book: OpenBook, bank: Bank) -> None:
    assert posted(book, bank)["suspense"] == -4_200
    planned = entry_refunds.order(book, 1, on=DAY, dry_run=True)
    assert (planned.state, EntryRefund.objects.count()) == ("planned", 0)
    made = entry_refunds.order(book, 1, on=DAY)
    assert (made.entry, made.amount_cents, made.iban, made.state) == (1, 4_200, "DE75…6199", "ordered")
    again = entry_refunds.order(book, 1, on=DAY)
    assert (again.is_known, again.end_to_end_id, EntryRefund.objects.count()) == (True, made.end_to_end_id, 1)
    assert PAYER_IBAN.encode() not in bytes(EntryRefund.objects.get().payload)
    assert bank_questions.suspense(book, DAY) == []
    for answer in ({"case": case_of("shop")}, {"invoices": ["shop-1001"]}):
        with pytest.raises(BadInput, match="ignored"):
            bank_questions.confirm(book, 1, **answer)
    with pytest.raises(BadInput, match="nothing is open"):
        bank_questions.place(book, 1, "other")
    assert posted(book, bank, D(2026, 3, 11))["suspense"] == -4_200, "it has not left yet"
    with pytest.raises(BadInput, match="nothing to pay back"):
        refund_files.create(book, "other", DAY)
    file = refund_files.create(book, "shop", DAY)
    root = etree.fromstring(file.content)
    assert [node.text for node in root.iter("{*}IBAN")] == [SHOP_IBAN, PAYER_IBAN]
    assert root.findtext(".//{*}InstdAmt") == "42.00"
    assert root.findtext(".//{*}EndToEndId") == made.end_to_end_id
    assert refund_files.create(book, "shop", DAY).content == file.content
    with pytest.raises(BadInput, match="cannot be cancelled"):
        entry_refunds.cancel_any(book, made.end_to_end_id, DAY)
    out = Line(-4_200, "Rückzahlung", "Niemand Bekanntes", PAYER_IBAN, end_to_end=made.end_to_end_id)
    take_in(book, bank, out, day="2026-03-11")
    assert "suspense" not in posted(book, bank, D(2026, 3, 12))
    assert facts(book.tenant_id) == []


def test_it_stands_in_one_file_with_credits(book: OpenBook, bank: Bank) -> None:
    take_in(book, bank, Line(9_000, "shop-1001", iban=STRANGE_IBAN), day="2026-03-03")
    credit = refunds.order(book, case_of("shop"), on=DAY)
    money = entry_refunds.order(book, 1, on=DAY)
    file = refund_files.create(book, "shop", DAY)
    assert (file.refund_count, file.sum_cents) == (2, 4_200 + credit.amount_cents)
    names = [node.text for node in etree.fromstring(file.content).iter("{*}EndToEndId")]
    assert names == [credit.end_to_end_id, money.end_to_end_id]


@pytest.mark.parametrize("is_named", [True, False])
def test_what_comes_back_is_a_question_again_and_can_be_answered(
    book: OpenBook, bank: Bank, is_named: bool
) -> None:
    first = entry_refunds.order(book, 1, on=DAY)
    refund_files.create(book, "shop", DAY)
    name = first.end_to_end_id if is_named else ""
    out = Line(-4_200, "Rückzahlung", "Niemand Bekanntes", PAYER_IBAN, end_to_end=name)
    take_in(book, bank, out, day="2026-03-11")
    assert "suspense" not in posted(book, bank, D(2026, 3, 11))
    back = Line(4_200, "Konto erloschen", "Niemand", PAYER_IBAN, end_to_end=name, reason="AC04")
    take_in(book, bank, back, day="2026-03-13")
    assert posted(book, bank, D(2026, 3, 13))["suspense"] == -4_200
    (question,) = bank_questions.suspense(book, D(2026, 3, 13))
    assert question.entry == (1 if is_named else 3)
    # Paid back once more, or booked after all: each once.
    second = entry_refunds.order(
        book, question.entry, iban=STRANGE_IBAN, approved_by="ben", on=D(2026, 3, 13)
    )
    assert second.end_to_end_id != first.end_to_end_id
    entry_refunds.cancel_any(book, second.end_to_end_id, D(2026, 3, 13))
    assert bank_questions.confirm(book, question.entry, case=case_of("shop")).state == "booked"
    assert not {"suspense", "money_in_transit"} & posted(book, bank, D(2026, 3, 14)).keys()
    with pytest.raises(BadInput, match="booked"):
        entry_refunds.order(book, question.entry, on=D(2026, 3, 14))
    assert facts(book.tenant_id).count(("PAYMENT_RECEIVED", 4_200)) == 1


def test_what_the_bank_refuses_is_a_question_again(book: OpenBook, bank: Bank, tmp_path: Path) -> None:
    made = entry_refunds.order(book, 1, on=DAY)
    file = refund_files.create(book, "shop", DAY)
    path = report(tmp_path, file.message_id, made.end_to_end_id)
    assert refund_files.take_status(book, path, DAY).refused == 1
    assert refund_files.take_status(book, path, DAY).known == 1
    assert [one.entry for one in bank_questions.suspense(book, DAY)] == [1]
    assert posted(book, bank)["suspense"] == -4_200
    with pytest.raises(BadInput, match="not handed out again"):
        refund_files.create(book, "shop", DAY)
    assert [one.state for one in entry_refunds.of_book(book)] == ["undone"]


def test_a_refusal_of_what_the_statement_shows_changes_nothing(
    book: OpenBook, bank: Bank, tmp_path: Path
) -> None:
    made = entry_refunds.order(book, 1, on=DAY)
    file = refund_files.create(book, "shop", DAY)
    take_in(book, bank, Line(-4_200, made.end_to_end_id, "N. B.", PAYER_IBAN), day="2026-03-11")
    taken = refund_files.take_status(book, report(tmp_path, file.message_id, made.end_to_end_id), DAY)
    assert (taken.refused, taken.executed) == (0, [made.end_to_end_id])
    assert bank_questions.suspense(book, DAY) == []


def test_another_account_takes_two_people(book: OpenBook, bank: Bank) -> None:
    for wrong, match in (
        ({"iban": STRANGE_IBAN}, "two people"),
        ({"iban": STRANGE_IBAN, "approved_by": "Test"}, "cannot approve"),
        ({"iban": "DE00123", "approved_by": "ben"}, "not valid"),
    ):
        with pytest.raises(BadInput, match=match):
            entry_refunds.order(book, 1, on=DAY, **wrong)
    made = entry_refunds.order(book, 1, iban=STRANGE_IBAN, name="Erbe", approved_by="ben", on=DAY)
    assert made.iban == f"DE02…{STRANGE_IBAN[-4:]}"
    told = AuditEntry.objects.get(tenant_id=book.tenant_id, action="refund_order")
    assert (told.detail["approved_by"], told.detail["entry"]) == ("ben", 1)
    with pytest.raises(BadInput, match="already"):
        entry_refunds.order(book, 1, iban=PAYER_IBAN, on=DAY)


def test_only_money_in_suspense_of_this_account_goes_back(book: OpenBook, bank: Bank) -> None:
    paid, out = Line(5_000, "shop-1001", iban=STRANGE_IBAN), Line(-77, "Miete", "X", "")
    nameless, foreign = Line(99, "?", "N. N.", ""), Line(800, "?", "N. N.", PAYER_IBAN, currency="USD")
    take_in(book, bank, paid, out, nameless, day="2026-03-03")
    for number, match in ((2, "booked"), (3, "outgoing"), (4, "which account")):
        with pytest.raises(BadInput, match=match):
            entry_refunds.order(book, number, on=DAY)
    with pytest.raises(NotFound):
        entry_refunds.order(book, 99, on=DAY)
    with pytest.raises(BadInput, match="account of shop"):
        entry_refunds.order(book, 1, creditor="other", on=DAY)
    assert foreign.currency == "USD" and EntryRefund.objects.count() == 0


def test_on_a_shared_account_a_person_says_in_whose_file_it_leaves(book: OpenBook, tmp_path: Path) -> None:
    bank_import.add_account(book, SHARED_IBAN)
    shared = Bank(tmp_path, SHARED_IBAN)
    take_in(book, shared, Line(4_200, "danke", "Niemand Bekanntes", PAYER_IBAN))
    with pytest.raises(BadInput, match="no creditor"):
        entry_refunds.order(book, 1, on=DAY)
    Creditor.objects.update(iban=SHARED_IBAN)
    with pytest.raises(BadInput, match="2 creditors share"):
        entry_refunds.order(book, 1, on=DAY)
    entry_refunds.order(book, 1, creditor="other", on=DAY)
    with pytest.raises(BadInput, match="nothing to pay back"):
        refund_files.create(book, "shop", DAY)
    assert refund_files.create(book, "other", DAY).refund_count == 1


def test_a_payment_declared_void_can_be_paid_back(book: OpenBook, bank: Bank) -> None:
    bank_questions.confirm(book, 1, case=case_of("shop"))
    entry = BankEntry.objects.get()
    void = {"case_id": entry.case_id, "kind": FactKind.VOIDED, "effective_on": DAY}
    added = fact_records.append(
        book.tenant_id, [{**void, "voids_fact_no": entry.fact_no}], recorded_at=clock.now()
    )
    made = entry_refunds.order(book, 1, on=DAY)
    undo = {**void, "voids_fact_no": int(added["fact_no"][0])}
    fact_records.append(book.tenant_id, [undo], recorded_at=clock.now())
    refund_files.create(book, "shop", DAY)
    take_in(book, bank, Line(-4_200, made.end_to_end_id, "N. B.", PAYER_IBAN), day="2026-03-11")
    found = posted(book, bank, D(2026, 3, 12))
    assert not {"suspense", "money_in_transit", "customer_credit"} & found.keys()
    assert found["receivable"] == 10_000, "nobody has paid anything"


def test_trust_money_in_suspense_is_owed_to_its_payer_until_it_left(book: OpenBook, bank: Bank) -> None:
    Mandate.objects.update(role=Role.AGENCY)
    Case.objects.update(role=Role.AGENCY)
    made = entry_refunds.order(book, 1, on=DAY)
    assert posted(book, bank)["trust_suspense"] == -4_200
    refund_files.create(book, "shop", DAY)
    take_in(book, bank, Line(-4_200, made.end_to_end_id, "N. B.", PAYER_IBAN), day="2026-03-11")
    assert "trust_suspense" not in posted(book, bank, D(2026, 3, 12))


def test_a_payer_whose_money_is_leaving_is_not_erased_yet(book: OpenBook, bank: Bank) -> None:
    entry = BankEntry.objects.get()
    case_id = Case.objects.get(creditor__key="shop").id
    from mahnwerk.records import bank as bank_records

    bank_records.learn(book.tenant_id, [(entry.payer_id, case_id)], is_confirmed=True, at=clock.now())
    made = entry_refunds.order(book, 1, on=DAY)
    assert erasing_money.find(book, [case_id], []).is_waiting
    entry_refunds.cancel_any(book, made.end_to_end_id, DAY)
    bank_questions.ignore(book, 1)
    assert not erasing_money.find(book, [case_id], []).is_waiting
