"""Many bank entries at once: the same book as one by one, with a number of queries that does not grow."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.usecases.bank_worlds import OTHER_IBAN, Bank, Line, facts, open_book, shop, take_in

from mahnwerk.records.models import BankEntry, Claim, EntryState, Fact, KnownPayer, MatchProposal
from mahnwerk.usecases import bank_asking, bank_booking, bank_matching
from mahnwerk.usecases.opening import OpenBook

TERMS = {"discount_cents": 200, "discount_until": dt.date(2026, 3, 6), "due_on": dt.date(2026, 4, 1)}


def invoices(count: int) -> list[dict[str, object]]:
    """Claims with a sum of their own each."""
    return [{"invoice_number": f"RE-26-{n:04}", "amount_cents": 5000 + 17 * n} for n in range(1, count + 1)]


def payment(n: int, text: str) -> Line:
    """A transfer that pays invoice n in full, by an account of its own."""
    return Line(5000 + 17 * n, text, f"Zahler {n}", f"DE{n:020}")


def world(tenant_id: int, folder: Path) -> tuple[OpenBook, Path]:
    """A dozen claims of one debtor, and a statement with what may happen to them."""
    rows = invoices(12)
    rows[3] = rows[3] | TERMS
    rows[4] = rows[4] | TERMS
    shop(tenant_id, *rows)
    lines = [payment(n, f"Rechnung RE-26-{n:04}") for n in (1, 2, 3)]
    lines += [Line(3000, "RE-26-0004 Anzahlung", "Vier"), Line(5000 + 68 - 3200, "RE-26-0004 Rest", "Vier")]
    lines += [Line(5000 + 85 - 200, "RE-26-0005", "Vier")]
    lines += [payment(6, "Danke"), payment(7, "Danke"), Line(11, "was?", "Fremd", OTHER_IBAN)]
    lines += [payment(n, f"RE-26-{n:04}") for n in (8, 9, 10)]
    lines += [payment(10, "RE-26-0010 noch einmal")]
    return open_book(tenant_id, folder), Bank(folder).statement(*lines)


def told(tenant_id: int) -> list[object]:
    """All that the import of `world` leaves, without ids."""
    numbers = dict(Claim.objects.values_list("id", "invoice_number"))
    entries = BankEntry.objects.filter(tenant_id=tenant_id).order_by("entry_no")
    proposals = [
        (row.entry.entry_no, [numbers[i] for i in row.claim_ids], row.reasons)
        for row in MatchProposal.objects.filter(tenant_id=tenant_id)
        .select_related("entry")
        .order_by("entry__entry_no")
    ]
    states = [(e.entry_no, e.state, e.reason, bool(e.fact_no), e.hold_case_id is None) for e in entries]
    return [
        sorted(map(str, facts(tenant_id))),
        proposals,
        states,
        KnownPayer.objects.filter(tenant_id=tenant_id).count(),
    ]


def test_some_hundred_at_once_leave_what_one_by_one_leaves(
    tenant_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, file = world(tenant_id, tmp_path)
    take_in(book, file)
    at_once = told(tenant_id)
    assert {state for _, state, *_ in at_once[2]} == {"booked", "proposed", "suspense"}  # type: ignore[misc]
    from mahnwerk.records.book import ensure_tenant
    from mahnwerk.records.tenancy import set_tenant

    other = ensure_tenant("one by one")
    set_tenant(other)
    monkeypatch.setattr(bank_booking, "AT_ONCE", 1)
    monkeypatch.setattr(bank_asking, "AT_ONCE", 1)
    (tmp_path / "other").mkdir()
    take_in(*world(other, tmp_path / "other"))
    set_tenant(other)
    assert told(other) == at_once


def queries_of(tenant_id: int, folder: Path, count: int) -> int:
    """How many queries an import of so many certain and so many doubtful payments asks."""
    shop(tenant_id, *invoices(2 * count))
    lines = [payment(n, f"RE-26-{n:04}") for n in range(1, count + 1)]
    lines += [payment(n, "Danke") for n in range(count + 1, 2 * count + 1)]
    with CaptureQueriesContext(connection) as asked:
        matched = take_in(open_book(tenant_id, folder), Bank(folder).statement(*lines)).matched
    assert (matched.booked, matched.proposed) == (count, count)
    return len(asked)


def test_the_number_of_queries_does_not_grow_with_the_entries(tenant_id: int, tmp_path: Path) -> None:
    from mahnwerk.records.book import ensure_tenant

    few = queries_of(tenant_id, tmp_path, 3)
    (tmp_path / "many").mkdir()
    many = queries_of(ensure_tenant("many"), tmp_path / "many", 40)
    assert many <= few + 5


def test_a_question_that_is_asked_already_is_not_written_again(tenant_id: int, tmp_path: Path) -> None:
    book, file = world(tenant_id, tmp_path)
    take_in(book, file)
    # The second payment of an invoice is looked at anew once the first is in the book.
    bank_matching.match_open(book, on=dt.date(2026, 3, 10))
    proposals = MatchProposal.objects.order_by("id").values_list("id", "recorded_at")
    before = list(proposals), facts(tenant_id)
    bank_matching.match_open(book, on=dt.date(2026, 3, 10))
    assert (list(proposals.all()), facts(tenant_id)) == before


def test_an_entry_that_somebody_else_cleared_takes_only_its_own_booking_along(
    tenant_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, file = world(tenant_id, tmp_path)
    book_payments, refused = bank_booking.book_payments, []

    def after_another(book: OpenBook, bookings: list[bank_booking.Booking]) -> list[bool]:
        BankEntry.objects.filter(tenant_id=tenant_id, entry_no=1).update(state=EntryState.IGNORED)
        done = book_payments(book, bookings)
        refused.extend(booking for booking, is_booked in zip(bookings, done, strict=True) if not is_booked)
        return done

    monkeypatch.setattr(bank_matching, "book_payments", after_another)
    take_in(book, file)
    paid = Fact.objects.filter(tenant_id=tenant_id, kind=200).values_list("amount_cents", flat=True)
    assert 5017 not in paid and 5034 in paid
    assert [entry.row.entry_no for booking in refused for entry in booking.entries] == [1]
