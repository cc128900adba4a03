"""Names, titles and addresses as DIN 5008 has them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.letters.samples import ANNA, SHOP

from mahnwerk.letters.address import address_lines, greeting
from mahnwerk.letters.model import Recipient


@pytest.mark.parametrize(
    ("changes", "language", "expected"),
    [
        ({}, "de", "Guten Tag Frau Dr. Müller-Lüdenscheidt,"),
        ({}, "en", "Dear Dr Müller-Lüdenscheidt,"),
        ({"title": ""}, "en", "Dear Ms Müller-Lüdenscheidt,"),
        ({"title": "Prof. Dr."}, "de", "Guten Tag Frau Prof. Müller-Lüdenscheidt,"),
        ({"title": "Dipl.-Ing."}, "de", "Guten Tag Frau Müller-Lüdenscheidt,"),
        ({"salutation": "", "title": ""}, "de", "Guten Tag Anna-Lena Müller-Lüdenscheidt,"),
        ({"salutation": "", "title": ""}, "en", "Dear Anna-Lena Müller-Lüdenscheidt,"),
        (
            {"salutation": "Familie", "title": "", "first_name": ""},
            "de",
            "Guten Tag Familie Müller-Lüdenscheidt,",
        ),
        ({"last_name": "", "company": "Bäcker GmbH"}, "de", "Guten Tag,"),
        ({"last_name": "", "company": "Bäcker GmbH"}, "en", "Hello,"),
    ],
)
def test_greeting(changes: dict[str, str], language: str, expected: str) -> None:
    assert greeting(replace(ANNA, **changes), language) == expected


def test_lines_of_a_person_and_of_a_company_abroad() -> None:
    assert address_lines(ANNA, SHOP, "de") == (
        "Frau Dr. Anna-Lena Müller-Lüdenscheidt",
        "Große Straße 7a",
        "80331 München",
    )
    abroad = Recipient(
        company="Dupont & Fils",
        salutation="Herr",
        last_name="Dupont",
        address_extra="2e étage",
        street="12 rue de la Paix",
        postcode="75002",
        city="Paris",
        country="fr",
    )
    assert address_lines(abroad, SHOP, "de") == (
        "Dupont & Fils",
        "Herrn Dupont",
        "2e étage",
        "12 rue de la Paix",
        "75002 Paris",
        "FRANKREICH",
    )
    british = replace(abroad, postcode="SW1A 1AA", city="London", country="GB")
    assert address_lines(british, SHOP, "en")[-2:] == ("London SW1A 1AA", "UNITED KINGDOM")


def test_country_is_named_only_abroad() -> None:
    swiss = replace(SHOP, country="CH")
    assert address_lines(ANNA, swiss, "de")[-1] == "DEUTSCHLAND"
