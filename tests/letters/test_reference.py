"""RF references: the vectors of ISO 11649 and the property that one wrong sign shows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.iso11649 import is_valid

from mahnwerk.letters.reference import is_rf_reference, rf_reference, spaced

SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        ("RE20260001", "RF40RE20260001"),
        ("2026000123", "RF462026000123"),
        ("539007547034", "RF18539007547034"),
        ("re-2026 0001", "RF40RE20260001"),
    ],
)
def test_known_references(plain: str, expected: str) -> None:
    assert rf_reference(plain) == expected


@given(st.text(SIGNS, min_size=1, max_size=21))
@settings(max_examples=100, deadline=None)
def test_agrees_with_a_kept_library(plain: str) -> None:
    reference = rf_reference(plain)
    assert is_valid(reference)
    assert is_rf_reference(reference)
    assert is_rf_reference(spaced(reference))


@given(st.text(SIGNS, min_size=2, max_size=21), st.integers(0, 20), st.sampled_from(SIGNS))
@settings(max_examples=100, deadline=None)
def test_one_wrong_digit_or_letter_shows(plain: str, place: int, sign: str) -> None:
    reference = rf_reference(plain)
    place = 4 + place % len(plain)
    broken = reference[:place] + sign + reference[place + 1 :]
    # A digit for a letter changes how many digits are counted; only like for like is promised.
    if sign != reference[place] and sign.isdigit() == reference[place].isdigit():
        assert not is_rf_reference(broken)


@pytest.mark.parametrize("plain", ["", "   ", "A" * 22, "Straße", "2026/ü", "a_b", "²"])
def test_refuses_what_cannot_be_a_reference(plain: str) -> None:
    with pytest.raises(ValueError, match="reference"):
        rf_reference(plain)


@pytest.mark.parametrize("text", ["", "RF", "RF18", "RF00539007547034", "XX18539007547034", "RF1²539"])
def test_recognises_what_is_none(text: str) -> None:
    assert not is_rf_reference(text)
