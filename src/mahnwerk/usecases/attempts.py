"""A message that provably did not arrive, and is still wanted, gets another attempt (decision 14)."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import F, Max

from mahnwerk.frames import DayPlan
from mahnwerk.records.models import Message, MessageItem, MessageState
from mahnwerk.usecases.opening import OpenBook


def plan_again(book: OpenBook, run_id: int, plan: DayPlan, on: dt.date, shard: tuple[int, int]) -> int:
    """Plan another attempt for measures whose last one ended without arriving; how many.

    The plan wants a step again under the same key only if what was sent under it is disproved, so a
    sent or failed message that stands against a wanted measure is a proven non-delivery.
    """
    ended = Message.objects.filter(
        tenant_id=book.tenant_id,
        case_id__gte=shard[0],
        case_id__lte=shard[1],
        state__in=[MessageState.SENT, MessageState.FAILED],
        case__decisions__until_on=None,
        case__decisions__outcome="measure",
        case__decisions__reason=F("step_id"),
    )
    keys = set(ended.values_list("case_id", "step_id", "cycle"))
    if not keys:
        return 0
    count = 0
    for measure in plan.measures.iter_rows(named=True):
        if (measure["case_id"], measure["step_id"], measure["cycle"]) in keys:
            count += _one(book, run_id, plan, measure, on)
    return count


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
