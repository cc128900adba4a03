"""Costs of recovery: every official figure, exact twins, and what must hold for any amount."""

from __future__ import annotations

import doctest
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernel.fee_twin import generation_of, half_up, twin_collection, twin_full_fee
from tests.law.official import cents, rows

from mahnwerk.frames import PRINCIPAL_CENTS_MAX, ClaimKind
from mahnwerk.kernel import costs as costs_module
from mahnwerk.kernel import fees
from mahnwerk.kernel.costs import (
    BEYOND_REGULAR,
    CostError,
    collection_costs,
    court_fee,
    dunning_fee,
    late_payment_lump_sum,
    payment_order_costs,
)
from mahnwerk.law import LawError, LawGap, load_laws

LAW = load_laws()["de"]
NOW = date(2026, 11, 21)
AMOUNTS = st.one_of(
    st.integers(1, 300_000),
    st.integers(1, 60_000_000),
    st.integers(1, PRINCIPAL_CENTS_MAX),
    st.sampled_from([5_000, 5_001, 50_000, 50_001, 200_000, 200_001, 1_000_000, 1_000_001]),
)
FACTORS = st.sampled_from([300, 500, 900, 1_300])
MANDATES = st.dates(date(2012, 7, 1), date(2026, 12, 31))


# --- official figures -----------------------------------------------------------------------------


@pytest.mark.parametrize("row", rows("collection_costs_2025"), ids=lambda r: f"{r['value']}-{r['rate']}")
def test_worked_examples_since_2025(row: dict[str, str]) -> None:
    amount, rate = cents(row["value"]), int(row["rate"])
    found = collection_costs(amount, date(2025, 6, 1), rate, LAW, vat=True)
    assert found.fee_cents == cents(row["fee"])
    assert found.expenses_cents == cents(row["expenses"])
    assert found.fee_cents + found.expenses_cents == cents(row["net"])
    assert found.total_cents == cents(row["gross"])
    assert fees.fee_by_steps(amount, LAW.value("costs.rvg_fee_steps", NOW).rows) == cents(row["full_fee"])
    both = collection_costs(amount, date(2025, 6, 1), rate, LAW, vat=False, payment_agreement=True)
    agreement = [line.amount_cents for line in both.rows if line.rule_id == "costs.payment_agreement"]
    assert agreement == [cents(row["agreement"])]


@pytest.mark.parametrize("row", rows("collection_costs_2021"), ids=lambda r: f"{r['value']}-{r['rate']}")
@pytest.mark.parametrize("mandate_on", [date(2021, 10, 1), date(2025, 5, 31)])
def test_worked_examples_of_2021(row: dict[str, str], mandate_on: date) -> None:
    found = collection_costs(cents(row["value"]), mandate_on, int(row["rate"]), LAW, vat=False)
    assert found.total_cents == cents(row["net"])


@pytest.mark.parametrize("row", rows("court_fees"), ids=lambda r: f"{r['filed_on']}-{r['step']}-{r['value']}")
def test_court_fees(row: dict[str, str]) -> None:
    found = court_fee(cents(row["value"]), date.fromisoformat(row["filed_on"]), LAW, step=row["step"])
    assert found.fee_cents == cents(row["fee"])


def test_minimum_fee_of_a_payment_order_in_2013() -> None:
    assert court_fee(10_000, date(2013, 8, 1), LAW).fee_cents == 3_200
    assert court_fee(10_000, date(2020, 12, 31), LAW).fee_cents == 3_200
    assert court_fee(10_000, date(2021, 1, 1), LAW).fee_cents == 3_600


def test_credit_example() -> None:
    """1 000 euro: 0.9 = 83.70; of it 41.85 is credited on 93.00; the enforcement order is 46.50."""
    found = payment_order_costs(100_000, NOW, LAW, vat=False, business_factor=900, enforcement_order=True)
    assert [row.amount_cents for row in found.rows[:3]] == [9_300, -4_185, 4_650]
    assert found.fee_cents == 9_300 - 4_185 + 4_650
    bare = payment_order_costs(100_000, NOW, LAW, vat=False)
    assert bare.fee_cents == 9_300


@pytest.mark.parametrize(
    ("amount", "application", "order"),
    [(50_000, 5_150, 2_575), (100_000, 9_300, 4_650), (500_000, 35_450, 17_725), (1_000_000, 65_200, 32_600)],
)
def test_payment_order_fees_of_2025(amount: int, application: int, order: int) -> None:
    found = payment_order_costs(amount, NOW, LAW, vat=False, enforcement_order=True)
    assert [row.amount_cents for row in found.rows if row.part == "fee"] == [application, order]


