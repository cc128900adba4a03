"""The books of a real database: posted once, corrected on the day of the run, closed for good."""

from __future__ import annotations

import csv
import datetime as dt
import io
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from tests.records import worlds
from tests.records.worlds import claim_row

from mahnwerk.frames import FactKind, Role
from mahnwerk.records import facts
from mahnwerk.records import journal as records
from mahnwerk.records.models import Case, ClosedPeriod, Mandate, Posting
from mahnwerk.usecases import clock, journal, journal_export
from mahnwerk.usecases.books import BookPlace
from mahnwerk.usecases.errors import BadInput, DayRefused, NotFound, UnsafeStart
from mahnwerk.usecases.opening import OpenBook

D = dt.date
NOW = dt.datetime(2026, 3, 20, 9, tzinfo=dt.UTC)


@pytest.fixture
def book(tenant_id: int, tmp_path: Path) -> OpenBook:
    return OpenBook(BookPlace("test", tmp_path, tmp_path / "outbox"), tenant_id, "test")


@pytest.fixture(autouse=True)
def _day() -> Any:
    with clock.use_clock(lambda: NOW):
        yield


def filled(book: OpenBook, *, role: Role = Role.OWN, count: int = 3) -> list[int]:
    creditor_id = worlds.creditor(book.tenant_id)
    if role is not Role.OWN:
        Mandate.objects.filter(creditor_id=creditor_id).update(role=role)
    rows = [claim_row(n, customer_number=f"K-{n}", amount_cents=10_000) for n in range(2, 2 + count)]
    worlds.import_rows(book.tenant_id, *rows)
    return sorted(Case.objects.values_list("id", flat=True))


def add(book: OpenBook, case_id: int, kind: FactKind, on: dt.date, **more: Any) -> int:
    row = {"case_id": case_id, "kind": kind, "effective_on": on, **more}
    return int(facts.append(book.tenant_id, [row], recorded_at=NOW)["fact_no"][0])


def accounts(book: OpenBook, on: dt.date | None = None) -> dict[str, int]:
    state = journal.balance(book, on)
    assert all(check["ok"] for check in state["checks"]), state["checks"]
    return {row["account"]: row["balance_cents"] for row in state["accounts"] if row["balance_cents"]}


def test_posted_once_then_only_what_is_new(book: OpenBook) -> None:
    first, second, _ = filled(book)
    assert journal.post(book, D(2026, 3, 2)).posting_count == 3
    assert journal.post(book, D(2026, 3, 2)).posting_count == 0
    paid = add(book, first, FactKind.PAYMENT_RECEIVED, D(2026, 1, 10), amount_cents=12_000)
    add(book, second, FactKind.PAYMENT_RECEIVED, D(2026, 1, 10), amount_cents=4_000)
    assert journal.post(book, D(2026, 3, 3), dry_run=True).posting_count == 5
    report = journal.post(book, D(2026, 3, 3))
    assert (report.posting_count, report.correction_count) == (5, 0)
    assert accounts(book) == {
        "receivable": 16_000,
        "claims_placed": -30_000,
        "bank": 16_000,
        "customer_credit": -2_000,
    }
    add(book, first, FactKind.PAYMENT_RETURNED, D(2026, 3, 4), voids_fact_no=paid)
    report = journal.post(book, D(2026, 3, 5))
    assert (report.posting_count, report.correction_count) == (3, 3)
    assert accounts(book) == {"receivable": 26_000, "claims_placed": -30_000, "bank": 4_000}
    assert accounts(book, D(2026, 3, 3))["bank"] == 16_000, "what was posted stays"
    by_case = {row["case_reference"]: row for row in journal.debtors(book)}
    assert [row["principal_cents"] for row in by_case.values()] == [10_000, 6_000, 10_000]
    assert set(Posting.objects.filter(is_reversal=True).values_list("posted_on", flat=True)) == {
        D(2026, 3, 5)
    }


def test_a_run_between_two_others_collides_instead_of_posting_twice(book: OpenBook) -> None:
    filled(book)
    journal.post(book, D(2026, 3, 2))
    again = records.postings(book.tenant_id).drop("id")
    with pytest.raises(records.JournalConflict):
        records.add(book.tenant_id, again)
    assert Posting.objects.count() == 3


