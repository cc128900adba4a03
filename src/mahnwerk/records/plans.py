"""Write plans as signed, and the facts that end them.

add(tenant_id, case_id, number, code, values, …) -> InstalmentPlan
claims_of(tenant_id, plan_id) -> ids of the claims a plan covers
known_when_agreed(plan) -> number of the last fact before the plan was agreed
end_fact(plan, code, on, kind=PLAN_ENDED, again="") -> a row for records.facts.append
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from mahnwerk.frames import FactKind
from mahnwerk.records.models import Fact, Instalment, InstalmentPlan

REPLACED: Final = ("replanned", "paused")
"""Codes of the end of a plan that another takes the place of; written right before that one's agreement."""


def add(
    tenant_id: int,
    case_id: int,
    number: int,
    code: str,
    values: Mapping[str, Any],
    *,
    agreed_on: date,
    recorded_at: datetime,
    actor: str,
) -> InstalmentPlan:
    """Write a plan and its instalments; call it in the transaction that adds its facts.

    Parameters
    ----------
    number, code : 1…n within the case, and the code its facts carry
    values : the terms as plain values: instalments, clauses, rate_ppm, grace_days, terms_hash …
    """
    from mahnwerk.records.save import local_day, tenant_zone

    plan = InstalmentPlan.objects.create(
        tenant_id=tenant_id,
        case_id=case_id,
        plan_no=number,
        plan_code=code,
        agreed_on=agreed_on,
        recorded_at=recorded_at,
        recorded_on=local_day(recorded_at, tenant_zone(tenant_id)),
        actor=actor[:100],
        terms=dict(values),
        terms_hash=values["terms_hash"],
        rate_ppm=values["rate_ppm"],
        grace_days=values["grace_days"],
        is_accelerated="due_on_default" in values["clauses"],
    )
    Instalment.objects.bulk_create(
        Instalment(
            tenant_id=tenant_id,
            plan_id=plan.id,
            case_id=case_id,
            number=row["number"],
            due_on=date.fromisoformat(row["due_on"]),
            amount_cents=row["amount_cents"],
            interest_cents=row["interest_cents"],
        )
        for row in values["instalments"]
    )
    return plan


def claims_of(tenant_id: int, plan_id: int) -> list[int]:
    """The claims a plan was agreed about, in a fixed order."""
    plan = InstalmentPlan.objects.get(tenant_id=tenant_id, id=plan_id)
    agreed = Fact.objects.filter(
        tenant_id=tenant_id, case_id=plan.case_id, kind=FactKind.PLAN_AGREED, code=plan.plan_code
    )
    return list(agreed.exclude(claim_id=None).order_by("fact_no").values_list("claim_id", flat=True))


def known_when_agreed(plan: InstalmentPlan) -> int:
    """Number of the last fact its terms were made of: before it was agreed, and before the end of the plan it
    took the place of."""
    mine = Fact.objects.filter(tenant_id=plan.tenant_id, case_id=plan.case_id)
    agreed = mine.filter(kind=FactKind.PLAN_AGREED, code=plan.plan_code).order_by("fact_no")
    first = agreed.values_list("fact_no", flat=True)[0]
    ended = mine.filter(fact_no=first - 1, kind=FactKind.PLAN_ENDED, code__in=REPLACED).exists()
    return first - 2 if ended else first - 1


def end_fact(
    plan: InstalmentPlan, code: str, on: date, kind: FactKind = FactKind.PLAN_ENDED, again: str = ""
) -> dict[str, Any]:
    """The fact that ends a plan: told twice, it is one fact. `again` tells apart the ends of one that came
    back to life."""
    return {
        "case_id": plan.case_id,
        "kind": kind,
        "effective_on": on,
        "code": code,
        "source_key": f"plan-end|{plan.id}|{code}{again}",
    }