def test_credit_is_capped_at_three_quarters() -> None:
    found = payment_order_costs(100_000, NOW, LAW, vat=False, business_factor=2_500, disputed=True)
    assert found.rows[1].amount_cents == -6_975  # 0.75 of 93.00, not half of 2.5 times it


# --- which version, which rule --------------------------------------------------------------------


def test_the_order_decides_not_the_letter() -> None:
    assert collection_costs(100_000, date(2025, 5, 31), 900, LAW, vat=False).total_cents == 9_504
    assert collection_costs(100_000, date(2025, 6, 1), 900, LAW, vat=False).total_cents == 10_044


def test_small_claims_only_undisputed_and_only_since_october_2021() -> None:
    assert collection_costs(5_000, NOW, 500, LAW, vat=False).fee_cents == 1_575
    assert collection_costs(5_001, NOW, 500, LAW, vat=False).fee_cents == 2_575
    assert collection_costs(5_000, NOW, 500, LAW, vat=False, disputed=True).fee_cents == 2_575
    assert collection_costs(5_000, date(2021, 10, 1), 500, LAW, vat=False).fee_cents == 1_500
    assert collection_costs(5_000, date(2021, 9, 30), 500, LAW, vat=False).fee_cents == 2_450


def test_minimum_fee() -> None:
    assert collection_costs(5_000, NOW, 300, LAW, vat=False).fee_cents == 1_500  # 0.3 of 31.50 is 9.45
    assert collection_costs(5_000, date(2013, 7, 31), 300, LAW, vat=False).fee_cents == 1_000


def test_rates_beyond_the_law_are_refused() -> None:
    with pytest.raises(CostError, match=r"1\.31 is more than the 1\.3 allowed for an undisputed claim"):
        collection_costs(100_000, NOW, 1_310, LAW, vat=False)
    with pytest.raises(CostError, match="a simple case"):
        collection_costs(100_000, NOW, 900, LAW, vat=False, is_simple=True)
    with pytest.raises(CostError, match="a disputed claim"):
        collection_costs(100_000, NOW, 2_501, LAW, vat=False, disputed=True)
    assert collection_costs(100_000, NOW, 500, LAW, vat=False, is_simple=True).warnings == ()


@pytest.mark.parametrize(
    ("factor", "disputed", "warned"),
    [(900, False, False), (901, False, True), (1_300, True, False), (1_301, True, True)],
)
def test_rates_that_need_hard_work_are_marked(factor: int, disputed: bool, warned: bool) -> None:
    found = collection_costs(100_000, NOW, factor, LAW, vat=False, disputed=disputed)
    assert found.warnings == ((BEYOND_REGULAR,) if warned else ())


def test_fractions_and_thousandths_are_the_same() -> None:
    a = collection_costs(123_456, NOW, Fraction(9, 10), LAW, vat=True)
    assert a == collection_costs(123_456, NOW, 900, LAW, vat=True)


@pytest.mark.parametrize("factor", [0, 1, -900, 0.9, True, Fraction(1, 3), Fraction(0), "0.9"])
def test_broken_rates(factor: object) -> None:
    with pytest.raises(CostError, match="fee rate"):
        collection_costs(100_000, NOW, factor, LAW, vat=False)  # type: ignore[arg-type]


@pytest.mark.parametrize("amount", [0, -1, PRINCIPAL_CENTS_MAX + 1, 10.0, True, "10"])
def test_broken_amounts(amount: object) -> None:
    with pytest.raises(CostError, match="amount must be"):
        collection_costs(amount, NOW, 900, LAW, vat=False)  # type: ignore[arg-type]
    with pytest.raises(CostError, match="amount must be"):
        court_fee(amount, NOW, LAW)  # type: ignore[arg-type]


def test_unknown_court_step() -> None:
    with pytest.raises(CostError, match="use one of payment_order, litigation, litigation_reduced"):
        court_fee(100, NOW, LAW, step="appeal")


def test_days_without_law_are_gaps() -> None:
    with pytest.raises(LawGap, match=r"costs/.*\.yaml"):
        collection_costs(100_000, date(2012, 6, 30), 900, LAW, vat=False)
    with pytest.raises(LawGap, match="lowered for this half-year"):
        collection_costs(100_000, date(2020, 7, 1), 900, LAW, vat=True)
    assert collection_costs(100_000, date(2020, 7, 1), 900, LAW, vat=True, performed_on=date(2021, 1, 1))


