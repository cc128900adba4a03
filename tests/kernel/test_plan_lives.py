"""Random lives of plans: paid, missed, paid back, put off, broken, fulfilled; as a slow twin has it.

`python -m tests.kernel.test_plan_lives 10 300` lives three thousand.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from tests.kernel import plan_life_twin
from tests.kernel.dunning_books import Story, laws, shipped
from tests.kernel.plan_life_twin import Stand

from mahnwerk.frames import FactKind as K
from mahnwerk.kernel import plan_holds, plan_reminders, plan_states
from mahnwerk.kernel import plans as terms
from mahnwerk.kernel.calendar import plus_months
from mahnwerk.kernel.daily_run import decide
from mahnwerk.kernel.discounts import in_force

AGREED = date(2026, 3, 9)
LAST = date(2026, 10, 1)
EVENTS = {"pay": 8, "return": 2, "pause": 2, "credit": 1, "promise": 1, "dispute": 1, "defer": 1}
BADLY = ("instalments_missed", "not_paid_by_its_end")
STILL = {"promise": K.PROMISE_TO_PAY, "dispute": K.DISPUTE_RAISED, "defer": K.DEFERRAL_GRANTED}


def begun(dice: random.Random, lives: int) -> Story:
    story = Story()
    for case_id in range(1, lives + 1):
        story.case(case_id)
        story.claim(100 + case_id, case_id)
        agree(dice, story, case_id, AGREED, 10_000)
    return story


def agree(dice: random.Random, story: Story, case_id: int, on: date, owed: int) -> None:
    """Instalments that add up to what is owed, the last one what is left."""
    rate = min(dice.choice([2_500, 3_333, 4_000, 10_000]), owed)
    first = plus_months(on, 1).replace(day=dice.choice([1, 15, 28]))
    days = [plus_months(first, n) for n in range(-(-owed // rate))]
    story.agree(days, rate, on, case_id)
    story.instalments[-1]["amount_cents"] = owed - rate * (len(days) - 1)


def happens(dice: random.Random, story: Story, case_id: int, on: date, now: Stand) -> str:
    (word,) = dice.choices(list(EVENTS), list(EVENTS.values()))
    if word == "pay":
        cents = dice.choice([2_500, 3_333, 4_000, 1, 700, 5_000, 10_000, 25_000])
        story.fact(K.PAYMENT_RECEIVED, on, case_id, amount_cents=cents)
    elif word == "return":
        undone = {row["voids_fact_no"] for row in story.facts if row["case_id"] == case_id}
        mine = [row for row in story.facts if row["case_id"] == case_id and row["fact_no"] not in undone]
        paid = [row["fact_no"] for row in mine if row["kind"] == K.PAYMENT_RECEIVED]
        if not paid:
            return ""
        story.fact(K.PAYMENT_RETURNED, on, case_id, voids_fact_no=dice.choice(paid))
    elif word == "pause":
        if now.state != "kept" or now.debt <= 0:
            return ""
        story.fact(K.PLAN_ENDED, on, case_id, code="paused")
        agree(dice, story, case_id, on, now.debt)
    elif word == "credit":
        story.fact(K.CREDIT_NOTE, on, case_id, claim_id=100 + case_id, amount_cents=500)
    else:
        more: dict[str, Any] = {"until_on": on + timedelta(days=dice.randint(1, 10))}
        if word == "dispute":
            more = {"claim_id": 100 + case_id, **more}
        story.fact(STILL[word], on, case_id, **more)
    return word


def lived(seed: int, lives: int) -> Counter[str]:
    """Live these lives to LAST, comparing each day; what happened, by kind."""
    dice = random.Random(seed)
    story, on, seen = begun(dice, lives), AGREED + timedelta(days=14), Counter[str]()
    alive = set(range(1, lives + 1))
    reached: dict[int, set[int]] = {case_id: set() for case_id in alive}
    while on < LAST:
        for case_id in sorted(alive):
            if dice.random() < 0.2:
                now = plan_life_twin.stand(story, case_id, on, reached[case_id])
                seen[happens(dice, story, case_id, on, now)] += 1
        for case_id, now, waits in compared(story, on, alive, reached):
            seen[now.state] += 1
            ends_badly = now.action in BADLY
            if now.action and not (ends_badly and waits):
                seen[now.action] += 1
                kind = K.PLAN_BROKEN if ends_badly else K.PLAN_ENDED
                story.fact(kind, on, case_id, code=now.action)
                if ends_badly or now.debt:
                    alive.discard(case_id)  # dunned from here on, with costs the twin does not know
        plan = story.plan(on)
        for case_id in sorted(set(plan.measures["case_id"]) & alive):
            fate = dice.choice(["sent", "sent", "sent", "bounced", "lost"])
            if fate != "lost":
                story.send(plan, on, case_id)
            if fate == "bounced":
                story.fact(K.MESSAGE_BOUNCED, on, case_id, message_id=story.notices[-1]["message_id"])
        on += timedelta(days=dice.choice([2, 3, 5, 8]))
    return seen


def compared(
    story: Story, on: date, alive: set[int], reached: dict[int, set[int]]
) -> Iterator[tuple[int, Stand, bool]]:
    """Each plan as twin and kernel have it; and whether something else stands against its end."""
    book = story.book()
    decided = decide(book, laws(), on, procedures=shipped())
    facts = in_force(book, on)
    told = plan_reminders.told(facts, book.claims, book.instalments, decided.evidence)
    covered = terms.claims_covered(facts, book.claims, book.instalments)
    owed = covered.join(decided.plan.balances, on=["case_id", "claim_id"])
    sums = owed.group_by("case_id", "plan_code").agg(pl.col("open_cents").sum())
    asked = plan_states.actions(decided.stand, book.instalments, told, sums, on)
    against = plan_holds.stands_against(facts, owed, book.cases, decided.evidence, decided.plan.held, on)
    stands = {row["case_id"]: row for row in decided.stand.iter_rows(named=True)}
    actions = dict(asked.select("case_id", "action").iter_rows())
    debts = dict(decided.plan.balances.group_by("case_id").agg(pl.col("open_cents").sum()).iter_rows())
    for row in decided.evidence.iter_rows(named=True):
        is_there = row["evidence"] in ("proven", "presumed")
        (reached[row["case_id"]].add if is_there else reached[row["case_id"]].discard)(row["message_id"])
    waiting = set(against["case_id"])
    for case_id in sorted(alive):
        mine = plan_life_twin.stand(story, case_id, on, reached[case_id])
        row = stands.get(case_id, {})
        got = (row.get("state", ""), row.get("paid_cents", 0), row.get("missed_cents", 0))
        assert (*got, debts[case_id]) == (mine.state, mine.paid, mine.missed, mine.debt), (case_id, on)
        assert actions.get(case_id, "") == mine.action, (case_id, on)
        yield case_id, mine, case_id in waiting


@pytest.mark.slow
def test_random_lives_are_as_the_slow_twin_has_them() -> None:
    seen = lived(0, 40)
    words = ("kept", "grace", "missed", "broken", "fulfilled", *BADLY)
    assert [word for word in (*words, *EVENTS) if not seen[word]] == []


if __name__ == "__main__":
    total, rounds, each = Counter[str](), int(sys.argv[1]), int(sys.argv[2])
    for number in range(rounds):
        total += lived(1_000 + number, each)
    sys.stdout.write(f"{rounds * each} lives: {dict(sorted(total.items()))}\n")
