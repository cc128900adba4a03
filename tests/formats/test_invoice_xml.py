"""E-invoices: what is read, what it makes, and the rule each bad file breaks."""

from __future__ import annotations

import io
import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter
from pypdf.generic import StreamObject

from mahnwerk.formats import invoice_pdf, invoice_xml
from mahnwerk.formats.rejects import Imported
from mahnwerk.frames import IMPORTED_CLAIMS, check_frame

FOLDER = Path(__file__).parents[2] / "examples/invoices"
UBL = (FOLDER / "xrechnung-ubl.xml").read_bytes()
CII = (FOLDER / "xrechnung-cii.xml").read_bytes()
OVERPAID = (FOLDER / "xrechnung-overpaid-ubl.xml").read_bytes()


def changed(data: bytes, pattern: str, to: str) -> bytes:
    text = re.sub(pattern, to, data.decode(), count=1, flags=re.DOTALL)
    assert text != data.decode(), f"{pattern} not found"
    return text.encode()


def refusal(result: Imported) -> tuple[str, str]:
    assert result.claims.height == 0
    row = result.rejects.row(0, named=True)
    assert row["remedy"]
    return row["column"], row["reason"]


def test_ubl_makes_a_claim() -> None:
    result = invoice_xml.read(UBL)
    claim = check_frame(result.claims, IMPORTED_CLAIMS, "claims").row(0, named=True)
    assert (claim["invoice_number"], claim["amount_cents"], claim["currency"]) == (
        "1234567890",
        35_700,
        "EUR",
    )
    assert (claim["issued_on"], claim["due_on"]) == (date(2021, 1, 25), date(2021, 2, 4))
    assert (claim["company"], claim["debtor_kind"], claim["is_credit_note"]) == ("Kunde 1", "business", False)
    assert claim["creditor_vat_id"] == "DE123456789"


def test_cii_makes_a_claim() -> None:
    claim = invoice_xml.read(CII).claims.row(0, named=True)
    assert (claim["invoice_number"], claim["amount_cents"]) == ("18383", 23_300)
    assert (claim["issued_on"], claim["due_on"]) == (date(2020, 11, 27), date(2020, 12, 27))
    assert claim["creditor_name"] == "Mustermann GmbH"


def test_a_negative_payable_is_no_claim() -> None:
    row = invoice_xml.read(OVERPAID).claims.row(0, named=True)
    assert (row["is_credit_note"], row["amount_cents"], row["due_on"]) == (True, 22_514, None)


def test_the_type_makes_a_credit_note_and_names_what_it_lowers() -> None:
    typed = changed(UBL, r"(InvoiceTypeCode>)[0-9]+", r"\g<1>381")
    reference = "<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>R-0</cbc:ID>"
    reference += "</cac:InvoiceDocumentReference></cac:BillingReference><cac:AccountingSupplierParty>"
    row = invoice_xml.read(changed(typed, "<cac:AccountingSupplierParty>", reference)).claims.row(
        0, named=True
    )
    assert (row["is_credit_note"], row["credits_invoice"]) == (True, "R-0")


@pytest.mark.parametrize(
    ("pattern", "to", "rule"),
    [
        (r"<cbc:ID>1234567890</cbc:ID>", "<cbc:ID> </cbc:ID>", "BR-02"),
        (r"(InvoiceTypeCode>)[0-9]+", r"\g<1>999", "BR-CL-01"),
        (r"(InvoiceTypeCode>)[0-9]+", r"\g<1>325", "BT-3"),
        (r"(TaxInclusiveAmount[^>]*>)[\d.]+", r"\g<1>400.00", "BR-CO-15"),
        (r"(PayableAmount[^>]*>)[\d.]+", r"\g<1>300.00", "BR-CO-16"),
        (r"(PayableAmount[^>]*>)[\d.]+", r"\g<1>357.001", "BR-DEC"),
        (r"(LineExtensionAmount[^>]*>)[\d.]+(.*LegalMonetaryTotal>)", r"\g<1>1.00\g<2>", "BR-CO-10"),
        (r"<cbc:BuyerReference>[^<]*</cbc:BuyerReference>", "", "BR-DE-15"),
        (r"<cbc:IssueDate>[^<]*</cbc:IssueDate>", "", "XSD"),
        (r"<cbc:IssueDate>2021-01-25", "<cbc:IssueDate>2021-02-30", "XSD"),
        (r"<cbc:IssueDate>2021-01-25", "<cbc:IssueDate>2021-03-01", "BT-9"),
        (r"(DocumentCurrencyCode>)EUR", r"\g<1>USD", "BR-CO-15"),
    ],
)
def test_each_broken_rule_is_named(pattern: str, to: str, rule: str) -> None:
    column, reason = refusal(invoice_xml.read(changed(UBL, pattern, to)))
    assert column == rule
    assert reason


def test_other_currencies_and_settled_invoices_make_no_claim() -> None:
    dollars = UBL.replace(b'"EUR"', b'"USD"').replace(b">EUR<", b">USD<")
    assert refusal(invoice_xml.read(dollars))[0] == "BT-5"
    total = re.search(rb"TaxInclusiveAmount[^>]*>([\d.]+)", UBL)
    assert total
    prepaid = '<cbc:PrepaidAmount currencyID="EUR">' + total.group(1).decode() + "</cbc:PrepaidAmount>"
    paid = changed(UBL, r"<cbc:PayableAmount([^>]*)>[\d.]+", prepaid + r"<cbc:PayableAmount\g<1>>0.00")
    assert refusal(invoice_xml.read(paid))[0] == "BT-115"


