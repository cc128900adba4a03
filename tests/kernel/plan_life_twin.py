"""Once more, slowly and without a frame: how a plan stands on a day, and what its terms make of it.

Knows one claim without interest per case and plans that nobody collects; everything is worked out from the
rows of a `Story`. The latest plan counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tests.kernel.dunning_books import Story

from mahnwerk.frames import FactKind as F

Row = dict[str, Any]
UNDOING = (F.VOIDED, F.PAYMENT_RETURNED)


@dataclass
class Stand:
    """`state` is "" where no plan runs."""

    state: str = ""
    action: str = ""
    paid: int = 0
    missed: int = 0
    debt: int = 0


def live(story: Story, case_id: int, on: date) -> list[Row]:
    """Facts in force, in order; an end by fulfilment is gone once what it rested on was undone."""
    seen = [row for row in story.facts if row["case_id"] == case_id and row["effective_on"] <= on]
    undone = {row["voids_fact_no"]: row["fact_no"] for row in seen if row["kind"] in UNDOING}
    found = []
    for row in sorted(seen, key=lambda row: (row["effective_on"], row["fact_no"])):
        if row["fact_no"] in undone:
            continue
        if row["kind"] == F.PLAN_ENDED and row["code"] == "fulfilled":
            end = row["fact_no"]
            if any(number < end < undoing for number, undoing in undone.items()):
                continue
        found.append(row)
    return found


def stand(story: Story, case_id: int, on: date, received: set[int]) -> Stand:
    """How the latest plan stands with the end of the day's facts, and what follows.

    Parameters
    ----------
    received : message_id of those that reached the debtor
    """
    owed = next(row["principal_cents"] for row in story.claims if row["case_id"] == case_id)
    debt, paid, code = owed, 0, None
    for row in live(story, case_id, on):
        cents = min(row["amount_cents"] or 0, debt)
        if row["kind"] == F.PLAN_AGREED:
            code, paid = row["code"], 0
        elif row["kind"] in (F.PLAN_ENDED, F.PLAN_BROKEN):
            code = None
        elif row["kind"] == F.PAYMENT_RECEIVED:
            debt, paid = debt - cents, paid + cents
        elif row["kind"] == F.CREDIT_NOTE:
            debt -= cents
    if code is None:
        return Stand(debt=debt)
    rows = [row for row in story.instalments if (row["case_id"], row["plan_code"]) == (case_id, code)]
    left, missed, last, first_day, two_day, to_come = paid, 0, None, None, None, False
    for row in rows:
        lacks = row["amount_cents"] - min(left, row["amount_cents"])
        left -= row["amount_cents"] - lacks
        over = row["due_on"] + timedelta(days=row["grace_days"])
        if lacks and over < on:
            missed, last, first_day = missed + lacks, over, first_day or over
            if two_day is None and missed >= 2 * rows[0]["amount_cents"]:
                two_day = over
        elif lacks:
            to_come = True
    due = sum(row["amount_cents"] for row in rows if row["due_on"] <= on)
    if paid >= sum(row["amount_cents"] for row in rows):
        state = "fulfilled"
    elif paid >= due:
        state = "kept"
    elif two_day and first_day and (on - first_day).days > 14:
        state = "broken"
    else:
        state = "missed" if missed else "grace"
    told = sorted(
        (row["sealed_on"], row["pay_by"])
        for row in story.notices
        if row["case_id"] == case_id
        and row["message_step_id"] == "plan_reminder"
        and row["message_id"] in received
        and rows[0]["agreed_on"] <= row["sealed_on"] <= on
    )
    day, answer_by = told[-1] if told else (date.min, date.max)
    action = ""
    if state == "fulfilled" or debt == 0:
        action = "fulfilled"
    elif state == "broken" and two_day and day > two_day and answer_by < on:
        action = "instalments_missed"
    elif missed and not to_come and last and day > last and answer_by < on:
        action = "not_paid_by_its_end"
    return Stand(state, action, paid, missed, debt)
