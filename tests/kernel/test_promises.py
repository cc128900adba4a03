"""A promise is waited for, kept or not kept; it is nothing else."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kernel.books import FACTS, fact, frame
from tests.kernel.dunning_books import DUE, held, outcome, simple

from mahnwerk.frames import FactKind
from mahnwerk.kernel import calendar
from mahnwerk.kernel.holds import fact_blocks
from mahnwerk.kernel.promises import not_kept

K = FactKind
GIVEN, LAST = date(2026, 3, 20), date(2026, 4, 3)  # Good Friday: Tuesday the 7th is in time (§ 193 BGB)
IN_TIME, TOO_LATE = date(2026, 4, 7), date(2026, 4, 8)


@pytest.mark.parametrize(
    ("promised", "until", "payments", "on", "missing"),
    [
        (5_000, LAST, [], IN_TIME, False),  # its last day still counts
        (5_000, LAST, [], TOO_LATE, True),
        (5_000, LAST, [(LAST, 5_000)], TOO_LATE, False),
        (5_000, LAST, [(IN_TIME, 5_000)], TOO_LATE, False),
        (5_000, LAST, [(GIVEN, 2_000), (IN_TIME, 2_000)], TOO_LATE, True),
        (5_000, LAST, [(TOO_LATE, 5_000)], date(2026, 4, 9), True),
        (None, LAST, [(LAST, 1)], TOO_LATE, False),
        (None, None, [], IN_TIME, False),  # fourteen days where none are named: the same day
        (None, None, [], TOO_LATE, True),
        (5_000, date(2026, 3, 25), [], date(2026, 3, 26), True),  # a Wednesday is not moved
        (5_000, date(2026, 3, 28), [], date(2026, 3, 30), False),  # a Saturday is, to Monday
        (5_000, date(2026, 3, 28), [], date(2026, 3, 31), True),
        (5_000, date(2027, 1, 6), [], date(2027, 1, 7), False),  # a holiday of some Länder only
        (5_000, date(2027, 1, 6), [], date(2027, 1, 8), True),
        (5_000, date(2101, 1, 1), [], date(2101, 1, 2), True),  # beyond the calendar nothing is moved
    ],
)
def test_kept_or_not(
    promised: int | None, until: date | None, payments: list[tuple[date, int]], on: date, missing: bool
) -> None:
    rows: list[dict[str, Any]] = [fact(1, K.PROMISE_TO_PAY, GIVEN, promised, until_on=until)]
    rows += [fact(n, K.PAYMENT_RECEIVED, day, cents) for n, (day, cents) in enumerate(payments, start=2)]
    assert bool(not_kept(frame(FACTS, rows), on).height) is missing


def test_while_it_is_waited_for_nobody_writes_and_then_dunning_goes_on() -> None:
    story = simple().fact(K.PROMISE_TO_PAY, GIVEN, until_on=LAST, amount_cents=5_000)
    assert DUE < GIVEN
    assert outcome(story.plan(LAST)) == ("held", "promise_pending")
    assert held(story.plan(LAST))["next_look_on"] == TOO_LATE
    assert outcome(story.plan(IN_TIME)) == ("held", "promise_pending")
    assert outcome(story.plan(TOO_LATE))[0] == "measure"


def test_of_many_at_once_each_is_waited_for_as_if_it_were_alone() -> None:
    days = [date(2026, 4, 1) + timedelta(days=n) for n in range(100)]
    many = [fact(n, K.PROMISE_TO_PAY, GIVEN, until_on=day) for n, day in enumerate(days, start=1)]
    until = dict(fact_blocks(frame(FACTS, many), GIVEN).select("detail", "until_on").iter_rows())
    alone = [fact_blocks(frame(FACTS, [row]), GIVEN).row(0, named=True) for row in many]
    assert until == {row["detail"]: row["until_on"] for row in alone}
    assert set(until.values()) == {calendar.next_working_day(day) for day in days}


WEDNESDAY, NEXT_WEDNESDAY, LATER = date(2026, 3, 25), date(2026, 4, 1), date(2026, 4, 2)


@pytest.mark.parametrize(
    ("promises", "payments", "missing"),
    [
        ([(5_000, WEDNESDAY), (5_000, NEXT_WEDNESDAY)], [(GIVEN, 5_000)], {2: 0}),
        ([(5_000, NEXT_WEDNESDAY), (5_000, WEDNESDAY)], [(GIVEN, 5_000)], {1: 0}),  # by their last days
        ([(5_000, WEDNESDAY), (5_000, NEXT_WEDNESDAY)], [(GIVEN, 8_000)], {2: 3_000}),
        ([(5_000, WEDNESDAY), (5_000, NEXT_WEDNESDAY)], [(GIVEN, 10_000)], {}),
        ([(5_000, WEDNESDAY), (5_000, NEXT_WEDNESDAY)], [(NEXT_WEDNESDAY, 5_000)], {1: 0}),
        ([(5_000, WEDNESDAY), (5_000, WEDNESDAY)], [(GIVEN, 5_000)], {2: 0}),
        ([(None, WEDNESDAY), (5_000, NEXT_WEDNESDAY)], [(GIVEN, 5_000)], {2: 0}),
        ([(None, WEDNESDAY), (5_000, NEXT_WEDNESDAY)], [(GIVEN, 1), (WEDNESDAY, 5_000)], {}),
        ([(5_000, WEDNESDAY), (None, NEXT_WEDNESDAY)], [(GIVEN, 5_000)], {2: 0}),
        ([(5_000, WEDNESDAY), (None, NEXT_WEDNESDAY)], [(GIVEN, 5_001)], {}),
        ([(5_000, WEDNESDAY), (2_000, NEXT_WEDNESDAY)], [(GIVEN, 4_000)], {1: 4_000, 2: 0}),
    ],
)
def test_a_payment_counts_once_for_the_promise_that_ends_first(
    promises: list[tuple[int | None, date]], payments: list[tuple[date, int]], missing: dict[int, int]
) -> None:
    rows = [
        fact(n, K.PROMISE_TO_PAY, GIVEN, cents, until_on=day) for n, (cents, day) in enumerate(promises, 1)
    ]
    rows += [fact(n, K.PAYMENT_RECEIVED, day, cents) for n, (day, cents) in enumerate(payments, start=8)]
    assert dict(not_kept(frame(FACTS, rows), LATER).select("fact_no", "paid_cents").iter_rows()) == missing


@given(
    promises=st.lists(
        st.tuples(st.integers(0, 12), st.integers(1, 12), st.none() | st.integers(1, 9)), max_size=5
    ),
    payments=st.lists(st.tuples(st.integers(0, 20), st.integers(1, 12)), max_size=5),
)
def test_cent_by_cent_the_same_are_not_kept(
    promises: list[tuple[int, int, int | None]], payments: list[tuple[int, int]]
) -> None:
    """Slowly: each cent goes to whom it is needed by first."""
    monday = date(2026, 6, 8)
    rows = []
    for number, (begins, lasts, cents) in enumerate(promises, start=1):
        day = monday + timedelta(days=begins)
        rows.append(fact(number, K.PROMISE_TO_PAY, day, cents, until_on=day + timedelta(days=lasts)))
    for number, (after, cents) in enumerate(payments, start=11):
        rows.append(fact(number, K.PAYMENT_RECEIVED, monday + timedelta(days=after), cents))
    got = dict.fromkeys(range(1, len(promises) + 1), 0)
    by_whom: dict[int, int] = {}  # promise without a sum -> the payment that kept it

    def wants(promise: dict[str, Any], paid: dict[str, Any]) -> bool:
        number = promise["fact_no"]
        last = calendar.next_working_day(promise["until_on"])
        if not promise["effective_on"] <= paid["effective_on"] <= last:
            return False
        if promise["amount_cents"] is None:
            return by_whom.setdefault(number, paid["fact_no"]) == paid["fact_no"]
        return got[number] < promise["amount_cents"]

    promised, came = rows[: len(promises)], rows[len(promises) :]
    promised.sort(
        key=lambda row: (calendar.next_working_day(row["until_on"]), row["effective_on"], row["fact_no"])
    )
    for paid in sorted(came, key=lambda row: (row["effective_on"], row["fact_no"])):
        for _ in range(paid["amount_cents"]):
            whose = next((row["fact_no"] for row in promised if wants(row, paid)), None)
            if whose is not None:
                got[whose] += 1
    missing = {
        row["fact_no"]: got[row["fact_no"]]
        for row in promised
        if got[row["fact_no"]] < (row["amount_cents"] or 1)
    }
    found = not_kept(frame(FACTS, rows), date(2027, 1, 1))
    assert dict(found.select("fact_no", "paid_cents").iter_rows()) == missing