TERMS = [
    ("Zahlbar sofort ohne Abzug.", date(2021, 1, 25), None),
    ("Zahlbar innerhalb von 30 Tagen", date(2021, 2, 24), None),
    ("30 days net", date(2021, 2, 24), None),
    ("zahlbar bis 10.02.2021, 2 % Skonto bis 01.02.2021", date(2021, 2, 10), None),
    ("#SKONTO#TAGE=7#PROZENT=2.00#\n14 Tage netto", date(2021, 2, 8), 714),
    ("#SKONTO#TAGE=10#PROZENT=3.00#BASISBETRAG=100.00#\n30 Tage", date(2021, 2, 24), 300),
    ("#SKONTO#TAGE=30#PROZENT=0.00#\n", date(2021, 2, 24), None),
    ("innerhalb eines Monats", None, None),
    ("2 Wochen", None, None),
]


@pytest.mark.parametrize(("terms", "due_on", "discount"), TERMS, ids=[terms[0][:30] for terms in TERMS])
def test_due_dates_and_discounts_come_from_the_terms(
    terms: str, due_on: date | None, discount: int | None
) -> None:
    bare = changed(UBL, r"<cbc:DueDate>[^<]*</cbc:DueDate>", "")
    bare = re.sub(rb"<cac:PaymentTerms>.*?</cac:PaymentTerms>", b"", bare, flags=re.DOTALL)
    note = f"<cac:PaymentTerms><cbc:Note>{terms}</cbc:Note></cac:PaymentTerms><cac:TaxTotal>"
    result = invoice_xml.read(changed(bare, "<cac:TaxTotal>", note))
    if due_on is None:
        assert refusal(result)[0] == "BT-9"
        return
    claim = result.claims.row(0, named=True)
    assert (claim["due_on"], claim["discount_cents"]) == (due_on, discount)
    assert any("BT-9" in warning for warning in result.warnings)


def test_neither_due_date_nor_terms_breaks_br_co_25() -> None:
    bare = changed(UBL, r"<cbc:DueDate>[^<]*</cbc:DueDate>", "")
    bare = re.sub(rb"<cac:PaymentTerms>.*?</cac:PaymentTerms>", b"", bare, flags=re.DOTALL)
    assert refusal(invoice_xml.read(bare))[0] == "BR-CO-25"


def test_a_wrong_iban_is_left_out_with_a_warning() -> None:
    result = invoice_xml.read(changed(UBL, r"(PayeeFinancialAccount>\s*<cbc:ID>)[^<]*", r"\g<1>DE00"))
    assert result.claims["creditor_iban"].to_list() == [""]
    assert any("BT-84" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "xml"),
        (b"", "xml"),
        (b"<a/>", "invoice"),
        (b"<testSet/>", "invoice"),
        (UBL[: len(UBL) // 2], "xml"),
    ],
)
def test_what_is_no_invoice_is_refused(data: bytes, code: str) -> None:
    result = invoice_xml.read(data)
    assert result.claims.height == 0
    assert result.rejects["code"].to_list() == [code]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(UBL) - 1), st.binary(min_size=0, max_size=3))
def test_a_damaged_file_never_raises(at: int, noise: bytes) -> None:
    result = invoice_xml.read(UBL[:at] + noise + UBL[at + 1 :])
    assert result.claims.height + (result.rejects.height > 0) == 1


def pdf(name: str | None, content: bytes = CII) -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    if name:
        writer.add_attachment(name, content)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize("name", ["factur-x.xml", "zugferd-invoice.xml", "ZUGFeRD-invoice.xml", "other.xml"])
def test_the_invoice_inside_a_pdf_is_read(name: str) -> None:
    assert invoice_pdf.read(pdf(name)).claims.equals(invoice_xml.read(CII).claims)


def test_pdfs_without_invoice_broken_and_locked_are_refused() -> None:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.encrypt("secret", algorithm="RC4-128")
    locked = io.BytesIO()
    writer.write(locked)
    for data, said in [
        (pdf(None), "no invoice data"),
        (pdf("picture.png", b"x"), "no invoice data"),
        (pdf("factur-x.xml")[:300], "cannot be opened"),
        (b"%PDF-1.7 nothing", "cannot be opened"),
        (locked.getvalue(), "password"),
        (pdf("factur-x.xml", b"<!DOCTYPE a><a/>"), "DOCTYPE"),
    ]:
        assert said in refusal(invoice_pdf.read(data))[1]


def test_a_file_that_unpacks_without_end_is_refused() -> None:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_attachment("factur-x.xml", b" " * 120_000_000)
    for index, entry in enumerate(writer._objects):
        if isinstance(entry, StreamObject) and len(entry._data) > 1_000_000:
            writer._objects[index] = entry.flate_encode()
    out = io.BytesIO()
    writer.write(out)
    assert len(out.getvalue()) < 1_000_000
    assert "unpacks to more" in refusal(invoice_pdf.read(out.getvalue()))[1]


def test_nothing_unseen_hides_in_the_words_of_an_invoice() -> None:
    turned = changed(UBL, r"Kunde 1", "\u202eKun\u200bde\u00851\ufeff")
    assert invoice_xml.read(turned).claims["company"].to_list() == ["Kunde 1"]
