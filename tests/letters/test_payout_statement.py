"""The payout statement says the figures it was given, and only figures that add up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pypdfium2
import pytest

from mahnwerk.letters.model import LetterError
from mahnwerk.letters.payout_statement import PayoutItem, PayoutStatement, render_statement, sums

STATEMENT = PayoutStatement(
    reference="PO-1-000003",
    on=date(2026, 3, 31),
    currency="EUR",
    language="de",
    operator="Marktplatz AG",
    address=("Radwerk *GmbH* #1", "Größlerweg 4", "04103 Leipzig"),
    iban="DE02120300000000202051",
    opening_cents=1_000,
    principal_cents=140_000,
    interest_cents=1_000,
    costs_cents=2_500,
    other_cents=-300,
    payment_count=2,
    fee_cents=9_550,
    vat_cents=1_815,
    vat_ppm=190_000,
    reserve_cents=14_350,
    amount_cents=118_485,
    items=(
        PayoutItem(date(2026, 3, 2), "M-000001", "RE-1", "principal", 100_000),
        PayoutItem(date(2026, 3, 9), "M-000002", "RE-2", "costs", -2_500),
    ),
)


def words(pdf: bytes) -> str:
    pages = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in pages)


def test_the_pdf_says_every_figure() -> None:
    pdf = render_statement(STATEMENT)
    assert pdf == render_statement(STATEMENT)
    said = " ".join(words(pdf).replace("\u00a0", " ").split())
    for part in (
        "Abrechnung PO-1-000003",
        "Radwerk *GmbH* #1",
        "1.400,00 €",
        "Gebühren (Zahlungen: 2)",
        "95,50 €",
        "Umsatzsteuer 19 %",
        "143,50 €",
        "Auszahlung 1.184,85 €",
        "DE02 1203 0000 0000 2020 51",
        "Seite 1 von 1",
        "M-000002",
        "25,00 €",
    ):
        assert part in said, part


def test_english() -> None:
    said = words(render_statement(replace(STATEMENT, language="en")))
    assert "Payout statement PO-1-000003" in said and "Reserve for possible returns" in said


def test_more_payments_returned_than_new_are_no_number_below_zero() -> None:
    labels = [label for label, _ in sums(replace(STATEMENT, payment_count=-1))]
    assert "Gebühren (mehr zurück als neu, Zahlungen: 1)" in labels


def test_lines_add_up_or_nothing_is_printed() -> None:
    assert sum(cents for _, cents in sums(STATEMENT)) == 118_485
    with pytest.raises(LetterError, match="do not add up"):
        render_statement(replace(STATEMENT, amount_cents=118_486))
