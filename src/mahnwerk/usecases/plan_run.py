"""Plans day by day: what was signed is executed, and nothing else."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
from django.db import transaction

from mahnwerk.frames import Book, FactKind, HeldReason
from mahnwerk.kernel import plan_holds, plan_reminders, plan_states
from mahnwerk.kernel import plans as terms
from mahnwerk.kernel.daily_run import Decided, decide
from mahnwerk.kernel.discounts import in_force
from mahnwerk.kernel.plan_states import ENDING_BADLY, PlanAction
from mahnwerk.law import load_laws
from mahnwerk.records import facts as fact_records
from mahnwerk.records import load
from mahnwerk.records import plans as plan_records
from mahnwerk.records.models import InstalmentPlan
from mahnwerk.usecases import clock, procedures
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.opening import OpenBook

ROUNDING_CENTS: Final = 100
"""What may be left when a plan with interest is paid as signed: interest of the day count and of days
late within grace. It is waived: who paid what was signed owes nothing more."""
CHUNK: Final = 5_000
MUTE: Final = (HeldReason.NO_ADDRESS, HeldReason.NOT_ENROLLED)
"""Why the run cannot tell somebody of a missed instalment though a person could, by telephone."""


@dataclass(frozen=True)
class PlanRun:
    """What a day's terms did, and the cases a person should see to.

    `to_remind`: a debtor should be told of a missed instalment; the run itself writes to all it may and can
    write to. `not_collected`: we were to collect an instalment, and did not. `not_as_signed`: what is on
    record of a plan has another hash than its terms when they were agreed; it is not executed.
    """

    fulfilled: int
    broken: int
    to_remind: list[str]
    not_collected: list[str]
    not_as_signed: list[str]


def execute(book: OpenBook, on: dt.date) -> PlanRun:
    """Do what the signed terms of every plan demand on a day, and nothing else; part of the daily run.

    Run again, or stopped and run again, it records nothing twice. No plan breaks while something else
    stands against its claims (`plan_holds.stands_against`). Before it does anything to a plan, it proves
    that what is on record has the hash that was agreed.
    """
    wanted = sorted(
        set(InstalmentPlan.objects.filter(tenant_id=book.tenant_id).values_list("case_id", flat=True))
    )
    counts = {action.value: 0 for action in PlanAction}
    to_remind: list[str] = []
    not_collected: list[str] = []
    not_as_signed: list[str] = []
    known = procedures.of_book(book.place)
    for start in range(0, len(wanted), CHUNK):
        loaded = load.book(book.tenant_id, case_ids=wanted[start : start + CHUNK], on=on)
        live = in_force(loaded, on)
        if terms.running(live, loaded.instalments).is_empty():
            continue
        result = decide(loaded, load_laws(), on, procedures=known)
        told = plan_reminders.told(live, loaded.claims, loaded.instalments, result.evidence)
        covered = terms.claims_covered(live, loaded.claims, loaded.instalments)
        owed = covered.join(result.plan.balances, on=["case_id", "claim_id"])
        sums = owed.group_by("case_id", "plan_code").agg(pl.col("open_cents").sum())
        stands = plan_holds.stands_against(live, owed, loaded.cases, result.evidence, result.plan.held, on)
        actions = plan_states.actions(result.stand, loaded.instalments, told, sums, on)
        badly = actions.filter(pl.col("action").is_in([action.value for action in ENDING_BADLY]))
        waiting = badly.join(stands, on=["case_id", "plan_code"], how="semi")
        due = actions.join(waiting, on=["case_id", "plan_code"], how="anti")
        signed = as_signed(book, due["plan_id"].to_list())
        for row in due.filter(pl.col("plan_id").is_in(signed)).iter_rows(named=True):
            counts[row["action"]] += _carry_out(book, row, owed, loaded.facts, on)
        not_as_signed += _references(loaded, due.filter(~pl.col("plan_id").is_in(signed)))
        to_remind += _to_remind(loaded, live, result)
        late = result.stand.filter(pl.col("uncollected_since").is_not_null())
        not_collected += _references(loaded, late)
    broken = sum(counts[action] for action in ENDING_BADLY)
    return PlanRun(
        counts[PlanAction.FULFILLED],
        broken,
        sorted(to_remind),
        sorted(not_collected),
        sorted(not_as_signed),
    )


def as_signed(book: OpenBook, plan_ids: list[int]) -> list[int]:
    """Those of the plans whose rows have the hash that was agreed."""
    plans = InstalmentPlan.objects.filter(tenant_id=book.tenant_id, id__in=plan_ids)
    return [plan.id for plan in plans.prefetch_related("instalments") if _hash_of(plan) == plan.terms_hash]


def _hash_of(plan: InstalmentPlan) -> str:
    clauses = tuple(plan.terms["clauses"])
    if plan.is_accelerated != ("due_on_default" in clauses):
        return ""
    rows = sorted(plan.instalments.all(), key=lambda row: row.number)
    wish = terms.PlanWish(
        open_cents=plan.terms["open_cents"],
        per_month_cents=0,
        first_due_on=rows[0].due_on,
        rate_ppm=plan.rate_ppm,
        clauses=clauses,
        grace_days=plan.grace_days,
        covers=tuple(plan.terms["covers"]),
    )
    return terms.terms_hash(
        [terms.Instalment(row.number, row.due_on, row.amount_cents, row.interest_cents, 0) for row in rows],
        wish,
    )


def _to_remind(loaded: Book, live: pl.DataFrame, result: Decided) -> list[str]:
    """Cases with a missed instalment nobody was told of, to whom the run cannot write."""
    whose = plan_reminders.turn(live, loaded.claims, loaded.instalments, result.evidence, result.stand)
    mute = result.plan.held.filter(pl.col("reason").is_in([reason.value for reason in MUTE]))
    mine = whose.wanted.join(mute, on="case_id", how="semi").select("case_id")
    return _references(loaded, mine)


def _references(loaded: Book, rows: pl.DataFrame) -> list[str]:
    return list(loaded.cases.join(rows, on="case_id", how="semi")["case_reference"])


def _carry_out(
    book: OpenBook, row: dict[str, Any], owed: pl.DataFrame, facts_known: pl.DataFrame, on: dt.date
) -> int:
    plan = InstalmentPlan.objects.get(tenant_id=book.tenant_id, id=row["plan_id"])
    is_broken = row["action"] in ENDING_BADLY
    kind = FactKind.PLAN_BROKEN if is_broken else FactKind.PLAN_ENDED
    # A plan whose fulfilment was undone ends once more: by another fact, with keys of its own.
    before = facts_known.filter(
        (pl.col("case_id") == plan.case_id)
        & (pl.col("kind") == int(FactKind.PLAN_ENDED))
        & (pl.col("code") == terms.FULFILLED)
    ).height
    again = f"|{before}" if before and not is_broken else ""
    facts = [plan_records.end_fact(plan, row["action"], on, kind, again)]
    mine = owed.filter((pl.col("case_id") == plan.case_id) & (pl.col("plan_code") == plan.plan_code))
    left = int(mine["open_cents"].sum())
    if not is_broken and plan.rate_ppm and 0 < left <= ROUNDING_CENTS:
        facts += [
            {
                "case_id": plan.case_id,
                "claim_id": claim_id,
                "kind": FactKind.WAIVER,
                "effective_on": on,
                "amount_cents": cents,
                "code": terms.AS_SIGNED,
                "source_key": f"plan-rest|{plan.id}|{claim_id}{again}",
            }
            for claim_id, cents in mine.select("claim_id", "open_cents").iter_rows()
            if cents
        ]
    with transaction.atomic():
        added = fact_records.append(book.tenant_id, facts, recorded_at=clock.now())
        is_new = bool(added["is_new"][0])
        if is_new:
            detail = {"plan_no": plan.plan_no, "because": row["action"], "terms_hash": plan.terms_hash}
            note(book, "plan_execute", on=on, case_id=plan.case_id, detail=detail)
    return int(is_new)