def test_a_run_that_lost_the_race_says_so(book: OpenBook, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(book)
    seen = records.postings

    def before_the_other_run(*given: Any, **more: Any) -> Any:
        return seen(*given, **more).clear()

    journal.post(book, D(2026, 3, 2))
    monkeypatch.setattr(records, "postings", before_the_other_run)
    with pytest.raises(UnsafeStart, match="at the same time"):
        journal.post(book, D(2026, 3, 2))
    assert Posting.objects.count() == 3


def test_a_closed_period_stays_closed(book: OpenBook) -> None:
    first, *_ = filled(book)
    journal.post(book, D(2026, 3, 2))
    closed = journal.close(book, D(2026, 3, 10))
    assert closed["postings"] == 3
    assert records.content_hash(book.tenant_id, None, D(2026, 3, 10)) == (3, closed["content_hash"])
    add(book, first, FactKind.PAYMENT_RECEIVED, D(2026, 2, 1), amount_cents=10_000)
    with pytest.raises(DayRefused, match="closed until 2026-03-10"):
        journal.post(book, D(2026, 3, 10))
    late = records.postings(book.tenant_id).head(1).drop("id")
    with pytest.raises(records.JournalConflict, match="closed at the same time"):
        records.add(book.tenant_id, late)
    journal.post(book, D(2026, 3, 11))
    assert records.content_hash(book.tenant_id, None, D(2026, 3, 10)) == (3, closed["content_hash"])
    assert Posting.objects.filter(posted_on__lte=D(2026, 3, 10)).count() == 3
    for until, problem in ((D(2026, 3, 9), "already"), (D(2026, 3, 20), "not over")):
        with pytest.raises(BadInput, match=problem):
            journal.close(book, until)
    assert ClosedPeriod.objects.count() == 1


def test_days_that_cannot_be_meant_are_refused(book: OpenBook) -> None:
    filled(book)
    with pytest.raises(DayRefused, match="--confirm-day"):
        journal.post(book, D(2062, 3, 2))
    journal.post(book, D(2026, 3, 2))
    with pytest.raises(DayRefused, match="before the last posting"):
        journal.post(book, D(2026, 3, 1))


def test_postings_cannot_be_changed(as_owner: None, book: OpenBook) -> None:
    filled(book)
    journal.post(book, D(2026, 3, 2))
    for change in (
        lambda: Posting.objects.update(amount_cents=1),
        lambda: Posting.objects.all()._raw_delete("default"),
    ):
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            change()


def test_a_case_with_broken_data_keeps_what_was_posted(book: OpenBook) -> None:
    first, *_ = filled(book)
    journal.post(book, D(2026, 3, 2))
    add(book, first, FactKind.PAYMENT_RECEIVED, D(2026, 3, 1))  # no amount: poison
    report = journal.post(book, D(2026, 3, 3))
    assert (report.case_count, report.posting_count) == (3, 0)
    assert accounts(book)["receivable"] == 30_000


def test_trust_books(book: OpenBook) -> None:
    first, *_ = filled(book, role=Role.AGENCY)
    add(book, first, FactKind.PAYMENT_RECEIVED, D(2026, 1, 10), amount_cents=10_500)
    journal.post(book, D(2026, 3, 2))
    assert accounts(book) == {
        "managed_claims": 20_000,
        "managed_contra": -20_000,
        "trust_bank": 10_500,
        "creditor_liability": -10_000,
        "debtor_credit": -500,
    }
    told = journal_export.account_statement(book, creditor="shop", account="creditor_liability")
    assert [row["amount_cents"] for row in told["lines"]] == [10_000]
    assert told["closing"][0]["balance_cents"] == -10_000


def exported(file: journal_export.ExportedFile) -> list[list[str]]:
    text = Path(file.path).read_bytes().decode("cp1252")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))


def test_export_for_the_accountant(book: OpenBook, tmp_path: Path) -> None:
    first, *_ = filled(book)
    add(book, first, FactKind.PAYMENT_RECEIVED, D(2026, 1, 10), amount_cents=10_000)
    with pytest.raises(BadInput, match="no postings"):
        journal_export.export(book, format="datev", first_on=None, last_on=None, folder=None)
    with clock.use_clock(lambda: dt.datetime(2026, 1, 20, tzinfo=dt.UTC)):
        journal.post(book, D(2025, 12, 30))
        journal.post(book, D(2026, 1, 20))
    journal.close(book, D(2026, 1, 10))
    files = journal_export.export(book, format="datev", first_on=None, last_on=None, folder=None)
    assert [Path(file.path).name for file in files] == [
        "EXTF_Buchungsstapel_20250101_EUR_001.csv",
        "EXTF_Buchungsstapel_20260101_EUR_001.csv",
        "EXTF_Debitoren.csv",
    ]
    old, new, debtors = (exported(file) for file in files)
    assert (old[0][20], new[0][20]) == ("1", "0"), "the closed year is final"
    assert [row[0] for row in new[2:]] == ["100,00", "100,00"]
    assert [(row[6], row[7]) for row in new[2:]] == [("1200", "1360"), ("1360", "10001")]
    assert new[3][13] == "Ausgleich Hauptforderung R-2"
    assert len(debtors) == 5 and debtors[2][3:5] == ["Größler-Weiß", "Änne"]
    told = journal_export.export(
        book, format="csv", first_on=D(2026, 1, 1), last_on=None, folder=tmp_path / "csv"
    )
    assert told[0].rows == 2
    journal_export.copy_chart(book, "skr04")
    files = journal_export.export(book, format="datev", first_on=D(2026, 1, 1), last_on=None, folder=None)
    assert (exported(files[0])[0][26], exported(files[0])[2][6]) == ("04", "1800")


def test_words_that_mean_nothing_are_refused(book: OpenBook) -> None:
    filled(book)
    with pytest.raises(BadInput, match="datev, csv"):
        journal_export.export(book, format="pdf", first_on=None, last_on=None, folder=None)
    with pytest.raises(BadInput, match="trust_bank"):
        journal_export.account_statement(book, account="till")
    with pytest.raises(NotFound, match="Known: shop"):
        journal_export.account_statement(book, creditor="nobody")
    with pytest.raises(BadInput, match="account, creditor or debtor"):
        journal.check_word("day")
    (book.place.folder / "chart.yaml").write_text("title: own\n")
    with pytest.raises(BadInput, match="skr: missing"):
        journal_export.chart_of(book)