def test_unverified_figures_are_named() -> None:
    assert collection_costs(100_000, NOW, 900, LAW, vat=False).unverified == ()
    taxed = collection_costs(100_000, NOW, 900, LAW, vat=True)
    assert taxed.unverified == ("costs.vat_rate",)
    assert any("unverified" in source for source in taxed.sources)


# --- for any amount -------------------------------------------------------------------------------


@settings(max_examples=150)
@given(AMOUNTS, FACTORS, st.dates(date(2013, 8, 1), date(2026, 12, 31)), st.booleans(), st.booleans())
def test_costs_equal_their_twin(amount: int, factor: int, day: date, vat: bool, disputed: bool) -> None:
    vat = vat and not date(2020, 7, 1) <= day < date(2021, 1, 1)
    found = collection_costs(amount, day, factor, LAW, vat=vat, disputed=disputed)
    expected = twin_collection(amount, day, Fraction(factor, 1_000), vat=vat, disputed=disputed)
    assert found.total_cents == expected


@settings(max_examples=100)
@given(AMOUNTS, st.dates(date(2013, 8, 1), date(2026, 12, 31)))
def test_court_fees_equal_their_twin(amount: int, day: date) -> None:
    full = twin_full_fee(amount, "gkg_steps", generation_of(day))
    minimum = {"2013-08-01": 3_200, "2021-01-01": 3_600, "2025-06-01": 3_800}[generation_of(day)]
    assert court_fee(amount, day, LAW).fee_cents == max(half_up(full * 50), minimum)
    assert court_fee(amount, day, LAW, step="litigation").fee_cents == full * 300


@settings(max_examples=100)
@given(AMOUNTS, FACTORS, MANDATES, st.booleans(), st.booleans())
def test_cost_notes_add_up(amount: int, factor: int, day: date, disputed: bool, agreement: bool) -> None:
    day = max(day, date(2013, 8, 1)) if agreement else day
    found = collection_costs(
        amount, day, factor, LAW, vat=True, disputed=disputed, payment_agreement=agreement, performed_on=NOW
    )
    assert found.total_cents == sum(row.amount_cents for row in found.rows)
    assert found.total_cents == found.fee_cents + found.expenses_cents + found.vat_cents
    assert 0 < found.expenses_cents <= 2_000
    order = payment_order_costs(
        amount, day, LAW, vat=True, business_factor=factor, disputed=disputed, performed_on=NOW
    )
    assert order.total_cents == sum(row.amount_cents for row in order.rows)
    assert order.fee_cents >= 0


@settings(max_examples=100)
@given(AMOUNTS, AMOUNTS, FACTORS, FACTORS, MANDATES)
def test_more_never_costs_less(a: int, b: int, low: int, high: int, day: date) -> None:
    (a, b), (low, high) = sorted((a, b)), sorted((low, high))
    small = collection_costs(a, day, low, LAW, vat=False).total_cents
    assert small <= collection_costs(b, day, high, LAW, vat=False).total_cents
    filed_on = max(day, date(2013, 8, 1))
    assert court_fee(a, filed_on, LAW).fee_cents <= court_fee(b, filed_on, LAW).fee_cents


def test_every_change_of_law_leaves_costs_computable() -> None:
    """On the eve, on the day and the day after of each date on which any figure changes."""
    changes = {day for name in LAW for day, _ in LAW.changes_of(name)}
    days = {day + timedelta(days=shift) for day in changes for shift in (-1, 0, 1)}
    for day in sorted(day for day in days if day >= date(2013, 8, 1)):
        found = collection_costs(123_456, day, 900, LAW, vat=False, payment_agreement=True)
        assert found.total_cents == sum(row.amount_cents for row in found.rows)
        assert court_fee(123_456, day, LAW).fee_cents >= 3_200
        assert payment_order_costs(123_456, day, LAW, vat=False, business_factor=900).fee_cents > 0
        assert dunning_fee(76, day, LAW, puts_in_default=False).fee_cents == 76
        lump_sum = late_payment_lump_sum(day, LAW, is_consumer=False, kind=ClaimKind.GOODS_OR_SERVICES)
        assert lump_sum.amount_cents == (4_000 if day >= date(2014, 7, 29) else 0)


def test_examples_in_the_documentation() -> None:
    assert doctest.testmod(costs_module).attempted > 0
    assert doctest.testmod(costs_module).failed == 0


def test_there_is_no_cost_law_for_switzerland() -> None:
    with pytest.raises(LawError, match="has no parameter"):
        collection_costs(100_000, NOW, 900, load_laws()["ch"], vat=False)
