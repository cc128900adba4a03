"""The statement of a payout to its creditor: as PDF, and the same figures as plain words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

import typst

from mahnwerk.letters.formatting import clean, day_short, money
from mahnwerk.letters.glyphs import undrawable
from mahnwerk.letters.model import LetterError
from mahnwerk.letters.reference import spaced

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "title": ("Abrechnung {}", "Payout statement {}"),
    "day": ("Tag der Auszahlung", "Day of payout"),
    "account": ("Konto", "Account"),
    "opening": ("Einbehalten aus früheren Abrechnungen", "Kept back before"),
    "principal": ("Eingezogene Hauptforderungen", "Principal collected"),
    "interest": ("Eingezogene Zinsen", "Interest collected"),
    "costs": ("Eingezogene Kosten", "Costs collected"),
    "other": (
        "Bankentgelte, Guthaben von Schuldnern, Zahlungen an Sie selbst",
        "Bank charges, debtors' credits, payments to yourself",
    ),
    "fee": ("Gebühren (Zahlungen: {})", "Fees (payments: {})"),
    "fee_back": (
        "Gebühren (mehr zurück als neu, Zahlungen: {})",
        "Fees (more returned than new, payments: {})",
    ),
    "vat": ("Umsatzsteuer {} %", "Value added tax {}%"),
    "reserve": ("Rücklage für mögliche Rückbuchungen", "Reserve for possible returns"),
    "amount": ("Auszahlung", "Paid out"),
    "what": ("Posten", "Item"),
    "sum": ("Betrag", "Amount"),
    "items": ("Einzelne Zahlungen", "Payments"),
    "case": ("Akte", "Case"),
    "invoice": ("Rechnung", "Invoice"),
    "value_day": ("Wertstellung", "Value date"),
    "component": ("Wofür", "For"),
    "page": ("Seite {}", "Page {}"),
    "of_pages": (" von ", " of "),
    "returned": ("Negative Beträge sind Rückbuchungen.", "Negative amounts were returned."),
    "own": (
        "Diese Abrechnung ist keine Rechnung. Die Rechnung über die Gebühren (§ 14 UStG) kommt gesondert.",
        "This statement is not an invoice. The invoice for the fees (§ 14 UStG) comes separately.",
    ),
}
COMPONENTS: Final = {
    "principal": ("Hauptforderung", "principal"),
    "interest": ("Zinsen", "interest"),
    "costs": ("Kosten", "costs"),
    "other": ("Sonstiges", "other"),
}


@dataclass(frozen=True)
class PayoutItem:
    """What one payment brought to one claim; negative = returned."""

    value_on: date
    case_reference: str
    invoice_number: str
    component: str  # principal, interest, costs, other
    amount_cents: int


@dataclass(frozen=True)
class PayoutStatement:
    """Everything the statement says. `iban` may be ""; amounts in cents, deductions positive."""

    reference: str
    on: date
    currency: str
    language: str
    operator: str
    address: tuple[str, ...]
    iban: str
    opening_cents: int
    principal_cents: int
    interest_cents: int
    costs_cents: int
    other_cents: int
    payment_count: int
    fee_cents: int
    vat_cents: int
    vat_ppm: int
    reserve_cents: int
    amount_cents: int
    items: tuple[PayoutItem, ...]


def sums(statement: PayoutStatement) -> list[tuple[str, int]]:
    """The lines that add up to what is paid out: label and signed cents; empty ones are left out.

    Raises
    ------
    LetterError : they do not add up, so that nothing wrong is ever printed.
    """
    said = statement
    rate = f"{said.vat_ppm / 10_000:g}".replace(".", "," if said.language == "de" else ".")
    lines = [
        (_word("opening", said), said.opening_cents),
        (_word("principal", said), said.principal_cents),
        (_word("interest", said), said.interest_cents),
        (_word("costs", said), said.costs_cents),
        (_word("other", said), said.other_cents),
        (
            _word("fee_back" if said.payment_count < 0 else "fee", said, abs(said.payment_count)),
            -said.fee_cents,
        ),
        (_word("vat", said, rate), -said.vat_cents),
        (_word("reserve", said), -said.reserve_cents),
    ]
    if sum(cents for _, cents in lines) != said.amount_cents:
        raise LetterError(f"payout {said.reference}: the lines do not add up to {said.amount_cents} cents")
    return [(label, cents) for label, cents in lines if cents]


def render_statement(statement: PayoutStatement) -> bytes:
    """Draw the statement as PDF/A. Pure: equal statements give equal bytes.

    Raises
    ------
    LetterError : the figures do not add up, or the page cannot be set.
    """
    text = json.dumps(_data(statement), ensure_ascii=False)
    text = text.translate({ord(sign): f"[U+{ord(sign):04X}]" for sign in undrawable(text)})
    moment = datetime.combine(statement.on, datetime.min.time(), tzinfo=UTC)
    try:
        pdf = _compiler().compile(
            format="pdf",
            sys_inputs={"payout": text},
            pdf_standards=["a-3a"],
            timestamp=int(moment.timestamp()),
        )
    except typst.TypstError as error:
        raise LetterError(f"payout {statement.reference}: the page could not be set: {error}") from error
    return bytes(pdf)


@lru_cache(maxsize=1)
def _compiler() -> Any:
    with (
        as_file(files("mahnwerk.letters") / "fonts") as fonts,
        as_file(files("mahnwerk.letters") / "templates") as root,
    ):
        faces = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(fonts)])
        return typst.Compiler(str(Path(root) / "payout.typ"), root=str(root), font_paths=faces)


def _word(key: str, statement: PayoutStatement, value: object = "") -> str:
    return _WORDS[key][statement.language != "de"].format(value)


def _data(statement: PayoutStatement) -> dict[str, Any]:
    said, language = statement, statement.language

    def amount(cents: int) -> str:
        return money(cents, said.currency, language)

    facts = [(_word("day", said), day_short(said.on, language))]
    if said.iban:
        facts.append((_word("account", said), spaced(clean(said.iban)).replace(" ", "\u00a0")))
    has_returns = any(item.amount_cents < 0 for item in said.items)
    return {
        "title": _word("title", said, said.reference),
        "operator": clean(said.operator),
        "language": language,
        "day": [said.on.year, said.on.month, said.on.day],
        "address": [clean(line) for line in said.address if line],
        "facts": facts,
        "sums_head": [_word("what", said), _word("sum", said)],
        "sums": [[label, amount(cents)] for label, cents in sums(said)],
        "total": [_word("amount", said), amount(said.amount_cents)],
        "items_title": _word("items", said),
        "items_head": [_word(key, said) for key in ("value_day", "case", "invoice", "component", "sum")],
        "items": _item_rows(said.items, said),
        "items_note": _word("returned", said) if has_returns else "",
        "note": _word("own", said),
        "page_words": [_word("page", said), _word("of_pages", said)],
    }


def _item_rows(items: Sequence[PayoutItem], said: PayoutStatement) -> list[list[str]]:
    return [
        [
            day_short(item.value_on, said.language),
            clean(item.case_reference),
            clean(item.invoice_number),
            COMPONENTS[item.component][said.language != "de"],
            money(item.amount_cents, said.currency, said.language),
        ]
        for item in items
    ]
