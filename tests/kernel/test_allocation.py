"""The replay against the law, against a second opinion, and against itself."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from random import Random
from typing import Any, ClassVar

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.kernel.books import START, case, claim, defaults, fact, frame, random_books
from tests.kernel.books import book as make_book
from tests.kernel.oracle import cases_of

from mahnwerk.frames import (
    ALLOCATIONS,
    BALANCES,
    CASES,
    CLAIMS,
    FACTS,
    PRINCIPAL_CENTS_MAX,
    SPANS,
    Book,
    ClaimKind,
    Component,
    FactKind,
    check_frame,
)
from mahnwerk.kernel.allocation import Replay, ReplaySettings, live_facts, replay
from mahnwerk.kernel.interest import default_interest, interest_schedule, rate_index
from mahnwerk.law import load_laws

LAWS = load_laws()
SLOW = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
ENDS = st.sampled_from([START + timedelta(days=n) for n in (30, 90, 200, 330)])


@SLOW
@given(random_books(), ENDS, st.sampled_from(["act/act", "act/365", "30/360"]))
def test_replay_agrees_with_the_oracle_to_the_cent(
    given_book: tuple[Book, pl.DataFrame], on: date, day_count: str
) -> None:
    book, began = given_book
    result = replay(book, began, LAWS, on, detail=True, settings=ReplaySettings(day_count))
    cases = cases_of(book, began.to_dicts(), LAWS["de"], on, day_count)
    expected = [
        {
            "claim_id": debt.row["claim_id"],
            "principal_open_cents": debt.principal,
            "interest_accrued_cents": debt.interest_due,
            "interest_open_cents": debt.interest_open,
            "costs_open_cents": debt.costs_open,
            "costs_charged_cents": sum(cost["charged"] for cost in debt.costs),
            "surplus_cents": case.surplus,
        }
        for case in cases
        for debt in case.debts
    ]
    assert result.balances.select(list(expected[0])).to_dicts() == expected


@pytest.mark.slow
@SLOW
@given(random_books(), ENDS, st.randoms(use_true_random=False))
def test_guarantees(given_book: tuple[Book, pl.DataFrame], on: date, random: Random) -> None:
    book, began = given_book
    result = replay(book, began, LAWS, on, detail=True)
    balances, allocations = result.balances, result.allocations
    assert allocations is not None
    assert result.spans is not None
    check_frame(balances, BALANCES, "balances")
    check_frame(allocations, ALLOCATIONS, "allocations")
    check_frame(result.spans, SPANS, "spans")
    assert balances["claim_id"].to_list() == book.claims["claim_id"].to_list()
    _nothing_is_negative(balances)
    _money_is_kept(book, result, on)
    _parts_add_up(result)
    _order_of_rows_is_irrelevant(book, began, on, random, result)


def _nothing_is_negative(balances: pl.DataFrame) -> None:
    cents = [name for name in BALANCES if name.endswith("_cents")]
    lowest = balances.select(pl.col(cents).min()).row(0)
    assert min(lowest) >= 0, dict(zip(cents, lowest, strict=True))
    assert (balances["disputed_cents"] <= balances["open_cents"]).all()


def _money_is_kept(book: Book, result: Replay, on: date) -> None:
    """What came in = what it settled + surplus + what was paid back, per case."""
    live = live_facts(book.facts, on)
    assert result.allocations is not None
    brought = [FactKind.PAYMENT_RECEIVED, FactKind.SET_OFF]
    brought += [FactKind.CREDIT_NOTE, FactKind.GOODS_RETURNED, FactKind.EARLY_PAYMENT_DISCOUNT]
    for case_id in book.cases["case_id"]:
        facts = live.filter(pl.col("case_id") == case_id)
        inflow = facts.filter(pl.col("kind").is_in(brought))
        refunds = facts.filter(pl.col("kind") == FactKind.REFUND_PAID)
        refused = result.problems.filter(pl.col("case_id") == case_id).join(
            refunds.select("case_id", "fact_no"), on=["case_id", "fact_no"]
        )
        settled = result.allocations.join(inflow.select("case_id", "fact_no"), on=["case_id", "fact_no"])
        surplus = result.surplus.filter(pl.col("case_id") == case_id)["surplus_cents"].sum()
        paid_back = refunds["amount_cents"].sum() - refused["excess_cents"].sum()
        assert inflow["amount_cents"].sum() == settled["amount_cents"].sum() + surplus + paid_back


def _parts_add_up(result: Replay) -> None:
    """Allocations, waivers, costs and spans tell the same story as the balances."""
    assert result.allocations is not None
    assert result.spans is not None
    by_part = result.allocations.group_by("claim_id", "component").agg(pl.col("amount_cents").sum())
    got = {(row[0], row[1]): row[2] for row in by_part.iter_rows()}
    waived = dict(result.waived.group_by("claim_id").agg(pl.col("interest_cents").sum()).iter_rows())
    index = rate_index(LAWS["de"])
    priced = default_interest(result.spans, index).group_by("claim_id").agg(pl.col("interest_cents").sum())
    printed = interest_schedule(result.spans, index)
    printed_sums = dict(printed.group_by("claim_id").agg(pl.col("interest_cents").sum()).iter_rows())
    owed = result.cost_balances.filter(~pl.col("is_unproven"))
    costs = dict(owed.group_by("claim_id").agg(pl.col("open_cents").sum()).iter_rows())
    accrued = dict(priced.iter_rows())
    for row in result.balances.iter_rows(named=True):
        key = row["claim_id"]
        assert row["interest_accrued_cents"] == accrued.get(key, 0) == printed_sums.get(key, 0)
        assert row["costs_open_cents"] == costs.get(key, 0)
        assert row["costs_charged_cents"] - row["costs_open_cents"] == got.get((key, Component.COSTS), 0)
        settled = got.get((key, Component.INTEREST), 0) + waived.get(key, 0)
        assert row["interest_accrued_cents"] - row["interest_open_cents"] == settled
        parts = sum(got.get((key, component), 0) for component in Component) + waived.get(key, 0)
        assert row["paid_cents"] + row["credited_cents"] == parts
        assert row["open_cents"] == sum(
            row[f"{component.name.lower()}_open_cents"] for component in Component
        )


def _order_of_rows_is_irrelevant(
    book: Book, began: pl.DataFrame, on: date, random: Random, result: Replay
) -> None:
    def mixed(frame: pl.DataFrame) -> pl.DataFrame:
        order = list(range(frame.height))
        random.shuffle(order)
        return frame[order]

    other = Book(*(mixed(f) for f in (book.cases, book.claims, book.facts, book.designations, book.notices)))
    again = replay(other, mixed(began), LAWS, on)
    assert again.balances.sort("claim_id").equals(result.balances.sort("claim_id"))
    assert again.cost_balances.sort(pl.all()).equals(result.cost_balances.sort(pl.all()))


@SLOW
@given(random_books(), ENDS, st.data())
def test_a_payment_that_came_back_was_never_there(
    given_book: tuple[Book, pl.DataFrame], on: date, data: st.DataObject
) -> None:
    book, began = given_book
    before = replay(book, began, LAWS, on).balances
    case_id = data.draw(st.sampled_from(book.cases["case_id"].to_list()))
    paid = fact(90, FactKind.PAYMENT_RECEIVED, data.draw(st.dates(START, on)), 7_777, case_id=case_id)
    back = fact(91, FactKind.PAYMENT_RETURNED, on, case_id=case_id, voids_fact_no=90)
    longer = dataclasses.replace(book, facts=pl.concat([book.facts, frame(FACTS, [paid, back])]))
    assert replay(longer, began, LAWS, on).balances.equals(before)


def owed(result: Replay) -> list[tuple[int, int, int]]:
    """Costs, interest, principal open per claim."""
    return result.balances.select("costs_open_cents", "interest_open_cents", "principal_open_cents").rows()


DUE = START + timedelta(days=14)
LATER = DUE + timedelta(days=30)


def pay(amount: int, on: date = LATER, number: int = 50, **columns: Any) -> dict[str, Any]:
    return fact(number, FactKind.PAYMENT_RECEIVED, on, amount, **columns)


def run(claims: list[dict[str, Any]], facts: list[dict[str, Any]], on: date = LATER, **more: Any) -> Replay:
    began = more.pop("began", None)
    frame_of = defaults({}) if began is None else defaults(began)
    return replay(make_book(claims, facts, **more), frame_of, LAWS, on, detail=True)


def principals(result: Replay) -> list[int]:
    return result.balances["principal_open_cents"].to_list()


class TestOrderBetweenClaims:
    """§ 366 BGB."""

    def test_the_named_claim_comes_first(self) -> None:
        two = [claim(1), claim(2, issued_on=START + timedelta(days=5))]
        assert principals(run(two, [pay(10_000, claim_id=102)])) == [10_000, 0]

    def test_named_claims_come_in_the_payers_order_and_the_rest_follows_the_law(self) -> None:
        three = [claim(1), claim(2), claim(3)]
        named = [
            {"case_id": 1, "fact_no": 50, "claim_id": 103, "position": 0},
            {"case_id": 1, "fact_no": 50, "claim_id": 102, "position": 1},
        ]
        assert principals(run(three, [pay(15_000)], designations=named)) == [10_000, 5_000, 0]
        assert principals(run(three, [pay(25_000)], designations=named)) == [5_000, 0, 0]

    def test_due_before_not_due(self) -> None:
        two = [claim(1, due_on=LATER + timedelta(days=9)), claim(2, is_secured=True)]
        assert principals(run(two, [pay(10_000)])) == [10_000, 0]

    def test_less_secured_before_older(self) -> None:
        two = [claim(1, is_secured=True), claim(2, issued_on=START + timedelta(days=5))]
        assert principals(run(two, [pay(10_000)])) == [10_000, 0]

    def test_titled_before_older(self) -> None:
        two = [claim(1), claim(2, issued_on=START + timedelta(days=5))]
        title = fact(1, FactKind.TITLE_OBTAINED, LATER - timedelta(days=1), claim_id=102)
        assert principals(run(two, [title, pay(10_000)])) == [10_000, 0]
        late = fact(1, FactKind.TITLE_OBTAINED, LATER + timedelta(days=1), claim_id=102)
        assert principals(run(two, [late, pay(10_000)], LATER + timedelta(days=2))) == [0, 10_000]

    def test_the_dearer_rate_before_older(self) -> None:
        two = [claim(1), claim(2, issued_on=START + timedelta(days=5), agreed_rate_ppm=1)]
        assert principals(run(two, [pay(10_000)])) == [10_000, 0]

    def test_older_by_due_date_then_by_issue(self) -> None:
        early = claim(2, issued_on=START - timedelta(days=3), due_on=DUE)
        assert principals(run([claim(1), early], [pay(10_000)])) == [10_000, 0]
        assert principals(run([claim(1, due_on=LATER), claim(2)], [pay(10_000)])) == [10_000, 0]

    def test_equals_share_in_proportion_to_the_cent(self) -> None:
        three = [claim(1, principal_cents=100), claim(2, principal_cents=100), claim(3, principal_cents=1)]
        assert principals(run(three, [pay(100)])) == [51, 50, 0]

    def test_the_largest_claims_share_exactly(self) -> None:
        two = [claim(number, principal_cents=PRINCIPAL_CENTS_MAX) for number in (1, 2)]
        assert principals(run(two, [pay(PRINCIPAL_CENTS_MAX)])) == [PRINCIPAL_CENTS_MAX // 2] * 2


class TestOrderWithinAClaim:
    """§§ 367 and 497 Abs. 3 BGB."""

    cost = fact(1, FactKind.COST_INCURRED, DUE + timedelta(days=5), 300, claim_id=101)
    began: ClassVar = {101: DUE + timedelta(days=1)}

    def test_costs_interest_principal(self) -> None:
        dear = [claim(1, principal_cents=1_000_000)]
        # 30 days of 8.62 % on 10,000 euro in 2024: 7,065.57 cents.
        assert owed(run(dear, [self.cost], began=self.began)) == [(300, 7_066, 1_000_000)]
        assert owed(run(dear, [self.cost, pay(200)], began=self.began)) == [(100, 7_066, 1_000_000)]
        assert owed(run(dear, [self.cost, pay(400)], began=self.began)) == [(0, 6_966, 1_000_000)]
        assert owed(run(dear, [self.cost, pay(8_366)], began=self.began)) == [(0, 0, 999_000)]

    def test_consumer_loan_pays_principal_before_default_interest(self) -> None:
        loan = claim(
            1,
            principal_cents=1_000_000,
            kind=int(ClaimKind.CONSUMER_LOAN),
            agreed_rate_ppm=36_600,
            agreed_from=DUE - timedelta(days=9),
        )
        # 10 days of 3.66 % contractual interest, 1,000 cents, then 7,066 of default interest.
        assert owed(run([loan], [self.cost], began=self.began)) == [(300, 8_066, 1_000_000)]
        assert owed(run([loan], [self.cost, pay(800)], began=self.began)) == [(0, 7_566, 1_000_000)]
        assert owed(run([loan], [self.cost, pay(501_300)], began=self.began)) == [(0, 7_066, 500_000)]
        assert owed(run([loan], [self.cost, pay(1_001_400)], began=self.began)) == [(0, 6_966, 0)]

    def test_a_credit_note_on_a_consumer_loan_leaves_its_interest_alone(self) -> None:
        loan = claim(1, kind=int(ClaimKind.CONSUMER_LOAN), agreed_rate_ppm=36_600)
        credit = fact(2, FactKind.CREDIT_NOTE, DUE, 4_000)
        before = owed(run([loan], [], DUE))[0][1]
        assert owed(run([loan], [credit], DUE)) == [(0, before, 6_000)]
        assert before > 0

    def test_interest_runs_on_what_is_left_from_the_day_after(self) -> None:
        dear = [claim(1, principal_cents=1_000_000)]
        result = run(dear, [pay(507_066)], LATER + timedelta(days=30), began=self.began)
        assert result.spans is not None
        assert result.spans.select("first_day", "last_day", "principal_cents").rows() == [
            (DUE + timedelta(days=1), LATER, 1_000_000),
            (LATER + timedelta(days=1), LATER + timedelta(days=30), 500_000),
        ]
        assert owed(result) == [(0, 3_532, 500_000)]  # 10,598.36 in all


class TestPaidAsDemanded:
    began: ClassVar = {101: DUE + timedelta(days=1)}
    sealed = DUE + timedelta(days=10)

    def letter(self, demanded: int, **columns: Any) -> dict[str, Any]:
        return {
            "message_id": 7,
            "case_id": 1,
            "claim_id": 101,
            "sealed_on": self.sealed,
            "pay_by": self.sealed + timedelta(days=14),
            "demanded_cents": demanded,
            "item_demanded_cents": demanded,
            "is_dunning": True,
            **columns,
        }

    def after(self, amount: int, day: int, **columns: Any) -> Replay:
        # On the letter's day 2,355 cents of interest are due.
        paid = pay(amount, self.sealed + timedelta(days=day), **columns)
        letters = [self.letter(1_002_355)]
        dear = [claim(1, principal_cents=1_000_000), claim(2)]
        return run(dear, [paid], LATER, began=self.began, notices=letters)

    def test_in_time_and_in_full_closes_the_item(self) -> None:
        result = self.after(1_002_355, 14)
        assert owed(result)[0] == (0, 0, 0)
        assert result.waived["interest_cents"].to_list() == [3_297]
        assert result.balances["credited_cents"][0] == 3_297

    def test_a_day_late_or_a_cent_short_does_not(self) -> None:
        late, short = self.after(1_002_355, 15), self.after(1_002_354, 14)
        assert late.waived.is_empty()
        assert short.waived.is_empty()
        assert owed(late)[0][2] == 3_533
        assert owed(short)[0][2] > 3_297

    def test_naming_another_claim_does_not_answer_the_letter(self) -> None:
        assert self.after(1_002_355, 14, claim_id=102).waived.is_empty()


class TestCreditsAndWaivers:
    began: ClassVar = {101: DUE + timedelta(days=1)}
    dear: ClassVar = [claim(1, principal_cents=1_000_000), claim(2)]

    def test_a_credit_note_lowers_principal_only(self) -> None:
        credit = fact(1, FactKind.CREDIT_NOTE, LATER, 400_000, claim_id=101)
        assert owed(run(self.dear, [credit], began=self.began))[0] == (0, 7_066, 600_000)

    def test_what_a_credit_note_leaves_over_pays_what_is_due_then_becomes_credit(self) -> None:
        facts = [pay(1_007_066, claim_id=101), fact(51, FactKind.CREDIT_NOTE, LATER, 12_000, claim_id=101)]
        result = run(self.dear, facts, began=self.began)
        assert owed(result) == [(0, 0, 0), (0, 0, 0)]
        assert result.surplus.rows() == [(1, 2_000)]

    @pytest.mark.parametrize(
        ("code", "amount", "left"),
        [
            ("interest", None, (0, 0, 1_000_000)),
            ("principal", 1_000, (0, 7_066, 999_000)),
            (None, 8_066, (0, 0, 999_000)),
            (None, None, (0, 0, 0)),
        ],
    )
    def test_waivers(self, code: str | None, amount: int | None, left: tuple[int, int, int]) -> None:
        waiver = fact(1, FactKind.WAIVER, LATER, amount, claim_id=101, code=code)
        result = run(self.dear, [waiver], began=self.began)
        assert owed(result)[0] == left
        assert owed(result)[1] == (0, 0, 10_000)
        assert result.surplus.is_empty()

    def test_a_waiver_beyond_what_is_open_is_reported_and_gives_no_credit(self) -> None:
        waiver = fact(1, FactKind.WRITE_OFF, LATER, 10_001, claim_id=102)
        result = run(self.dear, [waiver])
        assert result.problems.rows() == [(1, 1, "more_than_open", 1)]
        assert result.surplus.is_empty()

    def test_a_refund_takes_from_the_surplus_and_no_more(self) -> None:
        facts = [pay(1_015_000), fact(51, FactKind.REFUND_PAID, LATER, 7_000)]
        result = run(self.dear, facts)
        assert result.surplus.is_empty()
        assert result.problems["excess_cents"].to_list() == [2_000]


class TestSurplus:
    def test_early_money_pays_the_claim_that_is_there(self) -> None:
        result = run([claim(1)], [pay(10_000, START)], DUE, began={101: DUE + timedelta(days=1)})
        assert owed(result) == [(0, 0, 0)]

    def test_money_before_the_claim_waits_until_it_is_due(self) -> None:
        later = [claim(1), claim(2, issued_on=LATER)]
        facts = [pay(15_000, DUE)]
        before = run(later, facts, LATER + timedelta(days=13))
        assert (principals(before), before.surplus["surplus_cents"].to_list()) == ([0, 10_000], [5_000])
        due = run(later, facts, LATER + timedelta(days=14))
        assert (principals(due), due.surplus["surplus_cents"].to_list()) == ([0, 5_000], [])
        assert due.allocations is not None
        assert due.allocations.filter(claim_id=102)["fact_no"].to_list() == [50]
        assert due.balances["paid_cents"].to_list() == [10_000, 5_000]

    @pytest.mark.parametrize("kind", [FactKind.WRITE_OFF, FactKind.DEFERRAL_GRANTED])
    def test_a_claim_forgiven_or_deferred_takes_none_of_it(self, kind: FactKind) -> None:
        three = [claim(1, principal_cents=20_000), claim(2, issued_on=LATER), claim(3, principal_cents=1_000)]
        facts = [fact(1, kind, DUE, claim_id=101), fact(60, FactKind.CREDIT_NOTE, DUE, 6_000, claim_id=103)]
        due = run(three, facts, LATER + timedelta(days=14))
        assert principals(due)[1:] == [5_000, 0]
        assert due.surplus.is_empty()

    def test_a_named_claim_is_paid_before_it_exists(self) -> None:
        facts = [pay(10_000, DUE, claim_id=102)]
        assert principals(run([claim(1), claim(2, issued_on=LATER)], facts, DUE)) == [10_000, 0]

    def test_a_later_cost_is_taken_from_the_surplus(self) -> None:
        facts = [pay(10_200, DUE), fact(60, FactKind.COST_INCURRED, LATER, 300, claim_id=101)]
        assert owed(run([claim(1)], facts)) == [(100, 0, 0)]


class TestRates:
    """Which rate a claim bears."""

    on = DUE + timedelta(days=366)
    began: ClassVar = {101: DUE + timedelta(days=1)}

    def rate(self, *, is_consumer: bool | None = False, **columns: Any) -> int | None:
        one = [claim(1, principal_cents=1_000_000, issued_on=date(2025, 8, 1), **columns)]
        result = replay(
            make_book(one, cases=[case(1, is_consumer=is_consumer)]),
            defaults({101: date(2025, 8, 16)}),
            LAWS,
            date(2025, 9, 1),
            detail=True,
        )
        assert result.tomorrow is not None
        return result.tomorrow["rate_ppm"][0]  # type: ignore[no-any-return]

    @pytest.mark.parametrize(
        ("expected", "columns"),
        [
            (102_700, {}),
            (62_700, {"is_consumer": True}),
            (62_700, {"is_consumer": None}),
            (62_700, {"kind": int(ClaimKind.DAMAGES)}),
            (92_700, {"obligation_arose_on": date(2014, 7, 28)}),
            (102_700, {"kind": int(ClaimKind.RENT), "obligation_arose_on": None}),
            (37_700, {"kind": int(ClaimKind.REAL_ESTATE_CONSUMER_LOAN), "is_consumer": True}),
            (62_700, {"kind": int(ClaimKind.CONSUMER_LOAN), "is_consumer": True}),
            (150_000, {"agreed_default_rate_ppm": 150_000}),
            (107_300, {"jurisdiction": "at"}),
            (40_000, {"jurisdiction": "at", "is_consumer": True}),
            (50_000, {"jurisdiction": "ch"}),
        ],
    )
    def test_by_law_and_contract(self, expected: int, columns: dict[str, Any]) -> None:
        assert self.rate(**columns) == expected

    def test_contractual_interest_runs_until_the_day_before_default(self) -> None:
        one = [claim(1, principal_cents=36_600_000, agreed_rate_ppm=10_000, agreed_from=START)]
        result = run(one, [], DUE + timedelta(days=2), began={101: DUE + timedelta(days=2)})
        assert result.spans is not None
        assert result.spans.select("first_day", "last_day", "rule_id").rows() == [
            (START, DUE + timedelta(days=1), "interest.agreed"),
            (DUE + timedelta(days=2), DUE + timedelta(days=2), "interest.default"),
        ]
        assert result.balances["interest_accrued_cents"].to_list() == [16 * 1_000 + 8_620]

    def test_litigation_interest_runs_from_the_day_after_pendency(self) -> None:
        pending = fact(1, FactKind.LITIGATION_PENDING, DUE + timedelta(days=3))
        result = run([claim(1, principal_cents=36_600_000)], [pending], DUE + timedelta(days=5))
        assert result.balances["interest_accrued_cents"].to_list() == [2 * 8_620]
        early = fact(1, FactKind.LITIGATION_PENDING, DUE - timedelta(days=3))
        result = run([claim(1, principal_cents=36_600_000)], [early], DUE + timedelta(days=5))
        assert result.balances["interest_accrued_cents"].to_list() == [5 * 8_620]

    def test_a_deferral_stops_interest(self) -> None:
        deferral = fact(
            1, FactKind.DEFERRAL_GRANTED, DUE + timedelta(days=3), until_on=DUE + timedelta(days=20)
        )
        one = [claim(1, principal_cents=36_600_000)]
        for day, days in ((3, 3), (10, 3), (20, 3), (21, 4)):
            result = run(one, [deferral], DUE + timedelta(days=day), began=self.began)
            assert result.balances["interest_accrued_cents"].to_list() == [days * 8_620]
        endless = fact(1, FactKind.DEFERRAL_GRANTED, DUE + timedelta(days=3))
        result = run(one, [endless], DUE + timedelta(days=90), began=self.began)
        assert result.balances["interest_accrued_cents"].to_list() == [3 * 8_620]


class TestLawGaps:
    def gaps(self, on: date, facts: list[dict[str, Any]] | None = None, **columns: Any) -> list[str]:
        one = [claim(1, **{"issued_on": date(2026, 11, 1), **columns}), claim(2)]
        result = replay(make_book(one, facts), defaults({101: date(2026, 12, 1)}), LAWS, on)
        assert result.balances.height == 2
        return result.law_gaps.filter(claim_id=101)["parameter"].to_list()

    def test_only_from_the_first_unknown_day(self) -> None:
        assert self.gaps(date(2026, 12, 31)) == []
        assert self.gaps(date(2027, 1, 1)) == ["interest.base_rate"]

    def test_a_paid_claim_needs_no_rate(self) -> None:
        assert self.gaps(date(2027, 3, 1), [pay(10_000, date(2026, 11, 30), claim_id=101)]) == []

    def test_a_fixed_rate_needs_no_base_rate(self) -> None:
        assert self.gaps(date(2027, 3, 1), agreed_default_rate_ppm=80_000) == []

    def test_new_consumer_loans_are_unknown_law(self) -> None:
        columns = {"kind": int(ClaimKind.CONSUMER_LOAN), "obligation_arose_on": date(2026, 11, 20)}
        assert self.gaps(date(2026, 11, 30), **columns) == []
        assert self.gaps(date(2026, 12, 1), **columns) == ["interest.consumer_loan_margin"]
        columns["obligation_arose_on"] = date(2026, 11, 19)
        assert self.gaps(date(2026, 12, 1), **columns) == []

    def test_an_unknown_jurisdiction_is_a_gap(self) -> None:
        assert self.gaps(date(2026, 12, 1), jurisdiction="fr") == ["interest.default_margin"]


class TestCosts:
    def test_an_uncertain_letter_costs_nothing_for_now(self) -> None:
        facts = [
            fact(1, FactKind.COST_INCURRED, DUE, 110, claim_id=101, message_id=7),
            fact(2, FactKind.MESSAGE_UNCERTAIN, DUE, message_id=7),
        ]
        assert owed(run([claim(1)], [*facts, pay(100)])) == [(0, 0, 9_900)]
        known = run([claim(1)], [*facts, fact(3, FactKind.MESSAGE_DELIVERED, DUE, message_id=7), pay(100)])
        assert owed(known) == [(10, 0, 10_000)]

    def test_a_voided_cost_was_never_charged(self) -> None:
        facts = [
            fact(1, FactKind.COST_INCURRED, DUE, 110, claim_id=101),
            fact(2, FactKind.VOIDED, LATER, voids_fact_no=1),
            fact(3, FactKind.VOIDED, LATER, voids_fact_no=2),
        ]
        assert owed(run([claim(1)], facts[:1]))[0][0] == 110
        assert owed(run([claim(1)], facts[:2]))[0][0] == 0
        assert owed(run([claim(1)], facts))[0][0] == 110
        assert owed(run([claim(1)], facts, LATER - timedelta(days=1)))[0][0] == 110

    def test_a_case_wide_cost_is_split_over_what_its_letter_listed(self) -> None:
        three = [claim(number) for number in (1, 2, 3)]
        cost = fact(1, FactKind.COST_INCURRED, DUE, 100, message_id=7)
        letter = [
            {"message_id": 7, "case_id": 1, "claim_id": key, "item_demanded_cents": cents}
            for key, cents in ((101, 10_000), (103, 20_000))
        ]
        result = run(three, [cost], notices=letter)
        assert result.balances["costs_open_cents"].to_list() == [33, 0, 67]

    def test_without_a_letter_it_is_split_over_what_is_due(self) -> None:
        three = [claim(1), claim(2, principal_cents=5_000), claim(3, issued_on=LATER)]
        result = run(three, [fact(1, FactKind.COST_INCURRED, DUE, 100)])
        assert result.balances["costs_open_cents"].to_list() == [66, 34, 0]


def test_disputes_are_capped_by_what_is_open_and_end_when_resolved() -> None:
    def disputed(*facts: dict[str, Any]) -> list[int]:
        result = run([claim(1), claim(2)], list(facts))
        return result.balances["disputed_cents"].to_list()

    part = fact(1, FactKind.DISPUTE_RAISED, DUE, 3_000, claim_id=101)
    more = fact(2, FactKind.DISPUTE_RAISED, DUE, 500, claim_id=101)
    whole = fact(3, FactKind.DISPUTE_RAISED, DUE)
    solved = fact(4, FactKind.DISPUTE_RESOLVED, LATER, claim_id=101)
    assert disputed(part, more) == [3_500, 0]
    assert disputed(part, whole) == [10_000, 10_000]
    assert disputed(part, whole, solved) == [0, 10_000]
    assert disputed(part, pay(8_000, claim_id=101)) == [2_000, 0]


@pytest.mark.parametrize(("amount", "is_whole"), [(9_999, False), (10_000, True), (10_001, True)])
def test_who_disputes_all_of_the_principal_disputes_its_interest(amount: int, is_whole: bool) -> None:
    began = {101: DUE + timedelta(days=1)}
    result = run([claim(1)], [fact(1, FactKind.DISPUTE_RAISED, DUE, amount)], LATER, began=began)
    row = result.balances.row(0, named=True)
    assert row["interest_open_cents"] > 1
    assert row["disputed_cents"] == (row["open_cents"] if is_whole else amount)


def test_interest_since_the_opening_of_insolvency_is_subordinated() -> None:
    one = [claim(1, principal_cents=36_600_000)]
    opened = fact(1, FactKind.INSOLVENCY_OPENED, DUE + timedelta(days=11))
    began = {101: DUE + timedelta(days=1)}
    result = run(one, [opened], LATER, began=began)
    assert owed(result) == [(0, 30 * 8_620, 36_600_000)]
    assert result.subordinated["interest_open_cents"].to_list() == [20 * 8_620]
    closed = fact(2, FactKind.INSOLVENCY_CLOSED, LATER)
    assert run(one, [opened, closed], LATER, began=began).subordinated.is_empty()


def test_facts_without_money_change_nothing_and_are_not_walked() -> None:
    lone = fact(1, FactKind.HOLD_SET, DUE)
    assert run([claim(1)], [lone]).balances.equals(run([claim(1)], []).balances)


def test_an_empty_book_is_a_result() -> None:
    book = Book(frame(CASES, []), frame(CLAIMS, []))
    result = replay(book, defaults({}), LAWS, LATER, detail=True)
    assert result.balances.is_empty()
    assert result.balances.schema == BALANCES
