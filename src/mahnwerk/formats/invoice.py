"""An e-invoice as EN 16931 means it, whichever syntax carried it, and the claim it makes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

import polars as pl

from mahnwerk.formats import checks
from mahnwerk.formats.rejects import Imported, refused
from mahnwerk.frames import IMPORTED_CLAIMS, PERSON, PRINCIPAL_CENTS_MAX, ClaimKind, DueKind

# fmt: off
CREDIT_NOTE_CODES: Final = frozenset(
    ("81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "532")
)
INVOICE_CODES: Final = frozenset(
    ("71", "80", "82", "84", "102", "130", "202", "203", "204", "211", "218", "219", "295", "326", "331",
     "380", "382", "383", "384", "385", "386", "387", "388", "389", "390", "393", "394", "395", "456", "457",
     "471", "472", "473", "500", "501", "502", "503", "527", "553", "575", "623", "633", "751", "780", "817",
     "870", "875", "876", "877", "935")
)
# fmt: on
"""BT-3 (UNTDID 1001) as EN 16931 allows it; 325, pro forma, is left out: it asks for nothing."""
DIRECT_DEBIT_CODES: Final = frozenset(("49", "59"))
_DAYS: Final = re.compile(
    r"(\d{1,3})\s*(?:kalender)?(?:tagen?|days?|jours|giorni|dagen)\b|\b(?:net|netto)\s*(\d{1,3})\b",
    re.IGNORECASE,
)
_TIME_WORDS: Final = re.compile(
    r"\d|\b(?:tagen?|wochen?|monats?|monate|quartal|days?|weeks?|months?|ende|end of|ultimo)\b", re.IGNORECASE
)
_DAY: Final = re.compile(r"\b(\d{1,2})\.(\d{1,2})\.(\d{4})\b|\b(\d{4})-(\d{2})-(\d{2})\b")
_SKONTO: Final = re.compile(
    r"#SKONTO#TAGE=(\d{1,3})#PROZENT=(\d{1,3}(?:\.\d{1,2})?)#(?:BASISBETRAG=(-?\d+(?:\.\d{1,2})?)#)?"
)


@dataclass(frozen=True)
class Party:
    """Seller or buyer."""

    name: str = ""  # BT-27, BT-44
    identifier: str = ""  # BT-29, BT-46: the seller's number for the buyer
    vat_id: str = ""  # BT-31, BT-48
    tax_number: str = ""  # BT-32
    street: str = ""  # BT-35, BT-50
    extra: str = ""  # BT-36, BT-51
    postcode: str = ""  # BT-38, BT-53
    city: str = ""  # BT-37, BT-52
    country: str = ""  # BT-40, BT-55
    contact: str = ""  # BT-41, BT-56
    phone: str = ""  # BT-42, BT-57
    email: str = ""  # BT-43, BT-58; else BT-34, BT-49 where it is an e-mail address


@dataclass(frozen=True)
class Discount:
    """Skonto: per cent off when paid within days of the invoice."""

    days: int
    percent: Decimal
    base: Decimal | None = None


@dataclass(frozen=True)
class Invoice:
    """The fields of an e-invoice that matter for a claim; amounts exact, in the invoice's currency."""

    syntax: str  # ubl, cii or zugferd-1
    profile: str  # BT-24
    number: str  # BT-1
    issued_on: date | None  # BT-2
    type_code: str  # BT-3
    currency: str  # BT-5
    due_on: date | None  # BT-9
    terms: str  # BT-20
    net: Decimal | None  # BT-109
    vat: Decimal | None  # BT-110
    gross: Decimal | None  # BT-112
    prepaid: Decimal | None  # BT-113
    rounding: Decimal | None  # BT-114
    payable: Decimal | None  # BT-115
    third_party: Decimal | None  # BT-DEX-002 of the XRechnung extension: claims of others, collected along
    lines_total: Decimal | None  # BT-106
    line_amounts: tuple[Decimal, ...]  # BT-131
    reference: str  # BT-83
    buyer_reference: str  # BT-10
    means_code: str  # BT-81
    seller: Party
    buyer: Party
    payee: str  # BT-59
    iban: str  # BT-84
    bic: str  # BT-86
    debited_iban: str  # BT-91
    preceding: tuple[str, ...]  # BT-25
    discounts: tuple[Discount, ...] = field(default=())

    @property
    def is_credit_note(self) -> bool:
        """By its type, or because it asks for less than nothing."""
        return self.type_code in CREDIT_NOTE_CODES or (self.payable is not None and self.payable < 0)

    @property
    def is_xrechnung(self) -> bool:
        """Whether it says it keeps the German rules."""
        return "xrechnung" in self.profile.casefold()


