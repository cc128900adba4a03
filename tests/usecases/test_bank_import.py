"""Bank files in: once, whole, by their own creditor, and what is certain is booked."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path

import pytest
from tests.records import worlds
from tests.usecases.bank_worlds import (
    OTHER_IBAN,
    PAYER_IBAN,
    SHOP_IBAN,
    Bank,
    Line,
    facts,
    open_book,
    shop,
    take_in,
)

from mahnwerk.records import bank as bank_records
from mahnwerk.records import crypto
from mahnwerk.records.models import (
    BankAccount,
    BankEntry,
    BankStatement,
    Claim,
    Designation,
    Fact,
    Feed,
    KnownPayer,
    MatchProposal,
)
from mahnwerk.usecases import bank_import, bank_matching, bank_questions, books
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.opening import OpenBook

CLAIM = {"invoice_number": "RE-26-0411", "amount_cents": 8490}
SECOND = {"invoice_number": "RE-26-0440", "amount_cents": 3950}


def test_a_payment_that_names_its_invoice_is_booked_with_its_value_date(
    tenant_id: int, tmp_path: Path
) -> None:
    shop(tenant_id, CLAIM, SECOND)
    book, bank = open_book(tenant_id, tmp_path), Bank(tmp_path)
    report = take_in(book, bank.statement(Line(8490, "Rechnung RE-26-0411", day="2026-02-27")))
    assert (report.matched.booked, report.needs_person) == (1, False)
    paid = Fact.objects.get(tenant_id=tenant_id, kind=200)
    assert (paid.amount_cents, paid.effective_on) == (8490, dt.date(2026, 2, 27))
    assert Designation.objects.get(fact_no=paid.fact_no).claim.invoice_number == "RE-26-0411"
    entry = BankEntry.objects.get(tenant_id=tenant_id)
    assert (entry.state, entry.case_id, entry.fact_no) == ("booked", paid.case_id, paid.fact_no)
    assert KnownPayer.objects.filter(payer_id=entry.payer_id, case_id=paid.case_id).count() == 1


def test_the_same_file_twice_adds_nothing(tenant_id: int, tmp_path: Path) -> None:
    shop(tenant_id, CLAIM)
    book, bank = open_book(tenant_id, tmp_path), Bank(tmp_path)
    file = bank.statement(Line(8490, "RE-26-0411"), Line(-500, "Miete", iban=OTHER_IBAN))
    take_in(book, file)
    before = facts(tenant_id), BankEntry.objects.count()
    again = take_in(book, file)
    assert again.files[0].is_repeat and (again.files[0].new, again.matched.booked) == (0, 0)
    assert (facts(tenant_id), BankEntry.objects.count()) == before


def test_true_twins_stay_two_and_an_overlapping_file_adds_only_what_is_new(
    tenant_id: int, tmp_path: Path
) -> None:
    shop(tenant_id, CLAIM)
    book = open_book(tenant_id, tmp_path)
    first = Bank(tmp_path).statement(Line(1000, "Spende"), Line(1000, "Spende"))
    folder = tmp_path / "longer"
    folder.mkdir()
    longer = Bank(folder).statement(
        Line(1000, "Spende"), Line(1000, "Spende"), Line(1000, "Spende"), Line(70, "neu")
    )
    take_in(book, first)
    assert BankEntry.objects.count() == 2
    report = take_in(book, longer)
    assert (report.files[0].known, report.files[0].new) == (2, 2)
    assert BankEntry.objects.count() == 4


def test_twins_of_one_day_in_two_statements_that_join_stay_two(tenant_id: int, tmp_path: Path) -> None:
    shop(tenant_id, CLAIM)
    bank = Bank(tmp_path)
    one, two = bank.statement(Line(1000, "Spende")), bank.statement(Line(1000, "Spende"))
    for number, order in enumerate(itertools.permutations((one, two, one, two))):
        if number % 7:
            continue
        book = open_book(tenant_id, tmp_path)
        for file in order:
            take_in(book, file)
        assert BankEntry.objects.count() == 2


def test_files_out_of_order_give_the_same_book_and_no_gap(tenant_id: int, tmp_path: Path) -> None:
    shop(tenant_id, CLAIM, SECOND)
    book, bank = open_book(tenant_id, tmp_path), Bank(tmp_path)
    files = [
        bank.statement(Line(8490, "RE-26-0411", day="2026-03-02"), day="2026-03-02"),
        bank.statement(Line(5, "x", "Fremd", OTHER_IBAN, day="2026-03-03"), day="2026-03-03"),
        bank.statement(Line(3950, "RE-26-0440", day="2026-03-04"), day="2026-03-04"),
    ]
    assert take_in(book, files[2]).gaps == []
    report = take_in(book, files[0])
    assert [gap["difference_cents"] for gap in report.gaps] == [5]
    assert report.gaps[0]["iban"] == f"{SHOP_IBAN[:4]}…{SHOP_IBAN[-4:]}"
    assert take_in(book, files[1]).gaps == []
    assert sorted(facts(tenant_id)) == [("PAYMENT_RECEIVED", 3950), ("PAYMENT_RECEIVED", 8490)]


def test_a_look_before_the_import_counts_what_is_new_and_records_nothing(
    tenant_id: int, tmp_path: Path
) -> None:
    shop(tenant_id, CLAIM, SECOND)
    book, bank = open_book(tenant_id, tmp_path), Bank(tmp_path)
    first = bank.statement(Line(8490, "RE-26-0411"), Line(700, "Miete", "Fremd", OTHER_IBAN))
    second = bank.statement(Line(3950, "RE-26-0440", day="2026-03-04"), day="2026-03-04")

    def looked(*files: Path) -> list[tuple[int, int]]:
        return [(one.new, one.known) for one in bank_import.preview(book, files)]

    assert looked(first, second, first) == [(2, 0), (1, 0), (0, 2)]
    assert not BankAccount.objects.exists() and not BankStatement.objects.exists()
    take_in(book, first)
    assert looked(first, second) == [(0, 2), (1, 0)]
    assert BankEntry.objects.count() == 2
    second.write_text(second.read_text().replace("39.50", "39.51"))
    with pytest.raises(BadInput, match="closing balance"):
        bank_import.preview(book, [second])
    elsewhere = Bank(tmp_path, iban=OTHER_IBAN).statement(Line(8490, "RE-26-0411"))
    with pytest.raises(BadInput, match="belongs to no creditor"):
        bank_import.preview(book, [elsewhere])


def test_balances_that_do_not_add_up_refuse_the_whole_import(tenant_id: int, tmp_path: Path) -> None:
    shop(tenant_id, CLAIM)
    book, bank = open_book(tenant_id, tmp_path), Bank(tmp_path)
    good, bad = bank.statement(Line(8490, "RE-26-0411")), bank.statement(Line(100, "x"))
    bad.write_text(bad.read_text().replace("1.00", "2.00", 1))
    with pytest.raises(BadInput, match="difference"):
        take_in(book, good, bad)
    assert not BankStatement.objects.exists() and not facts(tenant_id)


def test_an_account_of_nobody_or_of_another_creditor_is_refused(tenant_id: int, tmp_path: Path) -> None:
    shop(tenant_id, CLAIM)
    worlds.creditor(tenant_id, "garage", iban=OTHER_IBAN)
    book = open_book(tenant_id, tmp_path)
    foreign = Bank(tmp_path, iban=PAYER_IBAN).statement(Line(8490, "RE-26-0411"))
    with pytest.raises(BadInput, match="belongs to no creditor"):
        take_in(book, foreign)
    garage = Bank(tmp_path, iban=OTHER_IBAN).statement(Line(8490, "RE-26-0411"))
    with pytest.raises(BadInput, match="not one of creditor 'shop'"):
        take_in(book, garage, creditor="shop")
    assert take_in(book, garage).matched.booked == 0, "a claim of another creditor is never paid by it"


def test_the_bank_speaks_and_the_feed_is_fresh(tenant_id: int, tmp_path: Path) -> None:
    creditor_id = shop(tenant_id, CLAIM)
    for name in ("Bank", "returns"):
        Feed.objects.create(
            tenant_id=tenant_id, creditor_id=creditor_id, name=name, checked_on=dt.date(2026, 1, 1),
            max_age_days=5,
        )  # fmt: skip
    take_in(open_book(tenant_id, tmp_path), Bank(tmp_path).statement(day="2026-03-05"))
    days = dict(Feed.objects.values_list("name", "checked_on"))
    assert days == {"Bank": dt.date(2026, 3, 5), "returns": dt.date(2026, 1, 1)}


def test_several_invoices_in_one_payment_are_one_fact_with_designations(
    tenant_id: int, tmp_path: Path
) -> None:
    shop(tenant_id, CLAIM, SECOND)
    book = open_book(tenant_id, tmp_path)
    take_in(book, Bank(tmp_path).statement(Line(12440, "RE-26-0411 und RE-26-0440")))
    assert facts(tenant_id) == [("PAYMENT_RECEIVED", 12440)]
    assert Designation.objects.count() == 2


def test_a_discount_in_time_is_booked_and_one_too_late_is_a_part_payment(
    tenant_id: int, tmp_path: Path
) -> None:
    terms = {"discount_cents": 200, "discount_until": dt.date(2026, 3, 2)}
    shop(tenant_id, CLAIM | terms, SECOND | terms)
    book, bank = open_book(tenant_id, tmp_path), Bank(tmp_path)
    take_in(book, bank.statement(Line(8290, "RE-26-0411", day="2026-03-02")))
    assert facts(tenant_id) == [("PAYMENT_RECEIVED", 8290)], "the discount follows from the payment"
    assert credited(tenant_id) == 200
    take_in(book, bank.statement(Line(3750, "RE-26-0440", day="2026-03-03"), day="2026-03-03"))
    assert facts(tenant_id) == [("PAYMENT_RECEIVED", 8290), ("PAYMENT_RECEIVED", 3750)]
    assert credited(tenant_id) == 200


def credited(tenant_id: int) -> int:
    """Cents that discounts and the like lowered all claims by, as of 31 March."""
    from mahnwerk.records import load
    from mahnwerk.usecases.cases import decided

    on = dt.date(2026, 3, 31)
    book = OpenBook(books.place("test"), tenant_id, "test")
    return int(decided(book, on, load.book(tenant_id, on=on)).plan.balances["credited_cents"].sum())


def test_a_discount_goes_when_its_payment_is_returned(tenant_id: int, tmp_path: Path) -> None:
    terms = {"discount_cents": 200, "discount_until": dt.date(2026, 3, 2)}
    shop(tenant_id, CLAIM | terms, SECOND)
    book, bank = open_book(tenant_id, tmp_path), Bank(tmp_path)
    take_in(book, bank.statement(Line(8290, "RE-26-0411", end_to_end="E-1")))
    assert credited(tenant_id) == 200
    back = Line(-8290, "Rückgabe", end_to_end="E-1", reason="AM04", day="2026-03-16")
    assert take_in(book, bank.statement(back, day="2026-03-16")).matched.returned == 1
    assert facts(tenant_id) == [("PAYMENT_RECEIVED", 8290), ("PAYMENT_RETURNED", 8290)]
    assert credited(tenant_id) == 0


def test_a_recorded_discount_is_undone_with_the_payment_it_came_with(tenant_id: int, tmp_path: Path) -> None:
    terms = {"discount_cents": 200, "discount_until": dt.date(2026, 3, 6), "due_on": dt.date(2026, 4, 1)}
    shop(tenant_id, CLAIM | terms, SECOND)
    book, bank = open_book(tenant_id, tmp_path), Bank(tmp_path)
    take_in(book, bank.statement(Line(4000, "RE-26-0411 Anzahlung")))
    rest = Line(4290, "RE-26-0411 Rest", end_to_end="E-2", day="2026-03-05")
    take_in(book, bank.statement(rest, day="2026-03-05"))
    told = [("PAYMENT_RECEIVED", 4000), ("PAYMENT_RECEIVED", 4290), ("EARLY_PAYMENT_DISCOUNT", 200)]
    assert facts(tenant_id) == told
    back = Line(-4290, "Rückgabe", end_to_end="E-2", reason="AM04", day="2026-03-16")
    take_in(book, bank.statement(back, day="2026-03-16"))
    assert facts(tenant_id) == [*told, ("PAYMENT_RETURNED", 4290), ("VOIDED", None)]
    assert credited(tenant_id) == 0


def test_money_of_another_currency_waits(tenant_id: int, tmp_path: Path) -> None:
    shop(tenant_id, CLAIM)
    book, bank = open_book(tenant_id, tmp_path), Bank(tmp_path)
    file = bank.statement(Line(8490, "RE-26-0411"))
    text = file.read_text().replace("'EUR'", "'CHF'").replace("<Ccy>EUR", "<Ccy>CHF")
    file.write_text(text)
    assert take_in(book, file).matched.suspense == 1
    (question,) = bank_questions.suspense(book)
    assert (question.reason, list(question.invoices)) == ("other_currency", [])
    assert facts(tenant_id) == [("HOLD_SET", None)], "who may have paid is not dunned"
    with pytest.raises(BadInput, match="another currency"):
        bank_questions.confirm(book, 1, invoices=["RE-26-0411"])


def test_an_open_question_holds_the_debtor_until_it_is_answered(tenant_id: int, tmp_path: Path) -> None:
    shop(tenant_id, CLAIM)
    book = open_book(tenant_id, tmp_path)
    report = take_in(book, Bank(tmp_path).statement(Line(8490, "Danke!")))
    assert report.matched.proposed == 1
    assert facts(tenant_id) == [("HOLD_SET", None)]
    assert Fact.objects.get(tenant_id=tenant_id, kind=400).code == "unmatched_credit"
    question = bank_questions.suspense(book, dt.date(2026, 3, 10))[0]
    assert (question.age_days, question.is_overdue, question.invoices) == (8, True, ["RE-26-0411"])
    answered = bank_questions.confirm(book, question.entry)
    assert (answered.state, answered.invoices) == ("booked", ["RE-26-0411"])
    assert [kind for kind, _ in facts(tenant_id)] == ["HOLD_SET", "PAYMENT_RECEIVED", "VOIDED"]
    assert KnownPayer.objects.get().is_confirmed and not MatchProposal.objects.exists()
    with pytest.raises(BadInput, match="is booked"):
        bank_questions.confirm(book, question.entry)


def test_what_a_person_rejects_is_not_proposed_again(tenant_id: int, tmp_path: Path) -> None:
    shop(tenant_id, CLAIM)
    book = open_book(tenant_id, tmp_path)
    take_in(book, Bank(tmp_path).statement(Line(8490, "Danke!", name="Fremd", iban=OTHER_IBAN)))
    assert bank_questions.reject(book, 1).state == "suspense"
    assert bank_matching.match_open(book).suspense == 1
    assert [kind for kind, _ in facts(tenant_id)] == ["HOLD_SET", "VOIDED"]
    assert bank_questions.ignore(book, 1).state == "ignored"
    with pytest.raises(NotFound):
        bank_questions.reject(book, 99)


def test_a_payment_before_its_claim_waits_for_it(tenant_id: int, tmp_path: Path) -> None:
    shop(tenant_id)
    book = open_book(tenant_id, tmp_path)
    assert take_in(book, Bank(tmp_path).statement(Line(8490, "RE-26-0411"))).matched.suspense == 1
    worlds.import_rows(tenant_id, worlds.claim_row(1, **CLAIM))
    assert bank_matching.match_open(book).booked == 1


def test_a_claim_paid_twice_becomes_a_credit_not_income(tenant_id: int, tmp_path: Path) -> None:
    shop(tenant_id, CLAIM)
    book, bank = open_book(tenant_id, tmp_path), Bank(tmp_path)
    take_in(book, bank.statement(Line(8490, "RE-26-0411", day="2026-03-02")))
    take_in(book, bank.statement(Line(8490, "RE-26-0411", day="2026-03-05"), day="2026-03-05"))
    assert facts(tenant_id) == [("PAYMENT_RECEIVED", 8490)] * 2
    from mahnwerk.records import load
    from mahnwerk.usecases.cases import decided

    on = dt.date(2026, 3, 10)
    balances = decided(book, on, load.book(tenant_id, on=on)).plan.balances
    assert balances.select("open_cents", "surplus_cents").row(0)[0] == 0
    assert balances["surplus_cents"][0] > 8000


def test_a_returned_debit_voids_the_payment_and_costs_what_the_bank_took(
    tenant_id: int, tmp_path: Path
) -> None:
    shop(tenant_id, CLAIM, SECOND)
    book, bank = open_book(tenant_id, tmp_path), Bank(tmp_path)
    take_in(book, bank.statement(Line(8490, "RE-26-0411", end_to_end="E2E-1", code="171")))
    back = Line(-8810, "RETOURE RE-26-0411", end_to_end="E2E-1", reason="AM04", charges=320, day="2026-03-20")
    report = take_in(book, bank.statement(back, day="2026-03-20"))
    assert (report.matched.returned, report.matched.booked) == (1, 0)
    assert facts(tenant_id) == [
        ("PAYMENT_RECEIVED", 8490),
        ("PAYMENT_RETURNED", 8490),
        ("COST_INCURRED", 320),
    ]
    returned = Fact.objects.get(tenant_id=tenant_id, kind=201)
    paid = Fact.objects.get(tenant_id=tenant_id, kind=200)
    assert (returned.voids_fact_no, returned.code) == (paid.fact_no, "return.am04")
    cost = Fact.objects.get(tenant_id=tenant_id, kind=500)
    assert cost.code == "costs.bank_return_charge"
    assert Claim.objects.get(id=cost.claim_id).invoice_number == "RE-26-0411"


@pytest.mark.parametrize(("reason", "kinds"), [("MD01", 2), ("MS03", 3)])
def test_a_return_by_the_creditors_own_fault_costs_the_debtor_nothing(
    tenant_id: int, tmp_path: Path, reason: str, kinds: int
) -> None:
    shop(tenant_id, CLAIM)
    book, bank = open_book(tenant_id, tmp_path), Bank(tmp_path)
    take_in(book, bank.statement(Line(8490, "RE-26-0411", end_to_end="E2E-1", code="171")))
    take_in(book, bank.statement(Line(-8810, "x", end_to_end="E2E-1", reason=reason, charges=320)))
    assert len(facts(tenant_id)) == kinds


def test_a_return_of_nothing_we_know_waits(tenant_id: int, tmp_path: Path) -> None:
    shop(tenant_id, CLAIM)
    book = open_book(tenant_id, tmp_path)
    report = take_in(book, Bank(tmp_path).statement(Line(-8490, "x", end_to_end="nie", reason="AC04")))
    assert report.matched.suspense == 1
    assert BankEntry.objects.get().reason == "return_without_payment"


def test_what_a_payer_wrote_is_not_in_the_database(tenant_id: int, tmp_path: Path) -> None:
    shop(tenant_id, CLAIM)
    take_in(open_book(tenant_id, tmp_path), Bank(tmp_path).statement(Line(1, "Geheimnis", name="Canary")))
    stored = b"".join(
        bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
        for row in BankEntry.objects.values_list()
        for value in row
    )
    assert b"Geheimnis" not in stored and b"Canary" not in stored and PAYER_IBAN.encode() not in stored


def test_a_payment_on_an_insolvent_case_is_booked_and_changes_no_status(
    tenant_id: int, tmp_path: Path
) -> None:
    from mahnwerk.records import facts as fact_records
    from mahnwerk.records import load
    from mahnwerk.usecases.cases import decided

    shop(tenant_id, CLAIM, SECOND)
    book, bank = open_book(tenant_id, tmp_path), Bank(tmp_path)
    case_id = load.book(tenant_id).cases["case_id"][0]
    opened = {"case_id": case_id, "kind": 430, "effective_on": dt.date(2026, 2, 20)}
    fact_records.append(tenant_id, [opened], recorded_at=worlds.NOW)
    assert take_in(book, bank.statement(Line(8490, "RE-26-0411"))).matched.booked == 1
    on = dt.date(2026, 3, 10)
    assert decided(book, on, load.book(tenant_id, on=on)).plan.held["reason"].to_list() == ["insolvency"]


def test_the_banks_own_correction_takes_the_payment_back_without_a_charge(
    tenant_id: int, tmp_path: Path
) -> None:
    shop(tenant_id, CLAIM)
    book, bank = open_book(tenant_id, tmp_path), Bank(tmp_path)
    take_in(book, bank.statement(Line(8490, "RE-26-0411", end_to_end="E-9")))
    file = bank.statement(Line(-8490, "STORNO", end_to_end="E-9"))
    file.write_text(file.read_text().replace("<Sts>BOOK", "<RvslInd>true</RvslInd><Sts>BOOK"))
    assert take_in(book, file).matched.returned == 1
    assert facts(tenant_id) == [("PAYMENT_RECEIVED", 8490), ("PAYMENT_RETURNED", 8490)]


def test_an_open_question_is_the_reason_to_hold(tenant_id: int, tmp_path: Path) -> None:
    from mahnwerk.records import load
    from mahnwerk.usecases.cases import decided

    shop(tenant_id, CLAIM)
    book = open_book(tenant_id, tmp_path)
    take_in(book, Bank(tmp_path).statement(Line(8490, "Danke!")))
    on = dt.date(2026, 3, 10)
    held = decided(book, on, load.book(tenant_id, on=on)).plan.held
    assert held["reason"].to_list() == ["unmatched_credit"]


def test_nothing_unseen_hides_in_what_the_bank_tells(tenant_id: int, tmp_path: Path) -> None:
    shop(tenant_id, CLAIM)
    book, bank = open_book(tenant_id, tmp_path), Bank(tmp_path)
    take_in(book, bank.statement(Line(8490, "RE-26-\u200b0411", name="\u202eregrebneztoH\u009b")))
    entry = BankEntry.objects.get(tenant_id=tenant_id)
    told = bank_records.texts(tenant_id, entry, crypto.person_keys(tenant_id, [entry.payer_id]))
    assert (told["name"], told["remittance"]) == ("regrebneztoH ", "RE-26-0411")
    assert entry.state == "booked"


def test_the_iban_of_an_account_opens_in_no_other_row(tenant_id: int) -> None:
    at = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    ids = [bank_records.ensure_account(tenant_id, iban, None, at=at) for iban in (SHOP_IBAN, OTHER_IBAN)]
    one, other = (BankAccount.objects.get(id=account_id) for account_id in ids)
    assert bank_records.iban_of(tenant_id, one) == SHOP_IBAN
    one.iban_payload, one.iban_token = other.iban_payload, other.iban_token
    with pytest.raises(crypto.KeyMissing, match="moved"):
        bank_records.iban_of(tenant_id, one)
    key = crypto.tenant_key(tenant_id, "file")
    other.iban_payload = crypto.encrypt(key, OTHER_IBAN.encode(), f"account|{tenant_id}".encode())
    assert bank_records.iban_of(tenant_id, other) == OTHER_IBAN  # as it was bound before
    other.iban_token = bank_records.account_token(tenant_id, SHOP_IBAN)
    with pytest.raises(crypto.KeyMissing):
        bank_records.iban_of(tenant_id, other)
