"""Terms files: read exactly, or told what is wrong."""

from __future__ import annotations

from datetime import date

import pytest

from mahnwerk.formats.payout_terms import TermsFile, parse_terms
from mahnwerk.formats.rejects import FormatError

TEXT = """
creditor: radwerk
valid_from: 2026-01-01
fees:
  {principal_percent: "4.5", interest_percent: "0", costs_percent: "100", per_payment_cents: 25, vat: true}
reserve: {percent: "10", days: 56}
minimum_payout_cents: 500
pay_to: {name: Radwerk GmbH, iban: "DE02 1203 0000 0000 2020 51"}
pay_from: {name: Marktplatz AG, iban: DE02500105170137075030}
"""


def test_a_whole_file() -> None:
    assert parse_terms(TEXT, "terms.yaml") == TermsFile(
        creditor="radwerk",
        valid_from=date(2026, 1, 1),
        principal_ppm=45_000,
        interest_ppm=0,
        costs_ppm=1_000_000,
        per_payment_cents=25,
        per_payout_cents=0,
        has_vat=True,
        reserve_ppm=100_000,
        reserve_days=56,
        minimum_cents=500,
        pay_to_name="Radwerk GmbH",
        pay_to_iban="DE02120300000000202051",
        pay_from_name="Marktplatz AG",
        pay_from_iban="DE02500105170137075030",
    )


def test_the_least_that_must_be_said() -> None:
    told = parse_terms("creditor: a\nvalid_from: 2026-01-01\n", "terms.yaml")
    assert (told.principal_ppm, told.reserve_days, told.minimum_cents, told.pay_to_iban) == (0, 0, 1, "")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"4.5"', '"450"', "principal_percent: must be at most 100"),
        ('"4.5"', "4", "in quotes"),
        ("days: 56", "days: 500", "reserve.days: must be a whole number of 0 to 400"),
        ("vat: true", "vat: 19", "fees.vat: must be true or false"),
        ("2020 51", "2020 52", "pay_to.iban"),
        ("creditor: radwerk", "seller: radwerk", "seller: unknown key"),
        ("creditor: radwerk", "", "creditor: missing"),
        ("minimum_payout_cents: 500", "minimum_payout_cents: -1", "minimum_payout_cents"),
        ("valid_from: 2026-01-01", "valid_from: soon", "must be a day"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, problem: str) -> None:
    with pytest.raises(FormatError, match=problem):
        parse_terms(TEXT.replace(old, new), "terms.yaml")
