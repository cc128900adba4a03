"""A batch booking of a statement and its parts in a camt.054, in whatever order they come."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from tests.usecases.bank_worlds import PAYER_IBAN, SHOP_IBAN, open_book, shop

from mahnwerk.frames import FactKind
from mahnwerk.records.models import BankEntry, Fact
from mahnwerk.usecases import bank_import, clock, journal
from mahnwerk.usecases.opening import OpenBook

NOW = dt.datetime(2026, 3, 10, 18, tzinfo=dt.UTC)
ON = dt.date(2026, 3, 10)


@pytest.fixture(autouse=True)
def _day() -> Any:
    with clock.use_clock(lambda: NOW):
        yield


@pytest.fixture
def book(tenant_id: int, tmp_path: Path) -> OpenBook:
    shop(
        tenant_id,
        {"invoice_number": "RE-1001", "amount_cents": 6_000, "due_on": ON},
        {"invoice_number": "RE-2002", "amount_cents": 4_000, "due_on": ON, "customer_number": "K-2"},
    )
    return open_book(tenant_id, tmp_path)


def entry(cents: int, details: str = "", reference: str = "BATCH-77") -> str:
    return (
        f"<Ntry><Amt Ccy='EUR'>{cents / 100:.2f}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>"
        "<BookgDt><Dt>2026-03-02</Dt></BookgDt><ValDt><Dt>2026-03-02</Dt></ValDt>"
        f"<AcctSvcrRef>{reference}</AcctSvcrRef>{details}</Ntry>"
    )


def details(*parts: tuple[int, str]) -> str:
    rows = "".join(
        f"<TxDtls><Refs><EndToEndId>{text}</EndToEndId></Refs><Amt Ccy='EUR'>{cents / 100:.2f}</Amt>"
        f"<RltdPties><Dbtr><Nm>Payer {text}</Nm></Dbtr>"
        f"<DbtrAcct><Id><IBAN>{PAYER_IBAN}</IBAN></Id></DbtrAcct></RltdPties><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>"
        for cents, text in parts
    )
    return f"<NtryDtls>{rows}</NtryDtls>"


def balance(code: str, cents: int) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='EUR'>{cents / 100:.2f}</Amt>"
        "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-03-02</Dt></Dt></Bal>"
    )


def write(folder: Path, kind: str, body: str) -> Path:
    outer, inner = {"053": ("BkToCstmrStmt", "Stmt"), "054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn")}[kind]
    path = folder / f"camt{kind}-{len(list(folder.glob('camt*')))}.xml"
    path.write_text(
        f'<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.{kind}.001.08"><{outer}>'
        f"<{inner}><Id>{kind}</Id><Acct><Id><IBAN>{SHOP_IBAN}</IBAN></Id><Ccy>EUR</Ccy></Acct>{body}</{inner}>"
        f"</{outer}></Document>"
    )
    return path


def statement(folder: Path) -> Path:
    body = balance("OPBD", 100_000) + balance("CLBD", 110_000) + entry(10_000)
    return write(folder, "053", body)


def parts(folder: Path, *rows: tuple[int, str], reference: str = "BATCH-77") -> Path:
    return write(folder, "054", entry(sum(cents for cents, _ in rows), details(*rows), reference))


def take_in(book: OpenBook, *files: Path) -> None:
    bank_import.import_files(book, list(files), on=ON)


def posted(book: OpenBook) -> dict[str, int]:
    journal.post(book, ON)
    state = journal.balance(book)
    assert all(check["ok"] for check in state["checks"]), state["checks"]
    return {row["account"]: row["balance_cents"] for row in state["accounts"] if row["balance_cents"]}


@pytest.mark.parametrize("order", ["parts first", "statement first", "together"])
def test_the_parts_are_booked_and_the_batch_is_not(book: OpenBook, tmp_path: Path, order: str) -> None:
    whole, told = statement(tmp_path), parts(tmp_path, (6_000, "RE-1001"), (4_000, "RE-2002"))
    if order == "together":
        take_in(book, told, whole)
    elif order == "parts first":
        take_in(book, told)
        assert not BankEntry.objects.exists(), "an announcement is no statement"
        take_in(book, whole)
    else:
        take_in(book, whole)
        assert posted(book)["suspense"] == -10_000
        take_in(book, told)
    rows = BankEntry.objects.order_by("entry_no").values_list("amount_cents", "state", "reason")
    assert list(rows) == [(10_000, "ignored", "batch"), (6_000, "booked", ""), (4_000, "booked", "")]
    paid = Fact.objects.filter(kind=FactKind.PAYMENT_RECEIVED).values_list("amount_cents", flat=True)
    assert sorted(paid) == [4_000, 6_000]
    found = posted(book)
    assert found["bank"] == 110_000
    assert not {"suspense", "money_in_transit", "receivable"} & found.keys()
    take_in(book, whole, told)
    assert BankEntry.objects.count() == 3, "told again, it is the same"


@pytest.mark.parametrize(
    ("rows", "reference"),
    [
        (((6_000, "RE-1001"), (3_000, "RE-2002")), "BATCH-77"),
        (((6_000, "RE-1001"), (4_000, "RE-2002")), "BATCH-78"),
    ],
)
def test_parts_of_another_booking_change_nothing(
    book: OpenBook, tmp_path: Path, rows: Any, reference: str
) -> None:
    take_in(book, statement(tmp_path), parts(tmp_path, *rows, reference=reference))
    assert BankEntry.objects.get().state in ("suspense", "proposed")
    assert posted(book)["suspense"] == -10_000


def test_a_part_nobody_can_place_waits_alone(book: OpenBook, tmp_path: Path) -> None:
    take_in(book, statement(tmp_path), parts(tmp_path, (6_000, "RE-1001"), (4_000, "danke")))
    found = posted(book)
    assert (found["bank"], found["suspense"]) == (110_000, -4_000)
    assert "money_in_transit" not in found
