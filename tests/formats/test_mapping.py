"""Mapping files: other layouts come in; mistakes in the mapping are named with the nearest known word."""

from __future__ import annotations

from datetime import date

import pytest

from mahnwerk.formats import claims_csv
from mahnwerk.formats.mapping import detect, parse_mapping, shipped_mappings
from mahnwerk.formats.rejects import FormatError

MAPPING = """
name: shop
signature: [Nr, Summe]
columns:
  invoice_number: Nr
  customer_number: Kunde
  amount: {from: Summe, amount_format: decimal_comma}
  issued_on: {from: Am, date_format: m/d/y}
  due_on: {from: Bis, date_format: yyyymmdd}
  debtor_kind: {from: Typ, values: {P: consumer, F: business}}
constants: {currency: CHF}
ignored: [Notiz]
warn_where: [{from: Notiz, value: alt, message: "{count} rows are old."}]
"""
FILE = b"Nr;Kunde;Summe;Am;Bis;Typ;Notiz\nA1;K1;1.234;3/2/2026;20260316;P;alt\n"


def test_a_mapping_translates_columns_values_and_forms() -> None:
    result = claims_csv.read(FILE, mapping=parse_mapping(MAPPING, "shop.yaml"))
    claim = result.claims.row(0, named=True)
    assert (claim["amount_cents"], claim["currency"], claim["debtor_kind"]) == (123_400, "CHF", "consumer")
    assert (claim["issued_on"], claim["due_on"]) == (date(2026, 3, 2), date(2026, 3, 16))
    assert "1 rows are old." in result.warnings


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("customer_number", "customer_numbr"), "Did you mean customer_number"),
        (("columns:", "colums:"), "Did you mean columns"),
        (("m/d/y", "d/m/Y"), "date_format"),
        (("decimal_comma", "comma"), "amount_format"),
        (("{currency: CHF}", "{currency: CHF, amount: 1}"), "keep one"),
        (("constants: {currency: CHF}", "constants: {currency: CHF}\nname: again"), "name"),
        (("signature: [Nr, Summe]", "reads: invoices"), "reads"),
        (("message:", "text:"), "warn_where"),
    ],
)
def test_mistakes_in_a_mapping_are_named(change: tuple[str, str], said: str) -> None:
    text = MAPPING.replace(*change)
    assert text != MAPPING
    with pytest.raises(FormatError, match=said):
        parse_mapping(text, "shop.yaml")


def test_a_column_the_mapping_does_not_know_is_refused_and_an_absent_one_too() -> None:
    mapping = parse_mapping(MAPPING, "shop.yaml")
    with pytest.raises(FormatError, match="Neu"):
        claims_csv.read(FILE.replace(b"Notiz", b"Neu"), mapping=mapping)
    with pytest.raises(FormatError, match="expects the column „Typ“"):
        claims_csv.read(FILE.replace(b"Typ;", b"Notiz;"), mapping=mapping)


def test_shipped_mappings_are_found_by_their_header() -> None:
    for mapping in shipped_mappings():
        assert mapping.signature
        assert detect(mapping.signature, mapping.reads) is mapping
    assert detect(("Rechnungsnummer", "Betrag"), "claims") is None
