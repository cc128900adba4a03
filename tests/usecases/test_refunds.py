"""Credits paid back: never more than is there, once per wish, and there again when the money comes back."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from lxml import etree
from tests.usecases.bank_worlds import OTHER_IBAN, PAYER_IBAN, Bank, Line, facts, open_book, shop, take_in

from mahnwerk.records.models import AuditEntry, Case, Refund
from mahnwerk.usecases import refund_files, refunds
from mahnwerk.usecases.errors import BadInput
from mahnwerk.usecases.opening import OpenBook

CLAIM = {"invoice_number": "RE-26-0411", "amount_cents": 8490}
DAY = dt.date(2026, 3, 10)


@pytest.fixture
def paid_twice(tenant_id: int, tmp_path: Path) -> tuple[OpenBook, Bank, str]:
    """A claim of 84,90 paid on the day it was due and once more: book, bank, case."""
    shop(tenant_id, CLAIM)
    book, bank = open_book(tenant_id, tmp_path), Bank(tmp_path)
    take_in(book, bank.statement(Line(8490, "RE-26-0411", day="2026-02-20"), day="2026-02-20"))
    take_in(book, bank.statement(Line(8490, "RE-26-0411", day="2026-03-05"), day="2026-03-05"))
    return book, bank, Case.objects.get(tenant_id=tenant_id).case_reference


def credit(book: OpenBook, on: dt.date = DAY) -> int:
    return sum(one.credit_cents for one in refunds.credits(book, on))


def report(folder: Path, message: str, name: str = "", group: str = "") -> Path:
    order = f"<TxInfAndSts><OrgnlEndToEndId>{name}</OrgnlEndToEndId><TxSts>RJCT</TxSts></TxInfAndSts>"
    path = folder / "report.xml"
    path.write_text(
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt>'
        f"<GrpHdr><MsgId>R</MsgId></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>{message}</OrgnlMsgId>{group}"
        f"</OrgnlGrpInfAndSts>"
        + (f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>1</OrgnlPmtInfId>{order}</OrgnlPmtInfAndSts>" if name else "")
        + "</CstmrPmtStsRpt></Document>"
    )
    return path


def test_a_credit_goes_back_to_the_account_it_came_from(paid_twice: tuple[OpenBook, Bank, str]) -> None:
    book, _, case = paid_twice
    (there,) = refunds.credits(book, DAY)
    assert (there.case_reference, there.has_account) == (case, True)
    planned = refunds.order(book, case, on=DAY, dry_run=True)
    assert (planned.state, credit(book)) == ("planned", there.credit_cents)
    made = refunds.order(book, case, on=DAY)
    assert (made.amount_cents, made.iban) == (there.credit_cents, "DE75…6199")
    assert (credit(book), refunds.credits(book, DAY)) == (0, [])
    file = refund_files.create(book, "shop", DAY)
    root = etree.fromstring(file.content)
    assert [node.text for node in root.iter("{*}IBAN")] == ["DE02120300000000202051", PAYER_IBAN]
    assert root.findtext(".//{*}InstdAmt") == f"{there.credit_cents / 100:.2f}"
    assert root.findtext(".//{*}EndToEndId") == made.end_to_end_id
    again = refund_files.create(book, "shop", DAY)
    assert (again.is_new, again.content) == (False, file.content)


def test_a_second_click_is_the_same_refund(paid_twice: tuple[OpenBook, Bank, str]) -> None:
    book, _, case = paid_twice
    first = refunds.order(book, case, "10,00", on=DAY)
    again = refunds.order(book, case, "10,00", on=DAY)
    assert (first.is_known, again.is_known) == (False, True)
    assert first.end_to_end_id == again.end_to_end_id
    assert facts(book.tenant_id)[-1] == ("REFUND_PAID", 1000)
    assert Refund.objects.count() == 1
    other = refunds.order(book, case, "10,00", reference="second half", on=DAY)
    assert other.end_to_end_id != first.end_to_end_id
    with pytest.raises(BadInput, match="is about 10,00"):
        refunds.order(book, case, "11,00", reference="second half", on=DAY)


def test_never_more_than_the_credit(paid_twice: tuple[OpenBook, Bank, str]) -> None:
    book, _, case = paid_twice
    there = credit(book)
    with pytest.raises(BadInput, match="cannot be paid back"):
        refunds.order(book, case, f"{(there + 1) // 100},{(there + 1) % 100:02d}", on=DAY)
    for nonsense in ("0", "-5,00", "much"):
        with pytest.raises(BadInput, match="cannot be read as a sum above 0"):
            refunds.order(book, case, nonsense, on=DAY)
    refunds.order(book, case, on=DAY + dt.timedelta(days=3))
    with pytest.raises(BadInput, match="there is no credit that could be paid back"):
        refunds.order(book, case, "1,00", on=DAY)  # ordered for a later day: it counts today


def test_another_account_takes_two_people(paid_twice: tuple[OpenBook, Bank, str]) -> None:
    book, _, case = paid_twice
    with pytest.raises(BadInput, match="that takes two people"):
        refunds.order(book, case, iban=OTHER_IBAN, on=DAY)
    with pytest.raises(BadInput, match="cannot approve what they do themselves"):
        refunds.order(book, case, iban=OTHER_IBAN, approved_by="Test", on=DAY)
    with pytest.raises(BadInput, match="IBAN is not valid"):
        refunds.order(book, case, iban="DE00123", approved_by="ben", on=DAY)
    made = refunds.order(book, case, iban=OTHER_IBAN, approved_by="ben", on=DAY)
    assert made.iban == f"DE02…{OTHER_IBAN[-4:]}"
    told = AuditEntry.objects.get(tenant_id=book.tenant_id, action="refund_order")
    assert told.detail["approved_by"] == "ben"
    stored = bytes(Refund.objects.get().payload)
    assert OTHER_IBAN.encode() not in stored


@pytest.mark.parametrize("whole", [False, True])
def test_what_the_bank_refuses_is_a_credit_again(
    paid_twice: tuple[OpenBook, Bank, str], tmp_path: Path, whole: bool
) -> None:
    book, _, case = paid_twice
    there = credit(book)
    made = refunds.order(book, case, on=DAY)
    file = refund_files.create(book, "shop", DAY)
    group = "<GrpSts>RJCT</GrpSts>" if whole else ""
    path = report(tmp_path, file.message_id, "" if whole else made.end_to_end_id, group)
    taken = refund_files.take_status(book, path, DAY)
    assert (taken.refused, taken.known, taken.unknown) == (1, 0, [])
    assert refund_files.take_status(book, path, DAY).known == 1
    assert credit(book) == there
    assert refunds.of_book(book)[0].state == "undone"
    second = refunds.order(book, case, reference="once more", on=DAY)
    assert second.amount_cents == there
    assert refund_files.create(book, "shop", DAY).message_id != file.message_id


def test_a_transfer_that_comes_back_on_the_statement_is_a_credit_again(
    paid_twice: tuple[OpenBook, Bank, str],
) -> None:
    book, bank, case = paid_twice
    there = credit(book)
    made = refunds.order(book, case, on=DAY)
    refund_files.create(book, "shop", DAY)
    out = bank.statement(Line(-there, "Erstattung", end_to_end=made.end_to_end_id, day="2026-03-11"))
    assert take_in(book, out).matched.outgoing == 1
    later = dt.date(2026, 3, 13)
    back = Line(there, "Retoure", end_to_end=made.end_to_end_id, day="2026-03-13", reason="AC04")
    assert take_in(book, bank.statement(back, day="2026-03-13")).matched.suspense == 0
    assert credit(book, later) == there
    assert refunds.of_book(book)[0].undone_reason == "AC04"


def test_a_report_about_another_file_is_refused(
    paid_twice: tuple[OpenBook, Bank, str], tmp_path: Path
) -> None:
    book, _, _ = paid_twice
    with pytest.raises(BadInput, match="no refund file of this book"):
        refund_files.take_status(book, report(tmp_path, "MW-RF-X", "A"), DAY)
    with pytest.raises(BadInput, match="nothing to pay back"):
        refund_files.create(book, "shop", DAY)


def void(book: OpenBook, case: str, fact_no: int, on: dt.date = DAY) -> None:
    from mahnwerk.usecases import facts as telling

    telling.add(book, case, "voided", on=on, voids=fact_no)


def test_a_voided_refund_does_not_leave_and_is_not_paid_twice(
    paid_twice: tuple[OpenBook, Bank, str],
) -> None:
    book, _, case = paid_twice
    there = credit(book)
    refunds.order(book, case, on=DAY)
    void(book, case, Refund.objects.get().fact_no)
    assert credit(book) == there
    second = refunds.order(book, case, reference="anew", on=DAY)
    file = refund_files.create(book, "shop", DAY)
    assert (file.refund_count, file.sum_cents) == (1, there)
    assert len(file.skipped) == 1 and "voided" in file.skipped[0]
    void(book, case, Refund.objects.get(end_to_end_id=second.end_to_end_id).fact_no)
    with pytest.raises(BadInput, match="the money may have left"):
        refunds.order(book, case, reference="third", on=DAY)


def test_one_in_no_file_can_be_cancelled(paid_twice: tuple[OpenBook, Bank, str]) -> None:
    book, _, case = paid_twice
    there = credit(book)
    made = refunds.order(book, case, on=DAY)
    assert refunds.cancel(book, made.end_to_end_id, DAY).state == "undone"
    assert credit(book) == there
    again = refunds.order(book, case, reference="anew", on=DAY)
    refund_files.create(book, "shop", DAY)
    for name in (made.end_to_end_id, again.end_to_end_id):
        with pytest.raises(BadInput, match="cannot be cancelled"):
            refunds.cancel(book, name, DAY)


def test_a_return_told_since_is_counted_at_the_order_and_at_the_file(tenant_id: int, tmp_path: Path) -> None:
    shop(tenant_id, CLAIM, {"invoice_number": "RE-26-0500", "amount_cents": 5000, "customer_number": "K-2"})
    book, bank = open_book(tenant_id, tmp_path), Bank(tmp_path)
    take_in(book, bank.statement(Line(8490, "RE-26-0411", day="2026-02-20"), day="2026-02-20"))
    debit = Line(8490, "RE-26-0411", day="2026-03-05", end_to_end="E-1", code="105")
    take_in(book, bank.statement(debit, day="2026-03-05"))
    case = refunds.credits(book, DAY)[0].case_reference
    refunds.order(book, case, "10,00", on=DAY)
    back = Line(-8490, "RE-26-0411", day="2026-03-12", end_to_end="E-1", reason="MS03")
    take_in(book, bank.statement(back, day="2026-03-12"))
    with pytest.raises(BadInput, match="there is no credit that could be paid back"):
        refunds.order(book, case, "20,00", on=DAY)
    with pytest.raises(BadInput, match="the credit is gone"):
        refund_files.create(book, "shop", DAY)


def test_a_payment_booked_on_the_wrong_case_does_not_say_where_the_credit_goes(
    paid_twice: tuple[OpenBook, Bank, str],
) -> None:
    book, bank, case = paid_twice
    stranger = Line(4000, "RE-26-0411", name="Fremde Firma", iban=OTHER_IBAN, day="2026-03-06")
    take_in(book, bank.statement(stranger, day="2026-03-06"))
    from mahnwerk.records.models import BankEntry
    from mahnwerk.usecases import bank_questions

    entry = BankEntry.objects.order_by("entry_no").last()
    assert entry is not None
    if entry.state != "booked":
        bank_questions.confirm(book, entry.entry_no, case=case)
        entry.refresh_from_db()
    assert entry.fact_no is not None
    void(book, case, entry.fact_no)
    assert refunds.order(book, case, on=DAY).iban == "DE75…6199"


def test_a_cent_of_a_stranger_does_not_draw_the_credit_to_his_account(
    paid_twice: tuple[OpenBook, Bank, str],
) -> None:
    book, bank, case = paid_twice
    stranger = Line(1, f"RE-26-0411 {case}", iban=OTHER_IBAN, day="2026-03-06")  # he took the debtor's name
    take_in(book, bank.statement(stranger, day="2026-03-06"))
    from mahnwerk.records.models import BankEntry
    from mahnwerk.usecases import bank_questions

    entry = BankEntry.objects.order_by("entry_no").last()
    assert entry is not None
    if entry.state != "booked":
        bank_questions.confirm(book, entry.entry_no, case=case)
    there = credit(book)
    assert refunds.order(book, case, f"{(there - 1) / 100:.2f}", on=DAY).iban == "DE75…6199"
    assert refunds.order(book, case, "0,01", on=DAY).iban == "DE02…5030", "his cent goes back to him"


def test_no_more_goes_back_to_an_account_than_came_from_it(
    paid_twice: tuple[OpenBook, Bank, str],
) -> None:
    book, bank, case = paid_twice
    other = Line(6000, f"RE-26-0411 {case}", name="Fremde Firma", iban=OTHER_IBAN, day="2026-03-06")
    take_in(book, bank.statement(other, day="2026-03-06"))
    from mahnwerk.records.models import BankEntry
    from mahnwerk.usecases import bank_questions

    entry = BankEntry.objects.order_by("entry_no").last()
    assert entry is not None
    if entry.state != "booked":
        bank_questions.confirm(book, entry.entry_no, case=case)
    assert refunds.order(book, case, "50,00", on=DAY).iban == "DE02…5030"
    assert refunds.order(book, case, "50,00", reference="2", on=DAY).iban == "DE75…6199"
    third = refunds.order(book, case, "10,00", reference="3", on=DAY)
    assert third.iban == "DE02…5030"


def test_a_credit_larger_than_what_any_account_sent_takes_two_people(tenant_id: int, tmp_path: Path) -> None:
    shop(tenant_id, {**CLAIM, "iban": ""})
    book, bank = open_book(tenant_id, tmp_path), Bank(tmp_path)
    lines = [
        Line(8490, "RE-26-0411", day="2026-02-20"),
        Line(8490, "RE-26-0411", iban=OTHER_IBAN, day="2026-02-20"),
        Line(8490, "RE-26-0411", iban="DE89370400440532013000", day="2026-02-20"),
    ]
    take_in(book, bank.statement(*lines, day="2026-02-20"))
    from mahnwerk.records.models import BankEntry
    from mahnwerk.usecases import bank_questions

    case = Case.objects.get(tenant_id=tenant_id).case_reference
    for entry in BankEntry.objects.exclude(state="booked"):
        bank_questions.confirm(book, entry.entry_no, case=case)
    with pytest.raises(BadInput, match="no account is known from which 169,"):
        refunds.order(book, case, on=DAY)
    assert refunds.order(book, case, iban=OTHER_IBAN, approved_by="ben", on=DAY).iban == "DE02…5030"


def test_a_refusal_of_what_the_statement_shows_changes_nothing_and_a_refused_file_is_not_given_again(
    paid_twice: tuple[OpenBook, Bank, str], tmp_path: Path
) -> None:
    book, bank, case = paid_twice
    there = credit(book)
    made = refunds.order(book, case, "10,00", on=DAY)
    file = refund_files.create(book, "shop", DAY)
    out = Line(-1000, f"Erstattung {case}", end_to_end=made.end_to_end_id, day="2026-03-11")
    take_in(book, bank.statement(out, day="2026-03-11"))
    taken = refund_files.take_status(book, report(tmp_path, file.message_id, made.end_to_end_id), DAY)
    assert (taken.refused, taken.executed) == (0, [made.end_to_end_id])
    assert credit(book) == there - 1000
    second = refunds.order(book, case, "20,00", on=DAY)
    file = refund_files.create(book, "shop", DAY)
    refund_files.take_status(book, report(tmp_path, file.message_id, second.end_to_end_id), DAY)
    with pytest.raises(BadInput, match="not handed out again"):
        refund_files.create(book, "shop", DAY)


def test_a_file_of_many_refunds_asks_for_all_keys_at_once(
    paid_twice: tuple[OpenBook, Bank, str], django_assert_max_num_queries: Any
) -> None:
    book, _, case = paid_twice
    for number in range(12):
        refunds.order(book, case, "1,00", reference=f"part {number}", on=DAY)
    for _ in ("a new file", "the same again"):
        with django_assert_max_num_queries(4, connection=connections["keys"]):
            file = refund_files.create(book, "shop", DAY)
        assert file.refund_count == 12
