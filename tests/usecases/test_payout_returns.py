"""Payouts and refunds whose money comes back: owed again, once, and paid with the next payout."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from tests.usecases.bank_worlds import OTHER_IBAN, PAYER_IBAN, Bank, Line
from tests.usecases.test_payouts import (
    NOW,
    D,
    assert_bank_is_owed_to_somebody,
    book,
    pay,
    sellers,
    with_terms,
)

from mahnwerk.frames import FactKind
from mahnwerk.records import facts
from mahnwerk.records.models import BankEntry, Case, Fact, Payout, PayoutReturn
from mahnwerk.usecases import bank_import, clock, journal, payout_returns, payouts
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.opening import OpenBook

__all__ = ["book"]


@pytest.fixture(autouse=True)
def _day() -> object:
    with clock.use_clock(lambda: NOW):
        yield


def report(folder: Path, message_id: str, end_to_end: str = "", code: str = "AC04") -> Path:
    """A status report: the file refused, or one order of it."""
    order = (
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>P1</OrgnlPmtInfId><TxInfAndSts><OrgnlEndToEndId>{end_to_end}"
        f"</OrgnlEndToEndId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>{code}</Cd></Rsn></StsRsnInf></TxInfAndSts>"
        "</OrgnlPmtInfAndSts>"
    )
    whole = f"<GrpSts>RJCT</GrpSts><StsRsnInf><Rsn><Cd>{code}</Cd></Rsn></StsRsnInf>"
    path = folder / "status.xml"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10">'
        "<CstmrPmtStsRpt><GrpHdr><MsgId>S1</MsgId></GrpHdr><OrgnlGrpInfAndSts>"
        f"<OrgnlMsgId>{message_id}</OrgnlMsgId>{'' if end_to_end else whole}</OrgnlGrpInfAndSts>"
        f"{order if end_to_end else ''}</CstmrPmtStsRpt></Document>"
    )
    return path


def first_payout(book: OpenBook) -> Payout:
    cases = sellers(book, "alma")["alma"]
    with_terms(book, "alma")
    pay(book, cases[0], 10_000, D(2026, 1, 10))
    assert payouts.pay_out(book, D(2026, 3, 2)).rows[0].outcome == "paid"
    return Payout.objects.get()


@pytest.mark.parametrize("is_whole_file", [True, False])
def test_a_refused_payout_is_owed_again_and_paid_with_the_next(book: OpenBook, is_whole_file: bool) -> None:
    payout = first_payout(book)
    before = journal.balance(book)["accounts"]
    path = report(book.place.folder, payout.reference, "" if is_whole_file else payout.reference)
    taken = payout_returns.take_status(book, path, D(2026, 3, 3))
    assert (taken.refused, taken.known, taken.unknown) == ([payout.reference], [], [])
    again = payout_returns.take_status(book, path, D(2026, 3, 4))
    assert (again.refused, again.known) == ([], [payout.reference])
    assert PayoutReturn.objects.count() == 1
    found = assert_bank_is_owed_to_somebody(book)
    assert found["creditor_liability"] == -payout.amount_cents
    assert found["trust_bank"] == 10_000
    assert journal.balance(book, D(2026, 3, 2))["accounts"] == before, "what was posted stays"
    (row,) = payouts.listing(book)
    assert (row["state"], row["because"]) == ("refused", "AC04")
    (next_one,) = payouts.pay_out(book, D(2026, 3, 5)).rows
    assert next_one.settlement is not None
    assert (next_one.outcome, next_one.settlement.amount_cents) == ("paid", payout.amount_cents)
    assert next_one.settlement.opening_cents == payout.amount_cents
    assert payouts.pay_out(book, D(2026, 3, 5)).rows[0].outcome == "waits", "never paid twice"
    assert assert_bank_is_owed_to_somebody(book)["creditor_liability"] == 0


def test_the_order_of_a_refused_payout_is_not_written_again(book: OpenBook) -> None:
    payout = first_payout(book)
    order = book.place.outbox / "payouts" / f"{payout.reference}.xml"
    payout_returns.take_status(book, report(book.place.folder, payout.reference), D(2026, 3, 3))
    order.unlink()
    payouts.pay_out(book, D(2026, 3, 3))
    assert not order.exists()


def test_reports_about_others_and_broken_ones(book: OpenBook) -> None:
    first_payout(book)
    taken = payout_returns.take_status(book, report(book.place.folder, "PO-9-000009"))
    assert (taken.unknown, taken.refused) == (["PO-9-000009"], [])
    broken = book.place.folder / "broken.xml"
    broken.write_text("<a/>")
    with pytest.raises(BadInput, match=r"pain\.002"):
        payout_returns.take_status(book, broken)
    with pytest.raises(NotFound):
        payout_returns.take_status(book, book.place.folder / "none.xml")


def test_a_refusal_after_a_closed_period_is_posted_on_an_open_day(book: OpenBook) -> None:
    payout = first_payout(book)
    journal.close(book, D(2026, 3, 10))
    payout_returns.take_status(book, report(book.place.folder, payout.reference), D(2026, 3, 3))
    assert journal.balance(book, D(2026, 3, 10))["accounts"] != journal.balance(book)["accounts"]
    assert assert_bank_is_owed_to_somebody(book)["trust_bank"] == 10_000


def take_in(book: OpenBook, bank: Bank, *lines: Line, day: str) -> None:
    """A statement, and the journal of its day."""
    with_day = [Line(**{**vars(line), "day": day}) for line in lines]
    bank_import.import_files(book, [bank.statement(*with_day, day=day)], on=D.fromisoformat(day))
    journal.post(book, D.fromisoformat(day))
    found = assert_bank_is_owed_to_somebody(book)
    assert found["trust_bank"] == bank.balance


def with_bank(book: OpenBook) -> Bank:
    """The operator's trust account, on which a debtor paid 100 euro too much."""
    cases = sellers(book, "alma")["alma"]
    with_terms(book, "alma")
    bank_import.add_account(book, OTHER_IBAN)
    bank = Bank(book.place.folder, OTHER_IBAN)
    assert cases
    take_in(book, bank, Line(20_000, "alma-2"), day="2026-03-02")
    return bank


