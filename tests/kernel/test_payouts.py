"""Payouts: what is collected is paid out once, less fees and reserve, to the cent."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mahnwerk.kernel.accounts import Account, Entry
from mahnwerk.kernel.payouts import (
    ITEMS,
    PPM,
    Settlement,
    Terms,
    TermsError,
    half_up,
    payout_postings,
    settle,
)

DAY = date(2026, 3, 2)
LIABILITY, BANK = int(Account.CREDITOR_LIABILITY), int(Account.TRUST_CLEARING)
VAT = 190_000


def move(cents: int, entry: Entry = Entry.SETTLED_PRINCIPAL, **more: Any) -> dict[str, Any]:
    pair = (BANK, LIABILITY) if cents > 0 else (LIABILITY, BANK)
    return {
        "case_id": 1,
        "entry": int(entry),
        "fact_no": 1,
        "document_on": DAY,
        "debit": pair[0],
        "credit": pair[1],
        "amount_cents": abs(cents),
        "is_covered": False,
        **more,
    }


def items(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=ITEMS)


def test_the_example_of_the_docs() -> None:
    terms = Terms(
        principal_ppm=50_000, costs_ppm=PPM, per_payment_cents=25, reserve_ppm=100_000, reserve_days=56
    )
    told = settle(
        items(
            move(100_000),
            move(1_000, Entry.SETTLED_INTEREST),
            move(2_500, Entry.SETTLED_COSTS),
            move(40_000, fact_no=2),
            move(-300, Entry.BANK_CHARGE, fact_no=3),
        ),
        terms,
        VAT,
        DAY,
    )
    fee = 7_000 + 2_500 + 50
    assert told == Settlement(
        opening_cents=0,
        principal_cents=140_000,
        interest_cents=1_000,
        costs_cents=2_500,
        other_cents=-300,
        payment_count=2,
        fee_cents=fee,
        vat_cents=1_815,  # 19 % of 95.50 is 18.145
        reserve_cents=14_350,
        available_cents=143_200 - fee - 1_815 - 14_350,
        amount_cents=143_200 - fee - 1_815 - 14_350,
    )


def test_a_reserve_comes_free_when_the_money_is_old() -> None:
    terms = Terms(reserve_ppm=100_000, reserve_days=30)
    first = settle(items(move(10_000)), terms, VAT, DAY)
    assert (first.reserve_cents, first.amount_cents) == (1_000, 9_000)
    covered = [move(10_000, is_covered=True), move(-9_000, Entry.PAYOUT_PAID, case_id=None, is_covered=True)]
    later = settle(items(*covered), terms, VAT, DAY + timedelta(days=29))
    assert (later.opening_cents, later.amount_cents) == (1_000, 0)
    free = settle(items(*covered), terms, VAT, DAY + timedelta(days=30))
    assert (free.opening_cents, free.reserve_cents, free.amount_cents) == (1_000, 0, 1_000)


def test_money_returned_after_its_payout_takes_its_fee_back() -> None:
    terms = Terms(principal_ppm=50_000, has_vat=False)
    covered = move(10_000, is_covered=True)
    paid = move(-10_000, Entry.PAYOUT_PAID, case_id=None, is_covered=True)
    back = settle(items(covered, paid, move(-10_000)), terms, VAT, DAY)
    assert (back.fee_cents, back.available_cents, back.amount_cents) == (-500, -9_500, 0)
    assert payout_postings(back, DAY)["is_reversal"].to_list() == [True]


@pytest.mark.parametrize("back", [0, 4_000])
def test_a_payment_bears_its_fixed_fee_once(back: int) -> None:
    """A late fact credits more of a payment that was paid out, perhaps after some of it went back."""
    terms = Terms(per_payment_cents=20, has_vat=False)
    covered = [
        move(6_000, is_covered=True),
        move(-5_980, Entry.PAYOUT_PAID, case_id=None, fact_no=0, is_covered=True),
    ]
    covered += [move(-back, is_covered=True)] * bool(back)
    more = settle(items(*covered, move(6_000)), terms, VAT, DAY)
    assert (more.payment_count, more.fee_cents) == (0, 0)
    other = settle(items(*covered, move(6_000), move(500, fact_no=2), move(1, case_id=2)), terms, VAT, DAY)
    assert other.payment_count == 2, "another payment, and the same number in another case, are new"


def test_a_payment_that_is_charged_back_in_part_bears_its_fixed_fee_once() -> None:
    """A provider's partial return voids the payment's fact, and another says what is left of it."""
    terms = Terms(per_payment_cents=20, has_vat=False)
    left = settle(items(move(6_000, is_covered=True), move(-6_000), move(4_500, fact_no=2)), terms, VAT, DAY)
    assert (left.payment_count, left.fee_cents) == (0, 0)


def test_a_payment_that_went_back_takes_its_fixed_fee_back() -> None:
    terms = Terms(per_payment_cents=20, has_vat=False)
    covered = [move(6_000, is_covered=True)]
    gone = settle(items(*covered, move(-6_000)), terms, VAT, DAY)
    assert (gone.payment_count, gone.fee_cents) == (-1, -20)
    covered.append(move(-6_000, is_covered=True))
    assert settle(items(*covered, move(6_000)), terms, VAT, DAY).payment_count == 1, "it came again"


def test_a_payment_that_went_back_before_its_payout_bears_no_fee() -> None:
    terms = Terms(per_payment_cents=20)
    assert settle(items(move(6_000), move(-6_000)), terms, VAT, DAY).payment_count == 0


def test_less_than_the_minimum_waits() -> None:
    assert settle(items(move(499)), Terms(minimum_cents=500), VAT, DAY).amount_cents == 0
    assert settle(items(move(500)), Terms(minimum_cents=500), VAT, DAY).amount_cents == 500
    assert settle(items(), Terms(minimum_cents=0), VAT, DAY).amount_cents == 0


@pytest.mark.parametrize("cents", [1, 49, 50, 51, 12_345])
def test_a_fee_and_its_return_cancel(cents: int) -> None:
    assert half_up(cents, 10_000) == -half_up(-cents, 10_000)
    assert half_up(50, 10_000) == 1 and half_up(49, 10_000) == 0


amounts = st.lists(
    st.tuples(
        st.sampled_from(
            [Entry.SETTLED_PRINCIPAL, Entry.SETTLED_INTEREST, Entry.SETTLED_COSTS, Entry.SURPLUS]
        ),
        st.integers(-50_000, 200_000).filter(bool),
        st.integers(0, 90),
    ),
    max_size=6,
)
random_terms = st.builds(
    Terms,
    principal_ppm=st.integers(0, 200_000),
    interest_ppm=st.integers(0, PPM),
    costs_ppm=st.integers(0, PPM),
    per_payment_cents=st.integers(0, 50),
    has_vat=st.booleans(),
    reserve_ppm=st.integers(0, 300_000),
    reserve_days=st.integers(0, 90),
    minimum_cents=st.integers(0, 1_000),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(amounts, min_size=1, max_size=5), random_terms)
def test_over_many_payouts_nothing_is_lost_or_paid_twice(
    rounds: list[list[tuple[Entry, int, int]]], terms: Terms
) -> None:
    book: list[dict[str, Any]] = []
    liability = paid_out = fees = 0
    collected: dict[int, int] = {}  # payment → cents of it so far
    charged = 0
    for number, moves in enumerate(rounds):
        on = DAY + timedelta(days=20 * number)
        new = [
            move(cents, entry, fact_no=at, document_on=on - timedelta(days=days))
            for at, (entry, cents, days) in enumerate(moves)
        ]
        liability += sum(cents for _, cents, _ in moves)
        book += new
        for at, (entry, cents, _) in enumerate(moves):
            collected[at] = collected.get(at, 0) + cents * (entry is not Entry.SURPLUS)
        told = settle(items(*book), terms, VAT, on)
        in_force = sum(cents > 0 for cents in collected.values())
        assert told.payment_count == in_force - charged, "each payment in force is charged once"
        assert told.opening_cents + told.collected_cents + told.other_cents == liability
        assert settle(items(*reversed(book)), terms, VAT, on) == told
        if not told.amount_cents:
            continue
        charged = in_force
        rows = payout_postings(told, on)
        book = [row | {"is_covered": True} for row in book]
        for row in rows.iter_rows(named=True):
            book.append({name: row.get(name) for name in ITEMS} | {"is_covered": True})
        liability -= told.fee_cents + told.vat_cents + told.amount_cents
        assert liability == told.reserve_cents, "only the reserve stays"
        paid_out += told.amount_cents
        fees += told.fee_cents + told.vat_cents
        assert settle(items(*book), terms, VAT, on).amount_cents == 0, "nothing is paid twice"
    assert sum(cents for moves in rounds for _, cents, _ in moves) == paid_out + fees + liability


@pytest.mark.parametrize(
    "given", [{"principal_ppm": PPM + 1}, {"reserve_days": 401}, {"per_payment_cents": -1}]
)
def test_terms_have_bounds(given: dict[str, int]) -> None:
    with pytest.raises(TermsError, match=next(iter(given))):
        Terms(**given)  # type: ignore[arg-type]
