"""IBANs, e-mail addresses and postcodes: the columnar checks agree with the kept libraries."""

from __future__ import annotations

import re

import polars as pl
import pytest
import schwifty
from hypothesis import given, settings
from hypothesis import strategies as st

from mahnwerk.formats import checks

GOOD = (
    "DE02120300000000202051",
    "AT611904300234573201",
    "CH9300762011623852957",
    "LI21088100002324013AA",
    "NL91ABNA0417164300",
    "FR1420041010050500013M02606",
    "MT84MALT011000012345MTLCAST001S",
)


def reasons(*ibans: str) -> list[str | None]:
    return checks.iban_reasons(checks.compact_iban(pl.Series(ibans))).to_list()


def test_good_ibans_of_many_countries_pass_in_any_spelling() -> None:
    assert reasons(*GOOD) == [None] * len(GOOD)
    assert reasons("de02 1203 0000 0000 2020 51", "", "DE02-1203-0000-0000-2020-51") == [None] * 3


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(GOOD),
    st.integers(0, 21),
    st.text(alphabet="0123456789ABCXZ", min_size=0, max_size=2),
)
def test_damaged_ibans_are_judged_as_schwifty_does(iban: str, at: int, other: str) -> None:
    damaged = iban[:at] + other + iban[at + 1 :]
    accepted = schwifty.IBAN(damaged, allow_invalid=True).is_valid
    assert (reasons(damaged)[0] is None) == accepted


@pytest.mark.parametrize("swap", range(4, 20))
def test_swapped_digits_are_found(swap: int) -> None:
    iban = "DE89370400440532013000"
    swapped = iban[:swap] + iban[swap + 1] + iban[swap] + iban[swap + 2 :]
    assert (reasons(swapped)[0] is None) == (swapped == iban)


@pytest.mark.parametrize(
    ("address", "is_one"),
    [
        ("a@b.de", True),
        ("vor.nach+x@müller-bau.example", True),
        ("o'neill@mail.example.org", True),
        ("a@b", False),
        ("a b@c.de", False),
        ("a@b..de", False),
        ("a@-b.de", False),
        ("<a@b.de>", False),
        ("a@b.de, c@d.de", False),
        ("a@b.de\nBcc: x@y.de", False),
        ("@b.de", False),
    ],
)
def test_shapes_of_addresses_in_both_engines(address: str, is_one: bool) -> None:
    assert bool(re.match(checks.EMAIL, address)) == is_one
    assert pl.Series([address]).str.contains(checks.EMAIL)[0] == is_one
