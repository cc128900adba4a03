"""E-invoices in XML: UBL Invoice and CreditNote, CII (ZUGFeRD 2, Factur-X, XRechnung), ZUGFeRD 1."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Final

from lxml import etree

from mahnwerk.formats import invoice_rules, xml_door
from mahnwerk.formats.invoice import Discount, Invoice, Party, imported, skonto
from mahnwerk.formats.rejects import Imported, refused
from mahnwerk.formats.text import visible

BYTES_MAX: Final = 20 * 1024 * 1024
"""With pictures embedded; the text of an invoice is a hundredth of it."""

SYNTAXES: Final = {
    "{urn:oasis:names:specification:ubl:schema:xsd:Invoice-2}Invoice": "ubl",
    "{urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2}CreditNote": "ubl",
    "{urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100}CrossIndustryInvoice": "cii",
    "{urn:ferd:CrossIndustryDocument:invoice:1p0}CrossIndustryDocument": "zugferd-1",
}

_STRANGERS: Final = {
    "testSet": "a rule test with fragments of invoices, not an invoice",
    "FatturaElettronica": "an Italian FatturaPA, which is not EN 16931",
    "CrossDomainAcknowledgementAndResponse": "a status message about an invoice, not an invoice",
    "M_INVOIC": "an EDIFACT INVOIC in XML, which is not EN 16931",
    "Document": "a bank or payment file; import it as such",
    "SCRDMCCBDACIOMessageStructure": "an order (Order-X), not an invoice",
}


def read(data: bytes) -> Imported:
    """Read one e-invoice.

    The bytes pass the XML door, the schema of their syntax and the core rules of EN 16931 that bear on
    the claim (and of XRechnung where the invoice says it keeps them), in this order.

    Parameters
    ----------
    data : the XML file.

    Returns
    -------
    Imported
        One row in `claims` (a claim or, with `is_credit_note`, a credit note), or rejects: one per
        broken rule, `column` holding the rule or the business term.

    Guarantees
    ----------
    Pure. Raises nothing for any bytes; a file that is not imported says why.
    """
    try:
        root = xml_door.parse(data, bytes_max=BYTES_MAX)
    except xml_door.XmlRefused as error:
        return refused("xml", str(error), "Ask the sender for the file again.")
    syntax = SYNTAXES.get(str(root.tag))
    if syntax is None:
        name = etree.QName(root).localname
        what = _STRANGERS.get(name, f"an XML file of another kind (its root is {name})")
        return refused(
            "invoice",
            f"the file is {what}",
            "Import UBL or CII (XRechnung, ZUGFeRD, Factur-X).",
            column=name,
        )
    problem = invoice_rules.schema_problem(root, syntax)
    if problem:
        return refused("invoice", problem, "Ask the sender for a valid file.", column="XSD")
    invoice = parse(root, syntax)
    return invoice_rules.rejected(invoice) or imported(invoice)


def parse(root: etree._Element, syntax: str) -> Invoice:
    """Read the business terms of an invoice, whatever they say; nothing is checked here.

    Parameters
    ----------
    root : from the XML door.
    syntax : ubl, cii or zugferd-1.
    """
    return _ubl(root) if syntax == "ubl" else _cii(root, syntax)


@cache
def _compiled(path: str) -> etree.XPath:
    """`A/B|C/@x` by local names: the same business term has one name in all versions of a syntax."""
    steps = []
    for step in path.split("/"):
        if step.startswith(("@", ".")):
            steps.append(step)
            continue
        name, bracket, condition = step.partition("[")
        either = " or ".join(f"local-name()='{one}'" for one in name.split("|"))
        steps.append(f"*[{either}]{bracket}{condition}")
    return etree.XPath("/".join(steps))


def _all(node: etree._Element | None, path: str) -> list[etree._Element]:
    found = _compiled(path)(node) if node is not None else []
    assert isinstance(found, list)  # noqa: S101 (a path of elements gives a list)
    return [element for element in found if isinstance(element, etree._Element)]


def _node(node: etree._Element | None, path: str) -> etree._Element | None:
    return next(iter(_all(node, path)), None)


def _text(node: etree._Element | None, *paths: str) -> str:
    """The first non-empty text at one of the paths, spaces tidied."""
    for path in paths:
        for element in _all(node, path):
            if found := " ".join(visible(element.text or "").split()):
                return found
    return ""


def _amount(node: etree._Element | None, path: str) -> Decimal | None:
    text = _text(node, path)
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _day(text: str) -> date | None:
    """ISO with or without a zone, or the 102 format yyyymmdd."""
    digits = text[:10].replace("-", "") if "-" in text[:10] else text[:8]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None


def _vat_id(text: str) -> str:
    return text.replace(" ", "").upper()


def _amounts(nodes: Sequence[etree._Element], path: str) -> tuple[Decimal, ...]:
    found = (_amount(node, path) for node in nodes)
    return tuple(value for value in found if value is not None)


# --- UBL --------------------------------------------------------------------------------------

_LINES = "InvoiceLine|CreditNoteLine"


def _ubl(root: etree._Element) -> Invoice:
    totals = _node(root, "LegalMonetaryTotal")
    means = _node(root, "PaymentMeans")
    currency = _text(root, "DocumentCurrencyCode")
    terms = "\n".join((element.text or "").strip() for element in _all(root, "PaymentTerms/Note"))
    is_credit = etree.QName(root).localname == "CreditNote"
    in_currency = f"[@currencyID='{currency}']" if currency.isalpha() else ""
    return Invoice(
        syntax="ubl",
        profile=_text(root, "CustomizationID"),
        number=_text(root, "ID"),
        issued_on=_day(_text(root, "IssueDate")),
        type_code=_text(root, "InvoiceTypeCode|CreditNoteTypeCode") or ("381" if is_credit else ""),
        currency=currency,
        due_on=_day(_text(root, "DueDate", "PaymentMeans/PaymentDueDate")),
        terms=terms,
        net=_amount(totals, "TaxExclusiveAmount"),
        vat=_amount(root, f"TaxTotal/TaxAmount{in_currency}"),
        gross=_amount(totals, "TaxInclusiveAmount"),
        prepaid=_amount(totals, "PrepaidAmount"),
        rounding=_amount(totals, "PayableRoundingAmount"),
        payable=_amount(totals, "PayableAmount"),
        third_party=sum(_amounts(_all(root, "PrepaidPayment"), "PaidAmount"), Decimal(0)) or None,
        lines_total=_amount(totals, "LineExtensionAmount"),
        line_amounts=_amounts(_all(root, _LINES), "LineExtensionAmount"),
        reference=_text(root, "PaymentMeans/PaymentID"),
        buyer_reference=_text(root, "BuyerReference"),
        means_code=_text(means, "PaymentMeansCode"),
        seller=_ubl_party(_node(root, "AccountingSupplierParty/Party")),
        buyer=_ubl_party(_node(root, "AccountingCustomerParty/Party")),
        payee=_text(root, "PayeeParty/PartyName/Name"),
        iban=_text(root, "PaymentMeans/PayeeFinancialAccount/ID"),
        bic=_text(root, "PaymentMeans/PayeeFinancialAccount/FinancialInstitutionBranch/ID"),
        debited_iban=_text(root, "PaymentMeans/PaymentMandate/PayerFinancialAccount/ID"),
        preceding=_texts(root, "BillingReference/InvoiceDocumentReference/ID"),
        discounts=skonto(terms),
    )


def _texts(node: etree._Element, path: str) -> tuple[str, ...]:
    found = (" ".join(visible(element.text or "").split()) for element in _all(node, path))
    return tuple(text for text in found if text)


def _ubl_party(node: etree._Element | None) -> Party:
    address = _node(node, "PostalAddress")
    registered = [
        (_text(scheme, "TaxScheme/ID").upper(), _text(scheme, "CompanyID"))
        for scheme in _all(node, "PartyTaxScheme")
    ]
    return Party(
        name=_text(node, "PartyLegalEntity/RegistrationName", "PartyName/Name"),
        identifier=_text(node, "PartyIdentification/ID[not(@schemeID)]"),
        vat_id=_vat_id(next((text for scheme, text in registered if scheme in ("VAT", "VA")), "")),
        tax_number=next((text for scheme, text in registered if scheme not in ("VAT", "VA")), ""),
        street=_text(address, "StreetName"),
        extra=_text(address, "AdditionalStreetName", "AddressLine/Line"),
        postcode=_text(address, "PostalZone"),
        city=_text(address, "CityName"),
        country=_text(address, "Country/IdentificationCode"),
        contact=_text(node, "Contact/Name"),
        phone=_text(node, "Contact/Telephone"),
        email=_text(node, "Contact/ElectronicMail", "EndpointID[@schemeID='EM']"),
    )


# --- CII and ZUGFeRD 1 --------------------------------------------------------------------------

_TRADE = "SupplyChainTradeTransaction|SpecifiedSupplyChainTradeTransaction"
_DOCUMENT = "ExchangedDocument|HeaderExchangedDocument"
_MEANS = "SpecifiedTradeSettlementPaymentMeans"
_ACCOUNT = f"{_MEANS}/PayeePartyCreditorFinancialAccount"


def _cii(root: etree._Element, syntax: str) -> Invoice:
    trade = _node(root, _TRADE)
    document = _node(root, _DOCUMENT)
    agreement = _node(trade, "ApplicableHeaderTradeAgreement|ApplicableSupplyChainTradeAgreement")
    settlement = _node(trade, "ApplicableHeaderTradeSettlement|ApplicableSupplyChainTradeSettlement")
    sums = "SpecifiedTradeSettlementHeaderMonetarySummation|SpecifiedTradeSettlementMonetarySummation"
    totals = _node(settlement, sums)
    currency = _text(settlement, "InvoiceCurrencyCode")
    terms = "\n".join(
        (element.text or "").strip() for element in _all(settlement, "SpecifiedTradePaymentTerms/Description")
    )
    in_currency = f"TaxTotalAmount[@currencyID='{currency}']" if currency.isalpha() else "TaxTotalAmount"
    vat = _amount(totals, in_currency)
    line_sum = (
        "SpecifiedLineTradeSettlement|SpecifiedSupplyChainTradeSettlement/"
        "SpecifiedTradeSettlementLineMonetarySummation|SpecifiedTradeSettlementMonetarySummation/LineTotalAmount"
    )
    context = "ExchangedDocumentContext|SpecifiedExchangedDocumentContext"
    terms_day = "SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString"
    preceding = "InvoiceReferencedDocument/IssuerAssignedID|ID"
    return Invoice(
        syntax=syntax,
        profile=_text(root, f"{context}/GuidelineSpecifiedDocumentContextParameter/ID"),
        number=_text(document, "ID"),
        issued_on=_day(_text(document, "IssueDateTime/DateTimeString")),
        type_code=_text(document, "TypeCode"),
        currency=currency,
        due_on=max(filter(None, map(_day, _texts_or_none(settlement, terms_day))), default=None),
        terms=terms,
        net=_amount(totals, "TaxBasisTotalAmount"),
        vat=vat if vat is not None else _amount(totals, "TaxTotalAmount[not(@currencyID)]"),
        gross=_amount(totals, "GrandTotalAmount"),
        prepaid=_amount(totals, "TotalPrepaidAmount"),
        rounding=_amount(totals, "RoundingAmount"),
        payable=_amount(totals, "DuePayableAmount"),
        third_party=sum(_amounts(_all(settlement, "SpecifiedAdvancePayment"), "PaidAmount"), Decimal(0))
        or None,
        lines_total=_amount(totals, "LineTotalAmount"),
        line_amounts=_amounts(_all(trade, "IncludedSupplyChainTradeLineItem"), line_sum),
        reference=_text(settlement, "PaymentReference"),
        buyer_reference=_text(agreement, "BuyerReference"),
        means_code=_text(settlement, f"{_MEANS}/TypeCode"),
        seller=_cii_party(_node(agreement, "SellerTradeParty")),
        buyer=_cii_party(_node(agreement, "BuyerTradeParty")),
        payee=_text(settlement, "PayeeTradeParty/Name"),
        iban=_text(settlement, f"{_ACCOUNT}/IBANID", f"{_ACCOUNT}/ProprietaryID"),
        bic=_text(settlement, f"{_MEANS}/PayeeSpecifiedCreditorFinancialInstitution/BICID"),
        debited_iban=_text(settlement, f"{_MEANS}/PayerPartyDebtorFinancialAccount/IBANID"),
        preceding=_texts_or_none(settlement, preceding),
        discounts=_cii_discounts(settlement) or skonto(terms),
    )


def _texts_or_none(node: etree._Element | None, path: str) -> tuple[str, ...]:
    return _texts(node, path) if node is not None else ()


def _cii_discounts(settlement: etree._Element | None) -> tuple[Discount, ...]:
    """Discounts in elements of their own (EXTENDED profile): a period in days and a per cent."""
    found = []
    for node in _all(settlement, "SpecifiedTradePaymentTerms/ApplicableTradePaymentDiscountTerms"):
        days = _amount(node, "BasisPeriodMeasure[@unitCode='DAY']")
        percent = _amount(node, "CalculationPercent")
        if days is not None and percent is not None and days == int(days) and 0 < percent <= 100:
            found.append(Discount(int(days), percent, _amount(node, "BasisAmount")))
    return tuple(found)


def _cii_party(node: etree._Element | None) -> Party:
    address = _node(node, "PostalTradeAddress")
    contact = _node(node, "DefinedTradeContact")
    mail = "EmailURIUniversalCommunication/URIID|CompleteNumber"
    return Party(
        name=_text(node, "Name"),
        identifier=_text(node, "ID[not(@schemeID)]"),
        vat_id=_vat_id(_text(node, "SpecifiedTaxRegistration/ID[@schemeID='VA']")),
        tax_number=_text(node, "SpecifiedTaxRegistration/ID[@schemeID='FC']"),
        street=_text(address, "LineOne"),
        extra=_text(address, "LineTwo"),
        postcode=_text(address, "PostcodeCode"),
        city=_text(address, "CityName"),
        country=_text(address, "CountryID"),
        contact=_text(contact, "PersonName", "DepartmentName"),
        phone=_text(contact, "TelephoneUniversalCommunication/CompleteNumber"),
        email=_text(contact, mail) or _text(node, "URIUniversalCommunication/URIID[@schemeID='EM']"),
    )
