"""Fees in steps: each generation, each band, and rates as they are written."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kernel.fee_twin import GENERATIONS, half_up, twin_full_fee
from tests.law.official import cents, rows

from mahnwerk.kernel import fees
from mahnwerk.kernel.fees import CostError
from mahnwerk.law import load_laws

LAW = load_laws()["de"]
NOW = date(2026, 11, 21)


@pytest.mark.parametrize("table", ["rvg", "gkg"])
def test_rows_of_the_official_fee_tables(table: str) -> None:
    name = {"rvg": "costs.rvg_fee_steps", "gkg": "payment_order.gkg_fee_steps"}[table]
    for row in rows(f"{table}_anlage_2_2025-06-01"):
        top = cents(row["up_to"])
        steps = LAW.value(name, NOW).rows
        assert fees.fee_by_steps(top, steps) == cents(row["fee"]), row
        assert fees.fee_by_steps(top + 1, steps) > cents(row["fee"]), f"{row}: one cent more is a new step"


@pytest.mark.parametrize("table", ["rvg", "gkg"])
@pytest.mark.parametrize("generation", GENERATIONS)
def test_each_step_of_three_generations(table: str, generation: str) -> None:
    """At every band's end, one cent above it, and one step above it."""
    name = {"rvg": "costs.rvg_fee_steps", "gkg": "payment_order.gkg_fee_steps"}[table]
    steps = LAW.value(name, date.fromisoformat(generation)).rows
    for row in rows(f"{table}_steps"):
        if row["valid_from"] != generation or not row["up_to"]:
            continue
        top = cents(row["up_to"])
        for amount in (top - 1, top, top + 1, top + 50_000, top + 50_001):
            expected = twin_full_fee(amount, f"{table}_steps", generation) * 100
            assert fees.fee_by_steps(amount, steps) == expected, amount


@pytest.mark.parametrize("row", rows("lawyer_full_fees"), ids=lambda r: r["value"])
def test_full_fees_between_the_rows(row: dict[str, str]) -> None:
    day = date.fromisoformat(row["mandate_on"])
    found = fees.fee_by_steps(cents(row["value"]), LAW.value("costs.rvg_fee_steps", day).rows)
    assert found == cents(row["fee"])


@pytest.mark.parametrize(
    ("value", "fee"),
    [(300, 25), (600, 45), (1_500, 105), (5_000, 301), (10_000, 486), (25_000, 686), (50_000, 1_046),
     (200_000, 1_816), (500_000, 2_996), (550_000, 3_146)],
)  # fmt: skip
def test_the_table_before_august_2013(value: int, fee: int) -> None:
    steps = LAW.value("costs.rvg_fee_steps", date(2013, 7, 31)).rows
    assert fees.fee_by_steps(value * 100, steps) == fee * 100


@given(st.integers(0, 10**20), st.integers(1, 10**9))
def test_rounding_is_half_a_cent_upwards(numerator: int, denominator: int) -> None:
    assert fees.half_up(numerator, denominator) == half_up(Fraction(numerator, denominator))


@pytest.mark.parametrize(
    ("factor", "expected"),
    [(900, 900), (Fraction(9, 10), 900), (Fraction("1.3"), 1_300), (Fraction(2), 2_000), (100, 100)],
)
def test_rates_in_thousandths(factor: int | Fraction, expected: int) -> None:
    assert fees.permille_of(factor) == expected


def test_figures_remember_what_they_used() -> None:
    figures = fees.Figures(LAW, NOW)
    assert figures.cents("costs.expenses_cap") == 2_000
    assert figures.ppm("costs.vat_rate") == 190_000
    assert figures.permille("costs.fee_credit_maximum") == 750
    assert len(figures.texts) == 3
    assert list(figures.unverified) == ["costs.vat_rate"]


def test_amounts_are_whole_positive_cents() -> None:
    fees.check_amount(1)
    with pytest.raises(CostError, match="the value must be 1 to"):
        fees.check_amount(0, "the value")
