"""Mandates from CSV: German or English heads, and every mistake with its reason."""

from __future__ import annotations

from datetime import date

import pytest

from mahnwerk.formats import mandates_csv
from mahnwerk.formats.rejects import rejects_csv

HEAD = "Kundennummer;Mandatsreferenz;Gläubiger-ID;Unterschrieben am;Sequenztyp;IBAN;Kontoinhaber"
ROW = "K-1;M-1;DE98 ZZZ0 9999 9999 99;01.03.2026;Folgelastschrift;DE02 1203 0000 0000 2020 51;Änne Abel"


def read(*rows: str, head: str = HEAD) -> mandates_csv.Imported:
    return mandates_csv.read("\n".join((head, *rows, "")).encode())


def test_a_row_is_read_exactly() -> None:
    (row,) = read(ROW).mandates.to_dicts()
    assert row == {
        "row_no": 2,
        "creditor_key": "",
        "customer_number": "K-1",
        "case_reference": "",
        "reference": "M-1",
        "creditor_identifier": "DE98ZZZ09999999999",
        "signed_on": date(2026, 3, 1),
        "sequence": "RCUR",
        "iban": "DE02120300000000202051",
        "account_holder": "Änne Abel",
    }


def test_english_heads_and_an_empty_sequence() -> None:
    head = "case reference,mandate reference,creditor identifier,signature date"
    (row,) = read("1-000042,M-2,DE98ZZZ09999999999,2026-03-01", head=head).mandates.to_dicts()
    assert (row["case_reference"], row["sequence"], row["iban"]) == ("1-000042", "FRST", "")


@pytest.mark.parametrize(
    ("old", "new", "column", "code"),
    [
        ("K-1;", ";", "Kundennummer", "missing"),
        ("M-1", "", "Mandatsreferenz", "missing"),
        ("M-1", "M" * 36, "Mandatsreferenz", "mandate"),
        ("M-1", "M–1", "Mandatsreferenz", "mandate"),
        ("DE98 ZZZ0 9999 9999 99", "DE97ZZZ09999999999", "Gläubiger-ID", "mandate"),
        ("DE98 ZZZ0 9999 9999 99", "", "Gläubiger-ID", "mandate"),
        ("01.03.2026", "31.02.2026", "Unterschrieben am", "date"),
        ("01.03.2026", "", "Unterschrieben am", "missing"),
        ("2020 51", "2020 52", "IBAN", "iban"),
        ("Folgelastschrift", "manchmal", "Sequenztyp", "word"),
    ],
)
def test_what_is_wrong_comes_back_with_its_reason(old: str, new: str, column: str, code: str) -> None:
    found = read(ROW.replace(old, new, 1))
    assert found.mandates.is_empty()
    assert found.rejects.select("row_no", "column", "code").rows() == [(2, column, code)]
    assert rejects_csv(found).decode("utf-8-sig").splitlines()[0].endswith(HEAD.replace(";", '";"') + '"')


def test_the_same_mandate_twice_in_a_file_counts_once_and_with_other_content_not_at_all() -> None:
    assert read(ROW, ROW).mandates.height == 1
    found = read(ROW, ROW.replace("01.03.2026", "02.03.2026"))
    assert found.mandates.height == 1
    assert found.rejects["code"].to_list() == ["conflict"]
