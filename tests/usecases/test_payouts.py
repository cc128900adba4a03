"""Payouts on a real database: two sellers, returns, reserve; nothing is paid twice, nothing is lost."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from lxml import etree
from tests.records import worlds
from tests.records.worlds import claim_row

from mahnwerk.frames import FactKind, Role
from mahnwerk.records import facts
from mahnwerk.records import journal as records
from mahnwerk.records.models import Case, Claim, Mandate, Payout, PayoutItem, PayoutReturn
from mahnwerk.usecases import clock, journal, payout_returns, payouts
from mahnwerk.usecases.books import BookPlace
from mahnwerk.usecases.errors import BadInput, NotFound, UnsafeStart
from mahnwerk.usecases.opening import OpenBook

D = dt.date
NOW = dt.datetime(2026, 3, 20, 9, tzinfo=dt.UTC)
TERMS = """
creditor: {key}
valid_from: 2026-01-01
fees: {{principal_percent: "5", costs_percent: "100", per_payment_cents: 20, vat: true}}
reserve: {{percent: "10", days: 30}}
minimum_payout_cents: 100
pay_to: {{name: "{key} GmbH", iban: DE02120300000000202051}}
pay_from: {{name: Marktplatz AG, iban: DE02500105170137075030}}
"""


@pytest.fixture
def book(tenant_id: int, tmp_path: Path) -> OpenBook:
    return OpenBook(BookPlace("test", tmp_path, tmp_path / "outbox"), tenant_id, "test")


@pytest.fixture(autouse=True)
def _day() -> Any:
    with clock.use_clock(lambda: NOW):
        yield


def sellers(book: OpenBook, *keys: str) -> dict[str, list[int]]:
    """Each seller has three debtors who owe 100 euro each; cases by seller."""
    rows = []
    for key in keys:
        creditor_id = worlds.creditor(book.tenant_id, key)
        Mandate.objects.filter(creditor_id=creditor_id).update(role=Role.MARKETPLACE)
        rows += [
            claim_row(
                n,
                creditor_key=key,
                customer_number=f"{key}-{n}",
                invoice_number=f"{key}-{n}",
                amount_cents=10_000,
                due_on=D(2026, 6, 1),
            )
            for n in range(2, 5)
        ]
        worlds.import_rows(book.tenant_id, *rows[-3:])
    owner = dict(Claim.objects.values_list("case_id", "creditor__key"))
    return {key: sorted(case for case, own in owner.items() if own == key) for key in keys}


def pay(book: OpenBook, case_id: int, cents: int, on: dt.date, **more: Any) -> int:
    row = {
        "case_id": case_id,
        "kind": FactKind.PAYMENT_RECEIVED,
        "effective_on": on,
        "amount_cents": cents,
        **more,
    }
    return int(facts.append(book.tenant_id, [row], recorded_at=NOW)["fact_no"][0])


def with_terms(book: OpenBook, *keys: str) -> None:
    for key in keys:
        path = book.place.folder / f"{key}-terms.yaml"
        path.write_text(TERMS.format(key=key))
        assert payouts.add_terms(book, path)["outcome"] == "new"
        assert payouts.add_terms(book, path)["outcome"] == "same"


def assert_bank_is_owed_to_somebody(book: OpenBook) -> dict[str, int]:
    state = journal.balance(book)
    assert all(check["ok"] for check in state["checks"]), state["checks"]
    return {row["account"]: row["balance_cents"] for row in state["accounts"]}


def test_two_sellers_are_paid_once(book: OpenBook) -> None:
    cases = sellers(book, "alma", "bert")
    with_terms(book, "alma", "bert")
    pay(book, cases["alma"][0], 10_000, D(2026, 1, 10))
    pay(book, cases["alma"][1], 4_000, D(2026, 1, 12))
    pay(book, cases["bert"][0], 12_000, D(2026, 1, 10))
    dry = payouts.pay_out(book, D(2026, 3, 2), dry_run=True)
    assert (dry.rows, Payout.objects.count()) == ([], 0), "nothing is posted yet"
    journal.post(book, D(2026, 3, 2))
    dry = payouts.pay_out(book, D(2026, 3, 2), dry_run=True)
    assert [row.outcome for row in dry.rows] == ["would_pay", "would_pay"]
    report = payouts.pay_out(book, D(2026, 3, 2))
    alma, bert = report.rows
    # 5 % of 140.00 + 2 × 0.20 = 7.40; 19 % of it = 1.41; older than 30 days, so no reserve
    assert alma.settlement is not None and bert.settlement is not None
    assert (alma.settlement.fee_cents, alma.settlement.vat_cents) == (740, 141)
    assert alma.settlement.amount_cents == 14_000 - 740 - 141
    assert bert.settlement.amount_cents == 10_000 - 520 - 99, "what was paid too much is the debtor's"
    assert len(report.files) == 6 and not report.warnings
    again = payouts.pay_out(book, D(2026, 3, 2))
    assert [row.outcome for row in again.rows] == ["waits", "waits"]
    assert again.files == [] and Payout.objects.count() == 2
    found = assert_bank_is_owed_to_somebody(book)
    assert found["creditor_liability"] == 0
    assert found["debtor_credit"] == -2_000
    assert found["trust_bank"] == 26_000 - alma.settlement.amount_cents - bert.settlement.amount_cents


def test_what_a_seller_was_paid_himself_is_not_paid_again_and_its_fee_is_owed(book: OpenBook) -> None:
    cases = sellers(book, "alma")["alma"]
    with_terms(book, "alma")
    pay(book, cases[0], 10_000, D(2026, 2, 25), code="paid.creditor")
    pay(book, cases[1], 4_000, D(2026, 1, 12))
    (alma,) = payouts.pay_out(book, D(2026, 3, 2)).rows
    assert alma.settlement is not None
    # 5 % of 140.00 + 2 × 0.20 = 7.40; 19 % of it = 1.41; no reserve on what never was here
    fees = (alma.settlement.fee_cents, alma.settlement.vat_cents, alma.settlement.reserve_cents)
    assert fees == (740, 141, 0)
    assert (alma.settlement.collected_cents, alma.settlement.other_cents) == (14_000, -10_000)
    assert alma.settlement.amount_cents == 4_000 - 740 - 141
    found = assert_bank_is_owed_to_somebody(book)
    assert found["trust_bank"] == 740 + 141


def test_a_return_after_the_payout_comes_off_the_next_one(book: OpenBook) -> None:
    cases = sellers(book, "alma")["alma"]
    with_terms(book, "alma")
    number = pay(book, cases[0], 10_000, D(2026, 3, 1))
    first = payouts.pay_out(book, D(2026, 3, 2)).rows[0].settlement
    assert first is not None and (first.reserve_cents, first.fee_cents) == (1_000, 520)
    assert first.amount_cents == 10_000 - 520 - 99 - 1_000
    returned = {"kind": FactKind.PAYMENT_RETURNED, "effective_on": D(2026, 3, 9), "voids_fact_no": number}
    charge = {
        "kind": FactKind.COST_INCURRED,
        "effective_on": D(2026, 3, 9),
        "amount_cents": 300,
        "code": "costs.bank_return_charge",
    }
    rows = [{"case_id": cases[0], **returned}, {"case_id": cases[0], **charge}]
    facts.append(book.tenant_id, rows, recorded_at=NOW)
    waits = payouts.pay_out(book, D(2026, 3, 10)).rows[0]
    assert waits.outcome == "waits" and waits.liability_cents == 1_000 - 10_000 - 300
    pay(book, cases[1], 10_000, D(2026, 3, 10))
    pay(book, cases[2], 10_000, D(2026, 3, 10))
    later = payouts.pay_out(book, D(2026, 3, 11)).rows[0].settlement
    assert later is not None
    assert (later.opening_cents, later.principal_cents, later.other_cents) == (1_000, 10_000, -300)
    assert later.reserve_cents == 2_000, "of the two new payments; the returned one needs none"
    assert later.amount_cents == 1_000 + 10_000 - 300 - later.fee_cents - later.vat_cents - 2_000
    assert assert_bank_is_owed_to_somebody(book)["creditor_liability"] == -2_000


def test_files_say_what_the_record_says_and_come_back_with_the_same_bytes(book: OpenBook) -> None:
    cases = sellers(book, "alma")["alma"]
    with_terms(book, "alma")
    pay(book, cases[0], 10_000, D(2026, 1, 10))
    report = payouts.pay_out(book, D(2026, 3, 2))
    before = {path: Path(path).read_bytes() for path in report.files}
    for path in report.files:
        Path(path).unlink()
    assert payouts.pay_out(book, D(2026, 3, 2)).files == report.files
    assert {path: Path(path).read_bytes() for path in report.files} == before
    pdf, table, xml = (next(p for p in report.files if p.endswith(kind)) for kind in (".pdf", ".csv", ".xml"))
    amount = 10_000 - 520 - 99
    assert before[pdf].startswith(b"%PDF")
    assert f"paid_out;2026-03-02;;;PO-1-000001;{amount}" in before[table].decode("utf-8-sig")
    root = etree.fromstring(before[xml])
    assert [node.text for node in root.iter("{*}InstdAmt")] == [f"{amount / 100:.2f}"]
    assert [node.text for node in root.iter("{*}EndToEndId")] == ["PO-1-000001"]


def test_a_posting_cannot_be_paid_out_twice(as_owner: None, book: OpenBook) -> None:
    cases = sellers(book, "alma")["alma"]
    with_terms(book, "alma")
    pay(book, cases[0], 10_000, D(2026, 1, 10))
    payouts.pay_out(book, D(2026, 3, 2))
    payout, item = Payout.objects.get(), PayoutItem.objects.first()
    assert item is not None
    with pytest.raises(IntegrityError), transaction.atomic():
        PayoutItem.objects.create(tenant_id=book.tenant_id, payout_id=payout.id, posting_id=item.posting_id)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        Payout.objects.update(amount_cents=1)
    assert records.covered(book.tenant_id, payout.creditor_id).to_list() == [item.posting_id]


@pytest.mark.parametrize("what", ["reserve", "back"])
def test_money_that_no_open_posting_stands_for_is_paid_once_by_two_runs(
    book: OpenBook, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """One run has read the account; another pays before it records: what came free or came back goes once."""
    cases = sellers(book, "alma")["alma"]
    with_terms(book, "alma")
    pay(book, cases[0], 10_000, D(2026, 3, 1))
    first = payouts.pay_out(book, D(2026, 3, 2)).rows[0]
    later = D(2026, 3, 3) if what == "back" else D(2026, 4, 3)
    if what == "back":
        paid = Payout.objects.get(reference=first.reference)
        payout_returns.give_back(book, paid, PayoutReturn.Word.REFUSED, "AC04", later)
    read, runs = records.postings, []

    def read_and_be_overtaken(*given: Any, **wanted: Any) -> Any:
        rows = read(*given, **wanted)
        if wanted.get("accounts") == [payouts.LIABILITY] and not runs:
            runs.append(1)
            runs.append(payouts.pay_out(book, later))
        return rows

    monkeypatch.setattr(records, "postings", read_and_be_overtaken)
    with pytest.raises(UnsafeStart, match="another run paid"):
        payouts.pay_out(book, later)
    assert [row.outcome for row in runs[1].rows] == ["paid"]
    assert Payout.objects.count() == 2
    assert_bank_is_owed_to_somebody(book)


def test_without_terms_nothing_is_paid(book: OpenBook) -> None:
    cases = sellers(book, "alma", "bert")
    pay(book, cases["alma"][0], 10_000, D(2026, 1, 10))
    report = payouts.pay_out(book, D(2026, 3, 2))
    assert [(row.creditor, row.outcome) for row in report.rows] == [("alma", "no_terms")]
    assert report.rows[0].liability_cents == 10_000 and "no terms" in report.warnings[0]
    path = book.place.folder / "terms.yaml"
    path.write_text("creditor: alma\nvalid_from: 2026-01-01\n")
    payouts.add_terms(book, path)
    report = payouts.pay_out(book, D(2026, 3, 2), creditor="alma")
    assert report.rows[0].outcome == "paid" and "no transfer file" in report.warnings[0]
    assert [Path(file).suffix for file in report.files] == [".pdf", ".csv"]
    assert payouts.listing(book, "alma")[0]["amount_cents"] == 10_000


def test_own_money_is_not_paid_out(book: OpenBook) -> None:
    worlds.creditor(book.tenant_id)
    worlds.import_rows(book.tenant_id, claim_row(2))
    pay(book, Case.objects.get().id, 10_002, D(2026, 1, 10))
    assert payouts.pay_out(book, D(2026, 3, 2)).rows == []


def test_terms_that_cannot_be_used(book: OpenBook) -> None:
    sellers(book, "alma")
    path = book.place.folder / "terms.yaml"
    with pytest.raises(NotFound, match="cannot be read"):
        payouts.add_terms(book, path)
    path.write_text("creditor: nobody\nvalid_from: 2026-01-01\n")
    with pytest.raises(NotFound, match="Known: alma"):
        payouts.add_terms(book, path)
    path.write_text("creditor: alma\nvalid_from: 2026-01-01\nfees: {principal_percent: 5}\n")
    with pytest.raises(BadInput, match="in quotes"):
        payouts.add_terms(book, path)


def test_many_sellers_are_read_at_once(book: OpenBook) -> None:
    """What is asked of the big tables does not grow with the number of sellers."""

    def asked(*keys: str) -> int:
        for cases in sellers(book, *keys).values():
            pay(book, cases[0], 10_000, D(2026, 3, 1))
        with_terms(book, *keys)
        journal.post(book, D(2026, 3, 20))
        told: list[str] = []

        def listen(execute: Any, sql: str, *more: Any) -> Any:
            told.append(sql)
            return execute(sql, *more)

        with connection.execute_wrapper(listen):
            rows = payouts.pay_out(book, D(2026, 3, 20), dry_run=True).rows
        assert [row.outcome for row in rows if row.creditor in keys] == ["would_pay"] * len(keys)
        return sum("postings" in sql or "payout_items" in sql for sql in told)

    assert asked("a", "b") == asked("c", "d", "e", "f")


def test_files_of_a_payout_name_only_its_own_cases(book: OpenBook) -> None:
    mine = sellers(book, "a", "b")["a"]
    found = records.documents(book.tenant_id, mine[:2])
    assert sorted(found["case_id"]) == mine[:2]
    assert set(found.columns) == {"case_id", "case_reference", "case_no", "claim_no", "invoice_number"}
    assert set(found["invoice_number"]) <= {"a-2", "a-3", "a-4"}
