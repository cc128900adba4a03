"""CAMT: every version alike, batches in parts, refused whole when it does not add up."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from mahnwerk.formats import camt
from mahnwerk.formats.bank import BankFileError
from mahnwerk.formats.xml_door import XmlRefused

COLLECTION = Path(__file__).parents[3] / "shared" / "data" / "1-bank-statements"

BALANCE = """<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{amount}</Amt>
<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-03-02</Dt></Dt></Bal>"""
ENTRY = """<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{mark}</CdtDbtInd>{reversal}<Sts>BOOK</Sts>
<BookgDt><Dt>2026-03-02</Dt></BookgDt><ValDt><Dt>2026-03-03</Dt></ValDt>
<NtryDtls>{details}</NtryDtls></Ntry>"""
DETAIL = """<TxDtls><Refs><EndToEndId>{e2e}</EndToEndId></Refs><Amt Ccy="EUR">{amount}</Amt>
<CdtDbtInd>{mark}</CdtDbtInd><RltdPties><Dbtr><Nm>Jürgen Groß</Nm></Dbtr>
<DbtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></DbtrAcct></RltdPties>
<RmtInf><Ustrd>RE-1 und</Ustrd><Ustrd>RE-2</Ustrd></RmtInf>{extra}</TxDtls>"""


def message(entries: str, opening: str = "100.00", closing: str = "150.00", version: str = "08") -> bytes:
    return f"""<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}">
    <BkToCstmrStmt><GrpHdr><MsgId>m</MsgId></GrpHdr><Stmt><Id>S1</Id>
    <Acct><Id><IBAN>DE02120300000000202051</IBAN></Id><Ccy>EUR</Ccy></Acct>
    {BALANCE.format(code="OPBD", amount=opening)}{BALANCE.format(code="CLBD", amount=closing)}
    {entries}</Stmt></BkToCstmrStmt></Document>""".encode()


def detail(amount: str, mark: str = "CRDT", e2e: str = "NOTPROVIDED", extra: str = "") -> str:
    return DETAIL.format(amount=amount, mark=mark, e2e=e2e, extra=extra)


@pytest.mark.parametrize("version", ["02", "04", "06", "08", "10"])
def test_one_payment_in_any_version(version: str) -> None:
    entry = ENTRY.format(amount="50.00", mark="CRDT", reversal="", details=detail("50.00", e2e="E-7"))
    file = camt.read(message(entry, version=version)).accepted()
    (payment,) = file.statements[0].entries
    assert payment.amount_cents == 5000
    assert payment.value_on.isoformat() == "2026-03-03"
    assert payment.counterparty_name == "Jürgen Groß"
    assert payment.counterparty_iban == "DE89370400440532013000"
    assert payment.remittance == "RE-1 und RE-2"
    assert payment.end_to_end_id == "E-7"
    assert payment.kind == "transfer_in"


def test_every_document_a_structured_remittance_names_is_told() -> None:
    named = (
        "<RmtInf><Strd><RfrdDocInf><Nb>RE-7</Nb></RfrdDocInf><CdtrRefInf><Ref>RF18 5390 0754 7034</Ref>"
        "</CdtrRefInf></Strd><Strd><RfrdDocInf><Nb>RE-8</Nb></RfrdDocInf><CdtrRefInf><Ref>RF00X</Ref></CdtrRefInf>"
        "<AddtlRmtInf>minus GS-1</AddtlRmtInf></Strd></RmtInf>"
    )
    entry = ENTRY.format(
        amount="50.00",
        mark="CRDT",
        reversal="",
        details=detail("50.00", extra=named).replace(
            "<RmtInf><Ustrd>RE-1 und</Ustrd><Ustrd>RE-2</Ustrd></RmtInf>", ""
        ),
    )
    (payment,) = camt.read(message(entry)).accepted().statements[0].entries
    assert payment.structured_reference == "RF18539007547034"
    assert payment.remittance == "RF00X RE-7 RE-8 minus GS-1"


def test_without_details_the_words_on_the_entry_are_its_text() -> None:
    entry = ENTRY.format(amount="50.00", mark="CRDT", reversal="", details="")
    entry = entry.replace("</NtryDtls>", "</NtryDtls><AddtlNtryInf>Gutschrift RE-9</AddtlNtryInf>")
    assert camt.read(message(entry)).accepted().statements[0].entries[0].remittance == "Gutschrift RE-9"


def test_a_batch_becomes_its_parts() -> None:
    parts = detail("20.00") + detail("30.00")
    file = camt.read(
        message(ENTRY.format(amount="50.00", mark="CRDT", reversal="", details=parts))
    ).accepted()
    assert [entry.amount_cents for entry in file.statements[0].entries] == [2000, 3000]
    assert {entry.batch_no for entry in file.statements[0].entries} == {1}


def test_a_batch_that_does_not_add_up_stays_whole_and_says_so() -> None:
    parts = detail("20.00") + detail("29.00")
    file = camt.read(
        message(ENTRY.format(amount="50.00", mark="CRDT", reversal="", details=parts))
    ).accepted()
    assert [entry.amount_cents for entry in file.statements[0].entries] == [5000]
    assert any("do not add up" in warning for warning in file.warnings)


def test_a_returned_debit_tells_its_reason() -> None:
    extra = "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"
    entry = ENTRY.format(
        amount="20.00", mark="DBIT", reversal="", details=detail("20.00", mark="DBIT", extra=extra)
    )
    file = camt.read(message(entry, closing="80.00")).accepted()
    (returned,) = file.statements[0].entries
    assert (returned.kind, returned.return_reason, returned.amount_cents) == ("return", "AC04", -2000)


@pytest.mark.parametrize(
    "charges",
    [
        '<Chrgs><Rcrd><Amt Ccy="EUR">3.00</Amt><CdtDbtInd>DBIT</CdtDbtInd></Rcrd></Chrgs>',
        '<Chrgs><Amt Ccy="EUR">3.00</Amt></Chrgs>',
        '<Chrgs><TtlChrgsAndTaxAmt Ccy="EUR">3.00</TtlChrgsAndTaxAmt></Chrgs>',
    ],
)
@pytest.mark.parametrize("on_the_entry", [False, True])
def test_a_return_tells_what_was_paid_and_what_the_bank_charged(charges: str, *, on_the_entry: bool) -> None:
    amounts = '<AmtDtls><InstdAmt><Amt Ccy="EUR">10.00</Amt></InstdAmt></AmtDtls>'
    why = "<RtrInf><Rsn><Cd>MS03</Cd></Rsn></RtrInf>"
    part = detail("13.00", "DBIT", extra=amounts + why + ("" if on_the_entry else charges))
    entry = ENTRY.format(amount="13.00", mark="DBIT", reversal=charges if on_the_entry else "", details=part)
    (back,) = camt.read(message(entry, closing="87.00")).accepted().statements[0].entries
    assert (back.kind, back.return_reason, back.amount_cents) == ("return", "MS03", -1300)
    assert (back.original_amount_cents, back.charges_cents) == (1000, 300)


def test_a_payment_in_another_currency_keeps_it() -> None:
    amounts = '<AmtDtls><InstdAmt><Amt Ccy="JPY">8000</Amt></InstdAmt></AmtDtls>'
    part = detail("50.00", extra=amounts)
    (one,) = (
        camt.read(message(ENTRY.format(amount="50.00", mark="CRDT", reversal="", details=part)))
        .accepted()
        .statements[0]
        .entries
    )
    assert (one.amount_cents, one.original_amount_cents, one.original_currency) == (5000, 8000, "JPY")


def test_a_file_that_does_not_add_up_is_refused_whole() -> None:
    entry = ENTRY.format(amount="49.00", mark="CRDT", reversal="", details="")
    file = camt.read(message(entry))
    assert "= 149,00 EUR, but the closing balance is 150,00 EUR (difference -1,00 EUR)" in file.problems[0]
    with pytest.raises(BankFileError, match="closing balance"):
        file.accepted()


def test_a_foreign_entry_is_refused() -> None:
    entry = ENTRY.format(amount="50.00", mark="CRDT", reversal="", details="").replace('"EUR"', '"CHF"')
    with pytest.raises(BankFileError, match="CHF"):
        camt.read(message(entry)).accepted()


@pytest.mark.parametrize("amount", ["abc", "", "1.234", "NaN", "99999999999999999.00"])
def test_an_amount_that_cannot_be_read_is_never_zero(amount: str) -> None:
    entry = ENTRY.format(amount=amount, mark="CRDT", reversal="", details="")
    with pytest.raises(BankFileError):
        camt.read(message(entry))


def test_truncated_at_every_byte_it_is_refused_or_a_whole_file() -> None:
    whole = message(ENTRY.format(amount="50.00", mark="CRDT", reversal="", details=detail("50.00")))
    for length in range(0, len(whole) - 1, 7):
        with pytest.raises((BankFileError, XmlRefused)):
            camt.read(whole[:length]).accepted()


def test_pages_of_one_statement_are_each_checked() -> None:
    """The first ends with an interim balance, the next begins with it."""
    entry = ENTRY.format(amount="50.00", mark="CRDT", reversal="", details=detail("50.00"))
    first = message(entry).replace(b"CLBD", b"ITBD")
    middle = message(entry, "150.00", "200.00").replace(b"CLBD", b"ITBD").replace(b"OPBD", b"ITBD")
    last = message(entry, "200.00", "250.00").replace(b"OPBD", b"ITBD")
    told = [camt.read(page).accepted().statements[0] for page in (first, middle, last)]
    assert [(one.opening_cents, one.closing_cents) for one in told] == [
        (10000, 15000),
        (15000, 20000),
        (20000, 25000),
    ]
    with pytest.raises(BankFileError, match="opening 150,00 EUR"):
        camt.read(middle.replace(b"200.00", b"201.00")).accepted()


def test_an_account_of_two_currencies_is_held_against_its_own() -> None:
    entry = ENTRY.format(amount="50.00", mark="CRDT", reversal="", details=detail("50.00"))
    dollars = "".join(
        BALANCE.format(code=code, amount="7.00").replace("EUR", "USD") for code in ("OPBD", "CLBD")
    )
    one = message(entry).replace(b"</Acct>", b"</Acct>" + dollars.encode())
    assert camt.read(one).accepted().statements[0].closing_cents == 15000
    with pytest.raises(BankFileError, match="balances in EUR on an account in USD"):
        camt.read(message(entry).replace(b"<Ccy>EUR", b"<Ccy>USD")).accepted()


@pytest.mark.parametrize(("status", "is_pending"), [("BOOK", False), ("PDNG", True), ("INFO", True)])
def test_only_what_is_booked_counts(status: str, is_pending: bool) -> None:
    entry = ENTRY.format(amount="50.00", mark="CRDT", reversal="", details=detail("50.00"))
    told = camt.read(
        message(entry.replace("BOOK", f"<Cd>{status}</Cd>"), closing="100.00" if is_pending else "150.00")
    ).accepted()
    assert told.statements[0].entries[0].is_pending is is_pending


def test_a_reversal_marked_with_a_digit() -> None:
    entry = ENTRY.format(amount="50.00", mark="DBIT", reversal="<RvslInd>1</RvslInd>", details="")
    assert camt.read(message(entry, closing="50.00")).accepted().statements[0].entries[0].kind == "reversal"


@pytest.mark.parametrize("broken", ["<CdtDbtInd>XXXX</CdtDbtInd>", ""])
def test_an_entry_without_a_direction_is_refused(broken: str) -> None:
    entry = ENTRY.format(amount="50.00", mark="CRDT", reversal="", details="")
    with pytest.raises(BankFileError, match="neither a credit nor a debit"):
        camt.read(message(entry.replace("<CdtDbtInd>CRDT</CdtDbtInd>", broken)))


def test_a_bomb_is_refused() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'
    with pytest.raises(XmlRefused):
        camt.read(bomb)


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return buffer.getvalue()


def test_zipped_files_are_read() -> None:
    one = message(ENTRY.format(amount="50.00", mark="CRDT", reversal="", details=""))
    files = camt.read_zip(archive({"a.xml": one, "b.xml": one}))
    assert [name for name, _ in files] == ["a.xml", "b.xml"]


def test_a_damaged_or_locked_archive_is_refused() -> None:
    whole = archive({"a.xml": message("", closing="100.00") + b" " * 500})
    entry = whole.find(b"PK\x01\x02")
    for places in ([45], [50], [6, entry + 8], [8, entry + 10]):
        broken = bytearray(whole)
        for place in places:
            broken[place] ^= 0x63
        with pytest.raises(BankFileError):
            camt.read_zip(bytes(broken))
    for other in (archive({"a.sta": b":20:X"}), archive({})):
        with pytest.raises(BankFileError):
            camt.read_zip(other)


def test_a_zip_bomb_and_a_nested_zip_are_refused() -> None:
    with pytest.raises(BankFileError, match="over the limits"):
        camt.read_zip(archive({"a.xml": b"0" * 50_000_000}))
    with pytest.raises(BankFileError, match="archive inside"):
        camt.read_zip(archive({"a.zip": archive({"b.xml": b"x"})}))
    with pytest.raises(BankFileError, match="not a readable zip"):
        camt.read_zip(b"PK but no zip")


@pytest.mark.shared
def test_the_collection_is_read_or_refused_for_a_reason() -> None:
    if not COLLECTION.is_dir():
        pytest.skip("sample bank statements are not beside the project")
    outcome = {"read": 0, "problem": 0, "refused": 0}
    for path in sorted(COLLECTION.glob("camt-*/**/*.xml")):
        try:
            file = camt.read(path.read_bytes(), source=path.name)
            outcome["problem" if file.problems else "read"] += 1
        except (BankFileError, XmlRefused):
            outcome["refused"] += 1
    assert outcome == {"read": 30, "problem": 6, "refused": 4}
