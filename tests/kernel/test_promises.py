"""A promise is waited for, kept or not kept; it is nothing else."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from tests.kernel.books import FACTS, fact, frame
from tests.kernel.dunning_books import DUE, outcome, simple

from mahnwerk.frames import FactKind
from mahnwerk.kernel.promises import not_kept

K = FactKind
GIVEN, LAST = date(2026, 3, 20), date(2026, 4, 3)


@pytest.mark.parametrize(
    ("promised", "until", "payments", "on", "missing"),
    [
        (5_000, LAST, [], LAST, False),  # its last day still counts
        (5_000, LAST, [], date(2026, 4, 4), True),
        (5_000, LAST, [(LAST, 5_000)], date(2026, 4, 4), False),
        (5_000, LAST, [(GIVEN, 2_000), (LAST, 2_000)], date(2026, 4, 4), True),
        (5_000, LAST, [(date(2026, 4, 4), 5_000)], date(2026, 4, 5), True),
        (None, LAST, [(LAST, 1)], date(2026, 4, 4), False),
        (None, None, [], date(2026, 4, 4), True),  # fourteen days where none are named
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
    assert outcome(story.plan(date(2026, 4, 4)))[0] == "measure"
