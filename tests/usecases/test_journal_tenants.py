"""Others' money over all tenants: the bank holds what is owed, tenant by tenant and in all."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.usecases.test_payouts import TERMS, pay, sellers

from mahnwerk.frames import FactKind
from mahnwerk.kernel.accounts import Account
from mahnwerk.records import crypto, facts, ids, tenancy
from mahnwerk.records import journal as records
from mahnwerk.records.models import Tenant
from mahnwerk.usecases import clock, journal, journal_tenants, payouts
from mahnwerk.usecases.books import BookPlace
from mahnwerk.usecases.opening import OpenBook

D = dt.date
NOW = dt.datetime(2026, 3, 20, 9, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _day() -> Any:
    with clock.use_clock(lambda: NOW):
        yield


@pytest.fixture
def books(as_owner: None, tenant_id: int, tmp_path: Path) -> list[OpenBook]:
    """Two tenants of one database, each with a seller; the first has paid its seller out."""
    other = Tenant.objects.create(id=ids.new_id(), name="Zweiter Markt", number=977)
    crypto.make_tenant_key(other.id)
    made = []
    for number, tenant in enumerate((tenant_id, other.id)):
        place = BookPlace(f"b{number}", tmp_path / str(number), tmp_path / str(number) / "outbox")
        place.folder.mkdir()
        made.append(OpenBook(place, tenant, "clerk"))
    return made


def collected(book: OpenBook, key: str, cents: int) -> int:
    with tenancy.tenant(book.tenant_id):
        (case_id, *_) = sellers(book, key)[key]
        paid = pay(book, case_id, cents, D(2026, 3, 2))
        journal.post(book, D(2026, 3, 3))
    return paid


def test_each_tenants_bank_is_what_it_owes_and_so_is_the_sum(books: list[OpenBook]) -> None:
    collected(books[0], "anna", 10_000)
    collected(books[1], "berta", 12_500)  # 25 euro too much: the debtor's
    state = journal_tenants.balance(books[0])
    names = ("trust_bank_cents", "creditors_cents", "debtors_cents", "ok")
    assert [tuple(row[name] for name in names) for row in state["tenants"]] == [
        (10_000, 10_000, 0, True),
        (12_500, 10_000, 2_500, True),
    ]
    (total,) = state["totals"]
    assert (total["trust_bank_cents"], total["owed_cents"], total["difference_cents"]) == (22_500, 22_500, 0)
    assert (state["failed"], tenancy.current_tenant()) == ([], books[0].tenant_id)


def test_money_of_one_tenant_does_not_make_up_for_anothers(books: list[OpenBook]) -> None:
    """Two faults of the same size and opposite sign are two faults, though the sum is right."""
    for book, key, sides in zip(
        books,
        ("anna", "berta"),
        ((Account.BANK, Account.TRUST_BANK), (Account.TRUST_BANK, Account.BANK)),
        strict=True,
    ):
        collected(book, key, 10_000)
        with tenancy.tenant(book.tenant_id):
            columns = {"debit": int(sides[0]), "credit": int(sides[1]), "sequence": 9, "amount_cents": 700}
            frame = records.postings(book.tenant_id).drop("id").head(1)
            frame = frame.with_columns(**{name: pl.lit(value) for name, value in columns.items()})
            records.add(book.tenant_id, frame)
    state = journal_tenants.balance(books[0])
    assert [row["difference_cents"] for row in state["tenants"]] == [-700, 700]
    assert [row["ok"] for row in state["tenants"]] == [False, False]
    assert [(row["difference_cents"], row["ok"]) for row in state["totals"]] == [(0, False)]
    assert {row["check"] for row in state["failed"]} == {"trust_bank_less_liabilities"}


def test_a_seller_below_zero_is_named(books: list[OpenBook]) -> None:
    """Paid out, and then the payment went back: the money of the others is short of it."""
    paid = collected(books[0], "anna", 10_000)
    with tenancy.tenant(books[0].tenant_id):
        terms = books[0].place.folder / "terms.yaml"
        terms.write_text(TERMS.format(key="anna"), encoding="utf-8")
        payouts.add_terms(books[0], terms)
        (row,) = payouts.pay_out(books[0], D(2026, 3, 3)).rows
        assert row.settlement is not None
        (case_id,) = set(records.postings(books[0].tenant_id).filter(entry=5)["case_id"])
        back = {"case_id": case_id, "kind": FactKind.PAYMENT_RETURNED, "effective_on": D(2026, 3, 9)}
        facts.append(books[0].tenant_id, [{**back, "voids_fact_no": paid}], recorded_at=NOW)
        journal.post(books[0], D(2026, 3, 10))
    (row_of_tenant,) = journal_tenants.balance(books[0])["tenants"]
    fees = row.settlement.fee_cents + row.settlement.vat_cents
    assert row_of_tenant["creditors_below_zero_cents"] == row.settlement.amount_cents + fees
    assert row_of_tenant["operator_cents"] == fees
    assert (row_of_tenant["difference_cents"], row_of_tenant["ok"]) == (0, True)
    assert journal_tenants.balance(books[0], D(2026, 3, 3))["tenants"][0]["creditors_below_zero_cents"] == 0


def test_whom_money_is_owed_to_is_every_trust_account() -> None:
    owed = [account for accounts in journal_tenants.OWED.values() for account in accounts]
    assert sorted(owed) == sorted(journal.TRUST_LIABILITIES)
