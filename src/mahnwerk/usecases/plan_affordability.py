"""Whether a plan asks for more than its debtor can spare: a signal beside the offer, not a limit."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Final

import polars as pl

from mahnwerk.kernel import plans as terms
from mahnwerk.kernel.discounts import in_force
from mahnwerk.kernel.plans import PlanOffer
from mahnwerk.records import load
from mahnwerk.records.models import CaseParticipant, InstalmentPlan
from mahnwerk.usecases.opening import OpenBook

Month = tuple[int, int]
"""Year and month."""
CAVEAT: Final = (
    "What the attachment table (§ 850c ZPO) leaves takable, less the instalments of other plans here: a "
    "signal, not a limit. Income that cannot be attached, maintenance and rent are not in it."
)


def exceeds(
    offer: PlanOffer, affordable: int, once: Mapping[Month, int], day: dt.date, *, is_deferral: bool
) -> bool:
    """Whether the plan takes more a month than the signal; a deferral, more than is put by until its day.

    Parameters
    ----------
    affordable : cents a month
    once : as from `other_plans`: what is due under other plans in a month besides
    """
    if not is_deferral:
        return any(
            one.amount_cents > affordable - once.get(_month(one.due_on), 0) for one in offer.instalments
        )
    months = (offer.last_due_on.year - day.year) * 12 + offer.last_due_on.month - day.month
    gone = sum(cents for month, cents in once.items() if month <= _month(offer.last_due_on))
    return offer.total_cents > affordable * max(1, months) - gone


def other_plans(book: OpenBook, case_id: int, day: dt.date) -> tuple[int, dict[Month, int]]:
    """What the same person already pays under other plans in this book.

    Returns the cents of each month under plans in instalments; and month → cents of what is due once, all
    of it on a day (a deferral).
    """
    mine = CaseParticipant.objects.filter(tenant_id=book.tenant_id, part="debtor")
    persons = mine.filter(case_id=case_id).values("person_id")
    cases = list(
        mine.filter(person_id__in=persons).exclude(case_id=case_id).values_list("case_id", flat=True)
    )
    planned = InstalmentPlan.objects.filter(tenant_id=book.tenant_id, case_id__in=cases)
    wanted = sorted(set(planned.values_list("case_id", flat=True)))
    if not wanted:
        return 0, {}
    loaded = load.book(book.tenant_id, case_ids=wanted, on=day)
    running = terms.running(in_force(loaded, day), loaded.instalments)
    per_plan = running.group_by("plan_id").agg(
        pl.col("amount_cents").max(), pl.col("due_on").max(), parts=pl.len()
    )
    is_once = pl.col("parts") == 1
    once = Counter[Month]()
    for due_on, cents in per_plan.filter(is_once).select("due_on", "amount_cents").iter_rows():
        once[_month(due_on)] += cents
    return int(per_plan.filter(~is_once)["amount_cents"].sum()), dict(once)


def _month(day: dt.date) -> Month:
    return day.year, day.month
