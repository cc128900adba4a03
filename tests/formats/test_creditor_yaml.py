"""A creditor file is read whole, or every problem of it is named at once."""

from __future__ import annotations

import pytest

from mahnwerk.formats.creditor_yaml import KEYS, parse_creditor
from mahnwerk.formats.rejects import FormatError
from mahnwerk.frames import Channel, Role

GOOD = """
key: lindenhof
name: Lindenhof Gartenbedarf GmbH
address: {street: Gärtnerweg 4, postcode: "04103", city: Leipzig}
iban: DE02 1203 0000 0000 2020 51
vat_id: DE 136695976
contact: {person: Mara Lind, phone: "+49 341 5550123", email: konto@lindenhof.example, hours: Mo–Fr 9–16 Uhr}
role: self
input_tax_deductible: true
letter_cost_cents: {post: 76}
creditor_identifier: DE98 ZZZ 0999 9999 999
logo: logo.png
feeds: [{name: bank, max_age_days: 3}]
"""


def test_a_good_file_is_read() -> None:
    creditor = parse_creditor(GOOD, "lindenhof.yaml")
    assert (creditor.key, creditor.postcode, creditor.country) == ("lindenhof", "04103", "DE")
    assert (creditor.iban, creditor.vat_id) == ("DE02120300000000202051", "DE136695976")
    assert (creditor.role, creditor.is_lender) == (Role.OWN, False)
    assert creditor.letter_cost_cents == {Channel.POST: 76}
    assert creditor.feeds[0].max_age_days == 3
    assert creditor.registration is None
    assert creditor.creditor_identifier == "DE98ZZZ09999999999"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("name: Lindenhof Gartenbedarf GmbH\n", ""), "name: missing"),
        (('"04103"', '"4103"'), "no postcode of DE"),
        (('"04103"', "4103"), "put it into quotes"),
        (("2020 51", "2020 15"), "check digits"),
        (("DE98 ZZZ", "DE89 ZZZ"), "creditor_identifier: .*wrong check digits"),
        (("role: self", "role: agancy"), "Did you mean agency"),
        (("role: self", "role: agency"), "registration.number: needed"),
        (("vat_id:", "vatid:"), "Did you mean vat_id"),
        (("post: 76", "post: 7600"), "letter_cost_cents.post"),
        (("post: 76", "post: 0.76"), "quotes"),
        (("max_age_days: 3", "max_age_days: 0"), "max_age_days"),
        (("logo.png", "logo.svg"), "PNG or JPEG"),
        (("input_tax_deductible: true", "input_tax_deductible: maybe"), "true or false"),
        (("role: self", "role: self\nrole: own"), "role"),
        (("konto@lindenhof.example", "konto"), "not an e-mail"),
        (("key: lindenhof", "key: Linden Hof"), "lower-case"),
    ],
)
def test_each_problem_names_its_key_and_the_remedy(change: tuple[str, str], said: str) -> None:
    text = GOOD.replace(*change)
    assert text != GOOD
    with pytest.raises(FormatError, match=said):
        parse_creditor(text, "lindenhof.yaml")


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(FormatError) as raised:
        parse_creditor("role: own\n", "empty.yaml")
    said = str(raised.value)
    assert all(f"- {key.name}: missing" in said for key in KEYS if key.required and key.name != "role")


def test_an_agency_shows_its_registration() -> None:
    text = GOOD.replace(
        "role: self",
        "role: agency\nregistration: {number: 3712-I-77, authority: Bundesamt für Justiz, "
        "authority_address: [Adenauerallee 99–103, 53113 Bonn], authority_contact: rdg@bfj.bund.de}\n"
        'client: {name: Möbelhaus Grünwald GmbH, street: Lindenallee 12, postcode: "70173", city: Stuttgart, '
        "subject: Kauf von Möbeln}",
    )
    creditor = parse_creditor(text, "agency.yaml")
    assert creditor.role is Role.AGENCY
    assert creditor.registration is not None
    assert creditor.registration.authority_address == ("Adenauerallee 99–103", "53113 Bonn")
    assert creditor.client is not None
    assert (creditor.client.name, creditor.client.city) == ("Möbelhaus Grünwald GmbH", "Stuttgart")


def test_an_agency_says_for_whom_and_for_what() -> None:
    text = GOOD.replace("role: self", "role: agency")
    with pytest.raises(FormatError) as raised:
        parse_creditor(text, "agency.yaml")
    for name in ("registration.authority_address", "client.name", "client.city", "client.subject"):
        assert f"- {name}: needed" in str(raised.value)
