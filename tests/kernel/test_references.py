"""References in free text, also when damaged."""

from __future__ import annotations

import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mahnwerk.kernel.references import distances, forms, likeness, tokens, with_slips, without


def test_forms_drop_what_tells_nothing_apart() -> None:
    assert forms("RE-26-0411") == ["RE260411", "260411"]
    assert forms("0000") == []
    assert forms("12") == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("Rechnung 57873 41881", "5787341881"), ("no 0: 4711012", "4711012"), ("RE 26-0411", "260411")],
)
def test_tokens_heal_blanks(text: str, wanted: str) -> None:
    assert wanted in tokens(text)


def test_slips_meet_at_one_deletion() -> None:
    both = [with_slips(pl.DataFrame({"t": [text]}), "t")["key"].to_list() for text in ("12345", "12354")]
    assert set(both[0]) & set(both[1])


def test_distance_counts_a_swap_once() -> None:
    pairs = pl.Series(["12345", "12345"]), pl.Series(["12354", "1234567890"])
    assert distances(*pairs) == [1, 3]


def test_the_head_of_a_numbering_scheme_makes_nobody_alike() -> None:
    assert likeness("INV100000000099999", ["INV100000000012345"]) < 0.7
    assert likeness("IN V100000000012345", ["INV100000000012345"]) > 0.8


def test_an_own_reference_is_taken_out_where_it_stands_apart_from_other_numbers() -> None:
    assert without("LL-7001 Rate 1", ["LL7001"]).split() == ["Rate", "1"]
    assert without("RE 2026/0035 und 0036", ["RE20260035"]).split() == ["und", "0036"]
    for text in ("7001 1", "1 7001", "RE70012"):  # may be a longer number, torn or glued
        assert without(text, ["7001"]) == text


def by_pattern(text: str, form: str) -> str:
    """What `without` does with one form, said as one pattern."""
    spelling = r"[\W_]*".join(form)
    return re.sub(rf"(?i:(?<![A-Z0-9])(?<!\d\W){spelling}(?![A-Z0-9]|\W+\d))", " ", text)


@given(st.text(alphabet="rRe17- _/ü.", max_size=30), st.text(alphabet="RE17", min_size=1, max_size=5))
def test_taking_out_a_reference_word_by_word_is_the_same_as_sign_by_sign(text: str, form: str) -> None:
    assert without(text, [form]) == by_pattern(text, form)
