"""Letters, the lump sum and its set-off, and sums shared out to the cent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mahnwerk.frames import ClaimKind
from mahnwerk.kernel.fees import CostError
from mahnwerk.kernel.late_charges import (
    dunning_fee,
    late_payment_lump_sum,
    set_off_lump_sum,
    split_cents,
)
from mahnwerk.law import LawGap, load_laws

LAW = load_laws()["de"]
NOW = date(2026, 11, 21)


def test_the_letter_that_puts_in_default_is_free() -> None:
    assert dunning_fee(76, NOW, LAW, puts_in_default=True).fee_cents == 0
    found = dunning_fee(76, NOW, LAW, puts_in_default=False)
    assert (found.fee_cents, found.reason, found.rule_id) == (76, "actual_cost", "costs.dunning_letter")


def test_letters_are_capped_and_the_cap_is_marked_as_policy() -> None:
    found = dunning_fee(500, NOW, LAW, puts_in_default=False)
    assert (found.fee_cents, found.reason) == (250, "capped")
    assert found.unverified == ("costs.dunning_letter_cap",)
    assert dunning_fee(250, NOW, LAW, puts_in_default=False).reason == "actual_cost"


def test_an_email_costs_nothing() -> None:
    assert dunning_fee(76, NOW, LAW, puts_in_default=False, channel="email").fee_cents == 0


@pytest.mark.parametrize("cost", [-1, 1.5, True])
def test_broken_letter_costs(cost: object) -> None:
    with pytest.raises(CostError, match="cost of a letter"):
        dunning_fee(cost, NOW, LAW, puts_in_default=False)  # type: ignore[arg-type]
    with pytest.raises(CostError, match="unknown channel"):
        dunning_fee(1, NOW, LAW, puts_in_default=False, channel="fax")


@pytest.mark.parametrize(
    ("arose_on", "is_consumer", "kind", "expected", "reason"),
    [
        (date(2014, 7, 29), False, ClaimKind.GOODS_OR_SERVICES, 4_000, "owed"),
        (date(2026, 1, 1), False, ClaimKind.RENT, 4_000, "owed"),
        (date(2014, 7, 28), False, ClaimKind.GOODS_OR_SERVICES, 0, "before_the_rule"),
        (date(2026, 1, 1), True, ClaimKind.GOODS_OR_SERVICES, 0, "consumer"),
        (date(2026, 1, 1), False, ClaimKind.DAMAGES, 0, "not_remuneration"),
        (date(2026, 1, 1), False, ClaimKind.LOAN, 0, "not_remuneration"),
    ],
)
def test_lump_sum(arose_on: date, is_consumer: bool, kind: ClaimKind, expected: int, reason: str) -> None:
    found = late_payment_lump_sum(arose_on, LAW, is_consumer=is_consumer, kind=kind)
    assert (found.amount_cents, found.reason) == (expected, reason)


def test_lump_sum_in_austria() -> None:
    law = load_laws()["at"]
    found = late_payment_lump_sum(date(2020, 1, 1), law, is_consumer=False, kind=ClaimKind.GOODS_OR_SERVICES)
    assert found.amount_cents == 4_000


@given(st.integers(0, 10_000), st.integers(0, 10_000_000))
def test_set_off_leaves_the_larger_of_the_two(lump_sum: int, recovery: int) -> None:
    found = set_off_lump_sum(lump_sum, recovery)
    assert found.lump_sum_cents + found.recovery_costs_cents == max(lump_sum, recovery)
    assert found.credited_cents == min(lump_sum, recovery)


def test_set_off_refuses_negative_amounts() -> None:
    with pytest.raises(CostError, match="negative"):
        set_off_lump_sum(4_000, -1)


def test_an_obligation_older_than_our_data_is_a_gap() -> None:
    with pytest.raises(LawGap, match="our data begin on 2002-01-01"):
        late_payment_lump_sum(date(2001, 12, 31), LAW, is_consumer=False, kind=ClaimKind.GOODS_OR_SERVICES)


@given(st.integers(0, 10_000), st.booleans(), st.sampled_from(["post", "email"]))
def test_never_more_than_it_cost_nor_than_the_cap(cost: int, first: bool, channel: str) -> None:
    found = dunning_fee(cost, NOW, LAW, puts_in_default=first, channel=channel)
    assert 0 <= found.fee_cents <= min(cost, 250)
    assert found.fee_cents == 0 or (not first and channel == "post")


@given(
    st.integers(0, 10**13),
    st.lists(st.one_of(st.integers(0, 10), st.integers(0, 10**13)), min_size=1, max_size=12),
)
def test_shares_add_up_and_are_fair(total: int, weights: Sequence[int]) -> None:
    parts = split_cents(total, weights)
    assert sum(parts) == total
    whole = sum(weights) or len(weights)
    for part, weight in zip(parts, weights, strict=True):
        exact = Fraction(total * (weight if sum(weights) else 1), whole)
        assert abs(part - exact) < 1
        assert part == 0 or weight > 0 or not any(weights)


def test_left_over_cents_go_to_the_largest_remainder_then_the_earlier() -> None:
    assert split_cents(100, [1, 1, 1]) == [34, 33, 33]
    assert split_cents(10, [0, 1, 3]) == [0, 3, 7]
    assert split_cents(5, [0, 0]) == [3, 2]
    for total, weights in ((-1, [1]), (1, []), (1, [1, -1])):
        with pytest.raises(CostError, match="cannot share"):
            split_cents(total, weights)
