"""Once more, slowly and without a frame: whether a missed instalment is to be told of today.

Knows plans of one per case; everything is worked out from the rows of a `Story`.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from tests.kernel.dunning_books import Story

from mahnwerk.frames import FactKind as F
from mahnwerk.kernel import calendar

Row = dict[str, Any]
STILL = {
    F.HOLD_SET: {F.HOLD_LIFTED},
    F.DISPUTE_RAISED: {F.DISPUTE_RESOLVED},
    F.INSOLVENCY_OPENED: {F.INSOLVENCY_CLOSED},
    F.PROMISE_TO_PAY: set(),
    F.DEFERRAL_GRANTED: set(),
    F.DEBTOR_DECEASED: set(),
}
"""What keeps everybody still in the stories told at random, and what ends it."""


def asks(story: Story, case_id: int, on: date, received: dict[int, date | None]) -> int:
    """The cents a reminder of today asks for; 0 = none.

    Parameters
    ----------
    received : message_id → day it reached the debtor, of those that did (presumed or proven); others are
        uncertain or came back, as the facts say
    """
    case = next(row for row in story.cases if row["case_id"] == case_id)
    live = _live([row for row in story.facts if row["case_id"] == case_id], on)
    missed = _missed(story, case_id, live, on)
    if not missed:
        return 0
    letters = [row for row in story.notices if row["case_id"] == case_id and row["sealed_on"] <= on]
    told = [
        row["sealed_on"]
        for row in letters
        if row["message_step_id"] == "plan_reminder" and row["message_id"] in received
    ]
    if told and max(told) > max(day for day, _ in missed):
        return 0
    cents = sum(cents for _, cents in missed)
    if cents <= 300 or _is_held(live, on):  # the tolerance of the procedure
        return 0
    if case["feed_checked_on"] and (on - case["feed_checked_on"]).days > case["feed_max_age_days"]:
        return 0
    came_back = {row["message_id"] for row in live if row["kind"] == F.MESSAGE_BOUNCED}
    if any(row["message_id"] not in received and row["message_id"] not in came_back for row in letters):
        return 0  # one of which nobody knows
    days = [day for day in received.values() if day]
    if days and max(days) + timedelta(days=14) > on:
        return 0
    returned = {row["channel"] for row in letters if row["message_id"] in came_back}
    return 0 if {"email", "post"} <= returned else cents


def _live(facts: list[Row], on: date) -> list[Row]:
    seen = [row for row in facts if row["effective_on"] <= on]
    undone = {
        row["voids_fact_no"] for row in seen if row["kind"] in (F.VOIDED, F.PAYMENT_RETURNED)
    }  # the stories undo no undoing
    return [row for row in seen if row["fact_no"] not in undone]


def _missed(story: Story, case_id: int, live: list[Row], on: date) -> list[tuple[date, int]]:
    """Instalments that are the debtor's to pay and were not: the day with whose end they were, what lacks."""
    if any(row["kind"] in (F.PLAN_BROKEN, F.PLAN_ENDED) for row in live):
        return []
    mine = sorted(
        (row for row in story.instalments if row["case_id"] == case_id), key=lambda row: row["due_on"]
    )
    start = max(row["fact_no"] for row in live if row["kind"] == F.PLAN_AGREED)
    paid = sum(
        row["amount_cents"] for row in live if row["kind"] == F.PAYMENT_RECEIVED and row["fact_no"] > start
    )
    found = []
    for row in mine:
        lacks = row["amount_cents"] - min(paid, row["amount_cents"])
        paid -= row["amount_cents"] - lacks
        days = [_working(row["due_on"] + timedelta(days=row["grace_days"]))]
        if row["is_debited"]:
            ended, failed = row["mandate_until"], row["failed_on"]
            is_ours = failed is None or failed > on or row["failed_reason"] == "AM05"
            if ended and ended <= on:
                days.append(ended)
            elif is_ours:
                continue
            if not is_ours:
                days.append(failed)
        if lacks and on > days[0]:
            found.append((max(days), lacks))
    return found


def _working(day: date) -> date:
    while not calendar.is_working_day(day):
        day += timedelta(days=1)
    return day


def _is_held(live: list[Row], on: date) -> bool:
    for row in live:
        until = row["until_on"]
        if row["kind"] == F.PROMISE_TO_PAY:
            until = _working(until)
        if row["kind"] not in STILL or (until and until < on):
            continue
        ends = STILL[F(row["kind"])]
        if not any(
            (other["effective_on"], other["fact_no"]) > (row["effective_on"], row["fact_no"])
            for other in live
            if other["kind"] in ends
        ):
            return True
    return False