def test_a_payout_sent_back_on_the_statement(book: OpenBook) -> None:
    bank = with_bank(book)
    payouts.pay_out(book, D(2026, 3, 3))
    payout = Payout.objects.get()
    out = Line(-payout.amount_cents, payout.reference, "alma GmbH", end_to_end=payout.reference)
    take_in(book, bank, out, day="2026-03-04")
    assert payouts.listing(book)[0]["state"] == "executed"
    path = report(book.place.folder, payout.reference)
    assert payout_returns.take_status(book, path).executed == [payout.reference]
    assert not PayoutReturn.objects.exists(), "the bank carried it out, whatever the report says"
    back = Line(
        payout.amount_cents, "Konto erloschen", "alma GmbH", end_to_end=payout.reference, reason="AC04"
    )
    take_in(book, bank, back, day="2026-03-06")
    assert payouts.listing(book)[0]["state"] == "returned"
    found = assert_bank_is_owed_to_somebody(book)
    assert found.get("trust_in_transit", 0) == found.get("trust_suspense", 0) == 0
    # Once more the same money: nobody knows why, so it is a question.
    take_in(book, bank, back, day="2026-03-09")
    assert BankEntry.objects.filter(state="suspense", reason="own_payment_came_back").count() == 1
    (row,) = payouts.pay_out(book, D(2026, 3, 10)).rows
    assert row.settlement is not None and row.settlement.opening_cents >= payout.amount_cents
    assert Payout.objects.count() == 2


def test_a_refund_sent_back_on_the_statement(book: OpenBook) -> None:
    bank = with_bank(book)
    case = Case.objects.get(id=BankEntry.objects.get().case_id)
    refund = {
        "case_id": case.id,
        "kind": FactKind.REFUND_PAID,
        "effective_on": dt.date(2026, 3, 3),
        "amount_cents": 10_000,
    }
    facts.append(book.tenant_id, [refund], recorded_at=NOW)
    take_in(book, bank, Line(-10_000, "Erstattung alma-2", iban=PAYER_IBAN), day="2026-03-03")
    assert assert_bank_is_owed_to_somebody(book).get("trust_in_transit", 0) == 0
    take_in(book, bank, Line(10_000, "Retoure Erstattung alma-2", reason="AC01"), day="2026-03-05")
    found = assert_bank_is_owed_to_somebody(book)
    assert found["debtor_credit"] == -10_000, "the debtor's credit again"
    assert found.get("trust_in_transit", 0) == found.get("trust_suspense", 0) == 0
    assert Fact.objects.filter(kind=FactKind.VOIDED, code="refund_back").count() == 1
    take_in(book, bank, day="2026-03-06")
    assert Fact.objects.filter(kind=FactKind.VOIDED).count() == 1


@pytest.mark.parametrize("is_shown", [True, False])
def test_a_payout_from_before_the_first_statement_that_comes_back_after_it(
    book: OpenBook, is_shown: bool
) -> None:
    """Whether the transfer left with the opening balance or is in the statement: nothing is left over."""
    payout = first_payout(book)
    assert payout.on == D(2026, 3, 2)
    bank_import.add_account(book, OTHER_IBAN)
    bank = Bank(book.place.folder, OTHER_IBAN)
    take_in(book, bank, day="2026-03-03")
    opening = 10_000 - 100_000 - payout.amount_cents
    assert assert_bank_is_owed_to_somebody(book)["trust_opening_balance"] == opening
    if is_shown:
        opening += payout.amount_cents
        out = Line(-payout.amount_cents, payout.reference, "alma GmbH", end_to_end=payout.reference)
        take_in(book, bank, out, day="2026-03-04")
        assert assert_bank_is_owed_to_somebody(book)["trust_opening_balance"] == opening
    back = Line(
        payout.amount_cents, "Konto erloschen", "alma GmbH", end_to_end=payout.reference, reason="AC04"
    )
    take_in(book, bank, back, day="2026-03-06")
    take_in(book, bank, day="2026-03-07")
    assert payouts.listing(book)[0]["state"] == "returned"
    found = assert_bank_is_owed_to_somebody(book)
    assert found["trust_opening_balance"] == opening
    assert found.get("trust_in_transit", 0) == found.get("trust_suspense", 0) == 0
    assert found["creditor_liability"] == -payout.amount_cents, "owed again"
