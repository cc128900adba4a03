"""A message that provably did not arrive, and is still wanted, gets another attempt (decision 0004)."""

from __future__ import annotations

import datetime as dt

import polars as pl
from django.db import transaction
from django.db.models import Max

from mahnwerk.frames import DayPlan
from mahnwerk.records.models import Message, MessageItem, MessageState
from mahnwerk.usecases.opening import OpenBook


def plan_again(book: OpenBook, run_id: int, plan: DayPlan, on: dt.date, notices: pl.DataFrame) -> int:
    """Plan another attempt for measures whose last one ended without arriving; how many.

    The plan wants a step again under the same key only if what was sent under it is disproved, so a
    sent or failed message that stands against a wanted measure is a proven non-delivery.

    Parameters
    ----------
    notices : NOTICES of the cases, as the plan saw them: every message that left or may have left
    """
    ended = notices.select("case_id", "cycle", step_id="message_step_id").unique()
    again = plan.measures.join(ended, on=["case_id", "step_id", "cycle"], how="semi")
    return sum(_one(book, run_id, plan, measure, on) for measure in again.iter_rows(named=True))


def _one(book: OpenBook, run_id: int, plan: DayPlan, measure: dict[str, object], on: dt.date) -> int:
    key = {name: measure[name] for name in ("case_id", "step_id", "cycle")}
    with transaction.atomic():
        mine = Message.objects.select_for_update().filter(tenant_id=book.tenant_id, **key)
        last = mine.aggregate(last=Max("attempt"))["last"]
        state = mine.values_list("state", flat=True).get(attempt=last)
        if state not in (MessageState.SENT, MessageState.FAILED):
            return 0
        names = (
            "level procedure channel demanded_cents fee_cents fee_rule_id pay_by is_dunning reason fact_no"
        )
        message = Message.objects.create(
            tenant_id=book.tenant_id,
            run_id=run_id,
            attempt=last + 1,
            planned_on=on,
            law_hash=plan.law_hash,
            **key,
            **{name: measure[name] for name in names.split()},
        )
        columns = ("claim_id", "step_id", "level", "climbs", "open_cents", "triggers_default")
        MessageItem.objects.bulk_create(
            MessageItem(
                tenant_id=book.tenant_id,
                message_id=message.id,
                case_id=message.case_id,
                **{name: item[name] for name in columns},
            )
            for item in plan.measure_items.iter_rows(named=True)
            if item["case_id"] == message.case_id
        )
    return 1