@dataclass(frozen=True)
class Due:
    """The due date and where it was found."""

    on: date | None
    warning: str = ""


def due(invoice: Invoice) -> Due:
    """The due date: BT-9, else as the payment terms say, else at once (§ 271 Abs. 1 BGB).

    Terms are read for „30 Tage“, „net 30“, „within 30 days“ and for a date; of several the latest
    counts, which favours the debtor. Terms with figures that cannot be read give no date.
    """
    issued = invoice.issued_on
    if invoice.due_on or issued is None:
        return Due(invoice.due_on)
    words = _SKONTO.sub("", invoice.terms)
    words = re.sub(r"#VERZUG#[^\n]*", "", words).strip()
    if invoice.discounts and not _TIME_WORDS.search(words):
        on = issued + timedelta(max(discount.days for discount in invoice.discounts))
        return Due(on, f"No due date (BT-9): taken as {on}, the last day of the discount.")
    found = [issued + timedelta(int(one or other)) for one, other in _DAYS.findall(words)]
    for day, month, year, iso_year, iso_month, iso_day in _DAY.findall(words):
        try:
            found.append(date(int(year or iso_year), int(month or iso_month), int(day or iso_day)))
        except ValueError:
            return Due(None)
    found = [day for day in found if day >= issued]
    if found:
        on = max(found)
        return Due(on, f"No due date (BT-9): taken as {on} from the payment terms „{words[:80]}“.")
    if _TIME_WORDS.search(words):
        return Due(None)
    return Due(issued, "No due date (BT-9): due at once, on the day of the invoice (§ 271 Abs. 1 BGB).")


def skonto(terms: str) -> tuple[Discount, ...]:
    """Discounts written into BT-20 as XRechnung asks: `#SKONTO#TAGE=14#PROZENT=2.00#`."""
    return tuple(
        Discount(int(days), Decimal(percent), Decimal(base) if base else None)
        for days, percent, base in _SKONTO.findall(terms)
    )


def imported(invoice: Invoice) -> Imported:
    """The claim or credit note an invoice makes, as IMPORTED_CLAIMS, or why it makes none.

    The principal is what is still payable (BT-115), so prepaid amounts (BT-113) are already off. A
    buyer is a business unless somebody says otherwise: e-invoices are exchanged between businesses
    and with public bodies.

    Parameters
    ----------
    invoice : checked by `invoice_rules.broken`; nothing mandatory is missing.

    Returns
    -------
    Imported with one row in `claims`, or one in `rejects`.
    """
    if invoice.currency not in ("EUR", "CHF"):
        return refused(
            "currency",
            f"the invoice is in {invoice.currency}; this programme keeps EUR and CHF",
            "Collect it by other means.",
            column="BT-5",
            value=invoice.currency,
        )
    assert invoice.payable is not None  # noqa: S101 (BR-15 was checked)
    cents = int(abs(invoice.payable) * 100)
    if cents == 0:
        return refused(
            "nothing_due",
            "the payable amount is 0: nothing to collect",
            "Nothing need be done; the invoice is paid or asks for nothing.",
            column="BT-115",
            value=str(invoice.payable),
        )
    if cents > PRINCIPAL_CENTS_MAX:
        return refused("amount", "the payable amount is too large", "Check it.", column="BT-115")
    when = due(invoice)
    if not invoice.is_credit_note:
        problem = _due_problem(invoice, when)
        if problem:
            return problem
    row, warnings = _row(invoice, cents, when)
    claims = pl.DataFrame([row], schema=dict(IMPORTED_CLAIMS))
    return Imported(claims=claims, warnings=tuple(warnings), row_count=1, layout=invoice.syntax)


def _due_problem(invoice: Invoice, when: Due) -> Imported | None:
    if when.on is None:
        return refused(
            "missing",
            f"no due date (BT-9), and the payment terms cannot be read for certain: „{invoice.terms[:120]}“",
            "Ask the issuer for the due date, or enter the claim with a CSV file.",
            column="BT-9",
            value=invoice.terms[:200],
        )
    if invoice.issued_on and when.on < invoice.issued_on:
        return refused(
            "order",
            f"due on {when.on}, before the day of the invoice, {invoice.issued_on}",
            "Ask the issuer for a corrected invoice, or enter the claim with a CSV file.",
            column="BT-9",
            value=str(when.on),
        )
    return None


