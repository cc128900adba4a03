"""Every e-invoice of the sample collection is a claim, a credit note, or refused for a reason we stand by."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import facturx
import pytest
from tests.formats.einvoice_table import outcome, outcomes

from mahnwerk.formats import xml_door
from mahnwerk.formats.rejects import Imported

FOLDER = Path(__file__).parents[3] / "shared/data/2-e-invoices"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FOLDER.exists(), reason=f"sample data not found at {FOLDER}"),
]

XRECHNUNG = "xrechnung-testsuite"
EXPECTED = {
    "claim",
    "credit note",
    "refused: currency BT-5",  # Danish, Norwegian, Swedish, Hungarian, US money
    "refused: nothing_due BT-115",  # prepaid in full
    "refused: order BT-9",  # due before issued
    "refused: missing BT-9",  # terms with the number of days blanked out
    "refused: invoice BR-CO-15",  # the file is made not to validate
    "refused: invoice BR-CO-25",  # positive payable, empty terms
    "refused: invoice XSD",  # elements in the wrong order
    "refused: invoice testSet",  # fragments inside a rule test
    "refused: invoice M_INVOIC",
    "refused: invoice FatturaElettronica",
    "refused: invoice CrossDomainAcknowledgementAndResponse",
    "refused: xml",  # cut off in the middle
}


@cache
def collection() -> dict[str, Imported]:
    return {path.as_posix(): result for path, result in outcomes(FOLDER)}


def test_every_file_has_an_outcome_we_stand_by() -> None:
    assert len(collection()) >= 461
    found = {name: outcome(result) for name, result in collection().items()}
    assert not {name: what for name, what in found.items() if what not in EXPECTED}
    for name, result in collection().items():
        assert result.claims.height + (result.rejects.height > 0) == 1, name


def test_only_three_kinds_of_the_official_german_suite_are_refused() -> None:
    official = {name: outcome(result) for name, result in collection().items() if name.startswith(XRECHNUNG)}
    assert Counter(official.values()) == {
        "claim": 78,
        "credit note": 2,
        "refused: nothing_due BT-115": 4,
        "refused: missing BT-9": 2,
    }


def twins() -> list[tuple[str, str]]:
    found = []
    for name in collection():
        other = name.replace("_ubl.xml", "_uncefact.xml").replace("/UBL/", "/CII/").replace(".ubl.", ".cii.")
        if other != name and other in collection():
            found.append((name, other))
    return found


DIFFERENT = {
    "01.02_comprehensive_test_ubl.xml": {"company", "creditor_iban"},
    "01.01_comprehensive_test_ubl.xml": {"company"},
    "01.03_comprehensive_test_ubl.xml": {"company"},
    "01.04_comprehensive_test_ubl.xml": {"company"},
    "01.21a-INVOICE_ubl.xml": {"creditor_vat_id"},
    "03.06a-INVOICE_ubl.xml": {"postcode", "city"},
    "eicar.ubl.xml": set(),
}
"""Columns in which the two files of a pair themselves say different things."""


def test_the_two_syntaxes_of_one_invoice_make_the_same_claim() -> None:
    assert len(twins()) >= 60
    for ubl, cii in twins():
        first, second = collection()[ubl].claims, collection()[cii].claims
        if "not_validating" in ubl:
            continue
        assert first.height == second.height, ubl
        if first.height:
            one, two = first.row(0, named=True), second.row(0, named=True)
            differing = {column for column in one if one[column] != two[column]}
            assert differing == DIFFERENT.get(Path(ubl).name, set()), ubl


def test_the_kept_library_reads_the_same() -> None:
    """factur-x is a second opinion on number, days and money of every file we take."""
    compared = 0
    for name, result in collection().items():
        if not result.claims.height:
            continue
        root = xml_door.parse((FOLDER / name).read_bytes())
        try:
            read: dict[str, Any] = facturx.parse_ubl_cii_xml(root, check_xsd=False)
        except Exception:  # noqa: S112 (the library does not know every profile)
            continue
        claim = result.claims.row(0, named=True)
        compared += 1
        assert claim["invoice_number"] == " ".join(read["BT-1"].split()), name
        assert claim["issued_on"] == read["BT-2"], name
        assert claim["amount_cents"] == abs(int(Decimal(read["BT-115"]) * 100)), name
        if isinstance(read.get("BT-9"), date) and not claim["is_credit_note"]:
            assert claim["due_on"] == read["BT-9"], name
    assert compared > 120


def json_twins() -> list[tuple[str, Path]]:
    found = []
    for name in collection():
        path = FOLDER / name
        if "gobl-cii/data/convert" in name:
            found.append((name, path.parents[1] / f"{path.stem}.json"))
        elif "gobl-cii/data/parse" in name:
            found.append((name, path.parent / "out" / f"{path.stem}.json"))
    return [(name, twin) for name, twin in found if twin.exists()]


RECOMPUTED = {
    "gobl-cii/data/parse/CII_business_example_01.xml",
    "gobl-cii/data/parse/CII_example1.xml",
    "gobl-cii/data/parse/CII_example8.xml",
}
"""GOBL adds the lines up anew and loses document discounts or prices per quantity; the invoice itself
says another payable amount (BT-115), which counts."""


def test_amounts_equal_the_published_json() -> None:
    compared = 0
    for name, twin in json_twins():
        claims = collection()[name].claims
        if not claims.height:
            continue
        document = json.loads(twin.read_text("utf-8"))
        document = document.get("doc", document)
        totals = document["totals"]
        expected = Decimal(totals.get("due") or totals["payable"])
        compared += 1
        is_equal = claims["amount_cents"][0] == abs(int(expected * 100))
        assert is_equal == (name not in RECOMPUTED), name
        assert claims["issued_on"][0] == date.fromisoformat(document["issue_date"]), name
    assert compared >= 25
