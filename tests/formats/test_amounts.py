"""Amounts are read exactly or refused; what could be read in two ways is settled by the column or refused."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mahnwerk.formats import amounts
from mahnwerk.formats.amounts import AmountStyle
from mahnwerk.frames import PRINCIPAL_CENTS_MAX


def read(cell: str, style: AmountStyle = AmountStyle.UNKNOWN) -> tuple[int | None, str | None]:
    cents, reason = amounts.parse(pl.Series([cell]), style).row(0)
    return cents, reason


@pytest.mark.parametrize(
    ("cell", "cents"),
    [
        ("1.234,56", 123_456),
        ("1,234.56", 123_456),
        ("1234.56", 123_456),
        ("1234,56", 123_456),
        ("12,5", 1_250),
        ("7", 700),
        ("0,05", 5),
        ("1.000.000", 100_000_000),
        ("1,000,000", 100_000_000),
        (" 12,50 € ", 1_250),
        ("EUR 12.50", 1_250),
        ("CHF 1’234.50", 123_450),
        ("1 234,50", 123_450),
        ("1\u202f234,50", 123_450),
        ("12,--", 1_200),
        ("-0,50", -50),
        ("−3,00", -300),
        ("12,50-", -1_250),
        ("(3.00)", -300),
        ("1234.560", 123_456),
        ("100000000000", PRINCIPAL_CENTS_MAX),
    ],
)
def test_certain_forms_are_read_in_every_column(cell: str, cents: int) -> None:
    for style in AmountStyle:
        assert read(cell, style) == (cents, None)


@pytest.mark.parametrize(
    "cell", ["abc", "1.2.3", "1..2", "12,34,5", "1,23.4", "--5", "1e5", "12 Stück", "$5", "½", "１２", "٣"]
)
def test_what_is_no_amount_is_refused_and_never_zero(cell: str) -> None:
    assert read(cell) == (None, amounts.UNREADABLE)


def test_an_empty_cell_is_neither_amount_nor_error() -> None:
    assert read("") == (None, None)
    assert read("   ") == (None, None)


@pytest.mark.parametrize(
    ("cell", "by_comma", "by_point"),
    [
        ("1.234", (123_400, None), (None, amounts.TOO_FINE)),
        ("1,234", (None, amounts.TOO_FINE), (123_400, None)),
        ("12.500", (1_250_000, None), (1_250, None)),
    ],
)
def test_ambiguous_cells_follow_their_column(
    cell: str, by_comma: tuple[int | None, str | None], by_point: tuple[int | None, str | None]
) -> None:
    assert read(cell) == (None, amounts.AMBIGUOUS)
    assert read(cell, AmountStyle.MIXED) == (None, amounts.AMBIGUOUS)
    assert read(cell, AmountStyle.COMMA) == by_comma
    assert read(cell, AmountStyle.POINT) == by_point


def test_fractions_of_a_cent_and_huge_amounts_are_refused() -> None:
    assert read("0,123") == (None, amounts.TOO_FINE)
    assert read("100000000000,01") == (None, amounts.TOO_LARGE)
    assert read("9" * 40) == (None, amounts.TOO_LARGE)


@pytest.mark.parametrize(
    ("cells", "style"),
    [
        (["1.234", "5,50"], AmountStyle.COMMA),
        (["1.234", "5.50"], AmountStyle.POINT),
        (["1.234", "7"], AmountStyle.UNKNOWN),
        (["5,50", "5.50"], AmountStyle.MIXED),
    ],
)
def test_the_certain_cells_speak_for_the_column(cells: list[str], style: AmountStyle) -> None:
    assert amounts.style_of(pl.Series(cells)) is style


def written(cents: int, group: str, mark: str) -> str:
    units, rest = divmod(abs(cents), 100)
    return ("-" if cents < 0 else "") + f"{units:,}".replace(",", group) + f"{mark}{rest:02}"


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(-PRINCIPAL_CENTS_MAX, PRINCIPAL_CENTS_MAX), min_size=1, max_size=30),
    st.sampled_from([(".", ","), (",", "."), ("", ","), ("", "."), ("’", "."), (" ", ",")]),
)
def test_every_amount_written_with_cents_comes_back(values: list[int], signs: tuple[str, str]) -> None:
    cells = pl.Series([written(cents, *signs) for cents in values])
    parsed = amounts.parse(cells, amounts.style_of(cells))
    assert parsed["cents"].to_list() == values
    assert parsed["reason"].null_count() == len(values)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(alphabet="0123456789.,-+ €()'x", max_size=14), min_size=1, max_size=40))
def test_every_cell_is_an_amount_or_empty_or_refused(cells: list[str]) -> None:
    parsed = amounts.parse(pl.Series(cells), amounts.style_of(pl.Series(cells)))
    for cell, (cents, reason) in zip(cells, parsed.rows(), strict=True):
        if not cell.strip():
            assert (cents, reason) == (None, None)
        else:
            assert (cents is None) != (reason is None)
            if cents == 0:
                assert not set(cell) & set("123456789x")


@pytest.mark.parametrize(
    ("cell", "ppm"), [("8,5", 85_000), ("8.125 %", 81_250), ("0", 0), ("100", 1_000_000), ("1.234", 12_340)]
)
def test_rates_in_per_cent_become_parts_per_million(cell: str, ppm: int) -> None:
    assert amounts.parse_rates(pl.Series([cell])).row(0) == (ppm, None)


@pytest.mark.parametrize("cell", ["101", "-1", "8,12345", "viel"])
def test_impossible_rates_are_refused(cell: str) -> None:
    ppm, reason = amounts.parse_rates(pl.Series([cell])).row(0)
    assert ppm is None
    assert reason