def _row(invoice: Invoice, cents: int, when: Due) -> tuple[dict[str, Any], list[str]]:
    buyer, seller = invoice.buyer, invoice.seller
    is_credit = invoice.is_credit_note
    warnings = [when.warning] if when.warning and not is_credit else []
    row: dict[str, Any] = dict.fromkeys(PERSON, "")
    row |= {
        "row_no": 1,
        "customer_number": buyer.identifier,
        "company": buyer.name,
        "address_extra": buyer.extra,
        "street": buyer.street,
        "postcode": buyer.postcode,
        "city": buyer.city,
        "country": buyer.country or "DE",
        "email": _email(buyer.email, warnings),
        "phone": buyer.phone,
        "iban": _iban(invoice.debited_iban, "BT-91", warnings),
        "vat_id": buyer.vat_id,
        "debtor_kind": "business",
        "land": None,
        "creditor_key": "",
        "creditor_name": seller.name,
        "creditor_vat_id": seller.vat_id,
        "creditor_iban": _iban(invoice.iban, "BT-84", warnings),
        "invoice_number": invoice.number,
        "reference": invoice.reference,
        "currency": invoice.currency,
        "amount_cents": cents,
        "issued_on": invoice.issued_on,
        "due_on": None if is_credit else when.on,
        "received_on": None,
        "due_kind": int(DueKind.INVOICE),
        "kind": int(ClaimKind.GOODS_OR_SERVICES),
        "has_default_notice": False,
        "is_secured": False,
        "is_credit_note": is_credit,
        "credits_invoice": invoice.preceding[0] if is_credit and invoice.preceding else "",
    }
    if invoice.discounts and not is_credit:
        row |= _discount(invoice, cents, warnings)
    warnings += _remarks(invoice)
    return {column: row.get(column) for column in IMPORTED_CLAIMS}, warnings


def _iban(raw: str, term: str, warnings: list[str]) -> str:
    """The IBAN where it is one; a wrong one is left out with a warning, the claim stays."""
    compact = checks.compact_iban(pl.Series([raw]))
    reason = checks.iban_reasons(compact)[0]
    if reason:
        warnings.append(f"{term} „{raw[:40]}“ {reason}; it was left out.")
        return ""
    return str(compact[0])


def _email(raw: str, warnings: list[str]) -> str:
    """The buyer's address where it has the shape of one; else it is left out with a warning."""
    if raw and not re.match(checks.EMAIL, raw):
        warnings.append(f"The buyer's e-mail „{raw[:80]}“ is not an address; it was left out.")
        return ""
    return raw


def _discount(invoice: Invoice, cents: int, warnings: list[str]) -> dict[str, Any]:
    """The discount with the longest time; a claim holds one. One of 0 per cent only names the due date."""
    offered = [discount for discount in invoice.discounts if discount.percent > 0]
    if not offered:
        return {}
    chosen = max(offered, key=lambda discount: discount.days)
    base = chosen.base * 100 if chosen.base is not None else Decimal(cents)
    off = int((base * chosen.percent / 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))
    if len(offered) > 1:
        warnings.append(
            f"{len(offered)} discounts are offered; kept was {chosen.percent} % within "
            f"{chosen.days} days, the one with the longest time."
        )
    assert invoice.issued_on is not None  # noqa: S101 (BR-03 was checked)
    return {
        "discount_cents": max(0, min(off, cents)),
        "discount_until": invoice.issued_on + timedelta(chosen.days),
    }


def _remarks(invoice: Invoice) -> list[str]:
    said = []
    if invoice.means_code in DIRECT_DEBIT_CODES:
        said.append("To be collected by direct debit (BT-81): remind only after the debit has failed.")
    if invoice.type_code == "384" and not invoice.is_credit_note:
        corrected = ", ".join(invoice.preceding) or "an earlier invoice"
        said.append(f"Corrects {corrected} (BT-3 = 384): close that claim if it is in the book.")
    if "#VERZUG#" in invoice.terms:
        said.append(
            "The terms name default interest (#VERZUG#); no invoice alone agrees on it, the law's counts."
        )
    if not invoice.seller.vat_id and not invoice.iban:
        said.append("The seller shows neither VAT number nor IBAN: name the creditor when importing.")
    if invoice.payee:
        said.append(f"To be paid to {invoice.payee} (BT-59) instead of the seller: check who may collect it.")
    if invoice.third_party:
        said.append(
            f"{invoice.third_party} {invoice.currency} of it are claims of third parties (BG-DEX-09)."
        )
    if invoice.prepaid is not None and invoice.prepaid > 0:
        said.append(f"{invoice.prepaid} {invoice.currency} were paid before (BT-113) and are already off.")
    return said
