"""One instalment put off to the end, as the plan's clause `pause_once` allows; the terms say when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
from django.db import transaction

from mahnwerk.frames import FactKind
from mahnwerk.kernel import calendar
from mahnwerk.kernel import plans as terms
from mahnwerk.kernel.discounts import in_force
from mahnwerk.kernel.plan_states import PlanState
from mahnwerk.kernel.plans import PlanOffer, PlanRefused, PlanWish
from mahnwerk.law import load_laws
from mahnwerk.records import facts as fact_records
from mahnwerk.records import load
from mahnwerk.records import plans as plan_records
from mahnwerk.records.models import Case, DebitOrder, InstalmentPlan
from mahnwerk.usecases import clock
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.cases import case_id_of, decided, viewing_day
from mahnwerk.usecases.errors import BadInput
from mahnwerk.usecases.opening import OpenBook

CLAUSE = "pause_once"


@dataclass(frozen=True)
class Pause:
    """A plan with one instalment put off: what it was, and the terms from now on."""

    case_reference: str
    currency: str
    plan_no: int
    put_off: dt.date
    put_off_cents: int
    next_due_on: dt.date
    last_due_before: dt.date
    terms: dict[str, Any]
    is_recorded: bool


def pause(book: OpenBook, case: str, *, on: dt.date | None = None, dry_run: bool = False) -> Pause:
    """Put the next instalment off to the end of its plan.

    The plan goes on as another of the same terms, one month longer; both are on record with their hashes.
    With agreed interest, that of the added month is in the new instalments, as the terms say; without,
    nothing is added.

    Parameters
    ----------
    dry_run : show the new instalments; record nothing

    Raises
    ------
    BadInput
        No plan runs, its terms have no such clause, an instalment is missing or collected already, the
        next one is due today, or one was put off within a year.
    """
    case_id, day = case_id_of(book, case), viewing_day(book, on)
    row = Case.objects.get(tenant_id=book.tenant_id, id=case_id)
    loaded = load.book(book.tenant_id, case_ids=[case_id], on=day)
    live = in_force(loaded, day)
    result = decided(book, day, loaded)
    stand = result.stand
    if stand.is_empty():
        raise BadInput(f"case {row.case_reference} has no plan that runs.", "See `mahnwerk plan show`.")
    state = stand.sort("plan_id").row(-1, named=True)
    plan = InstalmentPlan.objects.get(tenant_id=book.tenant_id, id=state["plan_id"])
    _may(book, row, plan, state, day)
    covered = terms.claims_covered(live, loaded.claims, loaded.instalments)
    owed = result.plan.balances.join(
        covered.filter(pl.col("plan_code") == plan.plan_code), on=["case_id", "claim_id"]
    )
    if (owed["disputed_cents"] > 0).any():
        raise BadInput(
            f"case {row.case_reference}: a claim of the plan is disputed.", "Settle the dispute first."
        )
    offer = _later(row, plan, state, owed, day)
    values = {
        **terms.as_json(offer),
        "pause": {"on": day.isoformat(), "put_off": state["next_due_on"].isoformat(), "of": plan.plan_no},
    }
    number = plan.plan_no
    if not dry_run:
        number = _record(book, row, plan, values, owed.sort("claim_id")["claim_id"].to_list(), day)
    return Pause(
        case_reference=row.case_reference,
        currency=row.currency,
        plan_no=number,
        put_off=state["next_due_on"],
        put_off_cents=state["next_cents"],
        next_due_on=offer.instalments[0].due_on,
        last_due_before=dt.date.fromisoformat(plan.terms["last_due_on"]),
        terms=values,
        is_recorded=not dry_run,
    )


def _may(book: OpenBook, case: Case, plan: InstalmentPlan, state: Mapping[str, Any], day: dt.date) -> None:
    """Refuse what the clause does not say."""
    where = f"case {case.case_reference}, plan {plan.plan_no}"
    if CLAUSE not in plan.terms["clauses"]:
        raise BadInput(
            f"{where}: its terms have no clause {CLAUSE}.",
            "A change both sides want is a new plan: mahnwerk plan agree CASE … --replaces.",
        )
    if state["state"] != PlanState.KEPT or state["next_due_on"] is None:
        raise BadInput(
            f"{where}: an instalment is missing or none is left; only one not due yet can be put off.",
            "Agree on another plan instead: mahnwerk plan agree CASE … --replaces.",
        )
    earlier = InstalmentPlan.objects.filter(tenant_id=book.tenant_id, case_id=case.id)
    paused = [
        dt.date.fromisoformat(one["pause"]["on"])
        for one in earlier.values_list("terms", flat=True)
        if "pause" in one
    ]
    last = max(paused, default=None)
    if last is not None and day < calendar.plus_months(last, 12):
        raise BadInput(
            f"{where}: one was put off on {last}; the terms allow one a year.",
            f"Again from {calendar.plus_months(last, 12)}; or agree on another plan with --replaces.",
        )
    orders = DebitOrder.objects.filter(
        tenant_id=book.tenant_id,
        notice__instalment__plan_id=plan.id,
        notice__instalment__due_on=state["next_due_on"],
    )
    if orders.exists():
        raise BadInput(
            f"{where}: the instalment of {state['next_due_on']} is in a file of direct debits already.",
            "Put off the next one after it.",
        )


def _later(
    case: Case, plan: InstalmentPlan, state: Mapping[str, Any], owed: pl.DataFrame, day: dt.date
) -> PlanOffer:
    """The same terms with the instalments from the one after the next on."""
    rows = plan.terms["instalments"]
    number = next(
        one["number"] for one in rows if dt.date.fromisoformat(one["due_on"]) == state["next_due_on"]
    )
    # The day of the month as agreed, not as weekends and holidays moved it.
    first = dt.date.fromisoformat(plan.terms.get("first_due_on") or rows[0]["due_on"])
    wish = PlanWish(
        open_cents=int(owed["open_cents"].sum()),
        per_month_cents=max(one["amount_cents"] for one in rows),
        first_due_on=calendar.plus_months(first, number),
        rate_ppm=plan.rate_ppm,
        bearing_cents=int(owed["principal_open_cents"].sum()),
        clauses=tuple(plan.terms["clauses"]),
        grace_days=plan.grace_days,
        covers=tuple(plan.terms["covers"]),
    )
    try:
        offer = terms.solve(
            wish,
            load_laws()["de"],
            day,
            next_working_day=lambda due: calendar.next_working_day(due, case.land),
        )
    except PlanRefused as error:
        raise BadInput(f"case {case.case_reference}: {error}") from error
    return replace(offer, wish=replace(offer.wish, first_due_on=wish.first_due_on))


def _record(
    book: OpenBook,
    case: Case,
    plan: InstalmentPlan,
    values: Mapping[str, Any],
    claim_ids: list[int],
    day: dt.date,
) -> int:
    """End the plan and agree on its like, in one transaction; the new plan's number."""
    at, number = clock.now(), plan.plan_no + 1
    code = f"plan-{number}"
    facts: list[dict[str, Any]] = [plan_records.end_fact(plan, "paused", day)]
    facts += [
        {
            "case_id": case.id,
            "claim_id": claim_id,
            "kind": FactKind.PLAN_AGREED,
            "effective_on": day,
            "code": code,
            "source_key": f"plan|{case.id}|{number}|{claim_id}",
        }
        for claim_id in claim_ids
    ]
    with transaction.atomic():
        added = fact_records.append(book.tenant_id, facts, recorded_at=at)
        if added["fact_no"].min() != case.last_fact_no + 1:
            raise BadInput(f"case {case.case_reference} got a new fact just now.", "Look again, then pause.")
        plan_records.add(
            book.tenant_id,
            case.id,
            number,
            code,
            values,
            agreed_on=day,
            recorded_at=at,
            actor=book.actor,
        )
        detail = {
            "plan_no": number,
            "put_off": values["pause"]["put_off"],
            "terms_hash": values["terms_hash"],
        }
        note(book, "plan_pause", on=day, case_id=case.id, detail=detail)
    return number
