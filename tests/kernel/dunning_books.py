"""Small books for the tests of decisions, written as a life: claims, facts, messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

import mahnwerk
from mahnwerk.frames import (
    CASES,
    CLAIMS,
    DEBITS,
    FACTS,
    INSTALMENTS,
    NOTICES,
    Book,
    ClaimKind,
    DayPlan,
    DueKind,
    FactKind,
    Role,
)
from mahnwerk.kernel.daily_run import plan_day
from mahnwerk.kernel.procedures import Procedure, parse_procedure
from mahnwerk.law import Laws, load_laws, strict_yaml

SHIPPED = Path(mahnwerk.__file__).parent / "procedures"


@cache
def shipped() -> Mapping[str, Procedure]:
    found = [parse_procedure(raw(path.stem), path.name) for path in sorted(SHIPPED.glob("*.yaml"))]
    return {procedure.key: procedure for procedure in found}


def raw(name: str) -> dict[str, Any]:
    """A shipped procedure as the mapping its file holds, free to be spoilt."""
    path = SHIPPED / f"{name}.yaml"
    mapping: dict[str, Any] = strict_yaml.load(path.read_text(encoding="utf-8"), path.name)
    return mapping


Spoil = Callable[[dict[str, Any]], Any]
"""What makes a procedure's mapping wrong in one place."""


def put(*path: Any, value: Any) -> Spoil:
    """Spoil by writing `value` at that place."""

    def spoil(mapping: dict[str, Any]) -> None:
        target: Any = mapping
        for part in path[:-1]:
            target = target[part]
        target[path[-1]] = value

    return spoil


def drop(*path: Any) -> Spoil:
    """Spoil by leaving that place out."""

    def spoil(mapping: dict[str, Any]) -> None:
        target: Any = mapping
        for part in path[:-1]:
            target = target[part]
        del target[path[-1]]

    return spoil


def both(*spoils: Spoil) -> Spoil:
    """One after the other."""

    def spoil(mapping: dict[str, Any]) -> None:
        for one in spoils:
            one(mapping)

    return spoil


CONSUMERS = "consumers@2026-11"
BUSINESSES = "businesses@2026-11"
LENDERS = "lenders@2026-11"
DUE = date(2026, 3, 2)  # a Monday
ISSUED = date(2026, 2, 16)


@cache
def laws() -> Laws:
    return load_laws()


@dataclass
class Story:
    """Rows of a book under construction."""

    cases: list[dict[str, Any]] = field(default_factory=list)
    claims: list[dict[str, Any]] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)
    notices: list[dict[str, Any]] = field(default_factory=list)
    instalments: list[dict[str, Any]] = field(default_factory=list)
    debits: list[dict[str, Any]] = field(default_factory=list)

    def case(self, case_id: int = 1, **changes: Any) -> Story:
        row = {
            "case_id": case_id,
            "tenant_id": 1,
            "creditor_id": 1,
            "case_reference": f"C{case_id}",
            "currency": "EUR",
            "is_consumer": True,
            "land": "BE",
            "language": "de",
            "role": int(Role.OWN),
            "input_tax_deductible": True,
            "procedure": CONSUMERS,
            "has_postal_address": True,
            "has_email": True,
            "feed_checked_on": None,
            "feed_max_age_days": None,
            "letter_cost_post_cents": None,
            "letter_cost_email_cents": None,
            "last_fact_no": 0,
        }
        self.cases.append({**row, **changes})
        return self

    def claim(self, claim_id: int = 11, case_id: int = 1, **changes: Any) -> Story:
        number = 1 + sum(row["case_id"] == case_id for row in self.claims)
        due_on = changes.get("due_on", DUE)
        row = {
            "claim_id": claim_id,
            "case_id": case_id,
            "claim_no": number,
            "jurisdiction": "de",
            "kind": int(ClaimKind.GOODS_OR_SERVICES),
            "invoice_number": f"R-{claim_id}",
            "principal_cents": 10_000,
            "issued_on": due_on - timedelta(days=14),
            "due_on": due_on,
            "due_kind": int(DueKind.INVOICE),
            "received_on": None,
            "obligation_arose_on": due_on - timedelta(days=20),
            "has_default_notice": False,
            "agreed_rate_ppm": None,
            "agreed_from": None,
            "agreed_default_rate_ppm": None,
            "is_secured": False,
        }
        self.claims.append({**row, **changes})
        return self

    def fact(self, kind: FactKind, on: date, case_id: int = 1, **changes: Any) -> Story:
        number = 1 + sum(row["case_id"] == case_id for row in self.facts)
        row = {
            "case_id": case_id,
            "fact_no": number,
            "claim_id": None,
            "kind": int(kind),
            "effective_on": on,
            "recorded_on": on,
            "amount_cents": None,
            "voids_fact_no": None,
            "until_on": None,
            "code": None,
            "message_id": None,
        }
        self.facts.append({**row, **changes})
        for case in self.cases:
            if case["case_id"] == case_id:
                case["last_fact_no"] = max(case["last_fact_no"] or 0, number)
        return self

    def agree(self, days: Iterable[date], cents: int, on: date, case_id: int = 1, **changes: Any) -> Story:
        """A plan over all claims of the case so far, with its facts."""
        number = 1 + len({row["plan_code"] for row in self.instalments if row["case_id"] == case_id})
        code = f"plan-{number}"
        for row in [claim for claim in self.claims if claim["case_id"] == case_id]:
            self.fact(FactKind.PLAN_AGREED, on, case_id, claim_id=row["claim_id"], code=code)
        for place, day in enumerate(days, start=1):
            row = {
                "case_id": case_id,
                "plan_id": 10 * case_id + number,
                "plan_code": code,
                "number": place,
                "due_on": day,
                "amount_cents": cents,
                "grace_days": 7,
                "agreed_on": on,
                "rate_ppm": 0,
                "is_accelerated": True,
                "reminded_on": None,
                "reminded_first_on": None,
                "is_debited": False,
                "mandate_from": None,
                "mandate_until": None,
                "collect_on": None,
                "is_ordered": None,
                "failed_on": None,
                "failed_reason": None,
            }
            self.instalments.append({**row, **changes})
        return self

    def announce(
        self, on: date, collect_on: date, case_id: int = 1, claim_id: int | None = 11, **changes: Any
    ) -> Story:
        """A direct debit a message must tell of, with the facts that keep its claim quiet."""
        row = {
            "case_id": case_id,
            "notice_id": 1 + len(self.debits),
            "claim_id": claim_id,
            "plan_id": None,
            "number": None,
            "amount_cents": 10_000,
            "notified_on": on,
            "collect_on": collect_on,
            "notice_days": 14,
        }
        self.debits.append({**row, **changes})
        if claim_id is not None:
            about = {"claim_id": claim_id, "code": "direct_debit"}
            self.fact(FactKind.DEFERRAL_GRANTED, on, case_id, until_on=collect_on, **about)
            self.fact(FactKind.HOLD_SET, on, case_id, until_on=collect_on + timedelta(days=7), **about)
        return self

    def send(self, plan: DayPlan, on: date, case_id: int = 1, *, confirm: bool = True) -> Story:
        """Record the message a plan wants as sealed and, if asked, sent on the same day."""
        (measure,) = plan.measures.filter(pl.col("case_id") == case_id).iter_rows(named=True)
        message_id = 1000 + len({row["message_id"] for row in self.notices})
        for item in plan.measure_items.filter(pl.col("case_id") == case_id).iter_rows(named=True):
            self.notices.append(
                {
                    "message_id": message_id,
                    "case_id": case_id,
                    "claim_id": item["claim_id"],
                    "step_id": item["step_id"],
                    "level": item["level"],
                    "message_step_id": measure["step_id"],
                    "channel": measure["channel"],
                    "cycle": measure["cycle"],
                    "sealed_on": on,
                    "pay_by": measure["pay_by"],
                    "demanded_cents": measure["demanded_cents"] + measure["fee_cents"],
                    "item_demanded_cents": item["open_cents"],
                    "is_dunning": measure["is_dunning"],
                }
            )
            if item["lump_sum_cents"]:
                self.fact(
                    FactKind.COST_INCURRED,
                    on,
                    case_id,
                    claim_id=item["claim_id"],
                    amount_cents=item["lump_sum_cents"],
                    code="costs.late_payment_lump_sum",
                    message_id=message_id,
                )
        if measure["fee_cents"]:
            self.fact(
                FactKind.COST_INCURRED,
                on,
                case_id,
                amount_cents=measure["fee_cents"],
                code=measure["fee_rule_id"],
                message_id=message_id,
            )
        if confirm:
            self.fact(FactKind.MESSAGE_SENT, on, case_id, message_id=message_id)
        return self

    def book(self) -> Book:
        return Book(
            pl.DataFrame(self.cases, schema=dict(CASES)),
            pl.DataFrame(self.claims, schema=dict(CLAIMS)),
            pl.DataFrame(self.facts, schema=dict(FACTS)),
            notices=pl.DataFrame(self.notices, schema=dict(NOTICES)),
            instalments=pl.DataFrame(self.instalments, schema=dict(INSTALMENTS)),
            debits=pl.DataFrame(self.debits, schema=dict(DEBITS)),
        ).checked()

    def plan(self, on: date, procedures: Mapping[str, Procedure] | None = None) -> DayPlan:
        return plan_day(self.book(), laws(), on, procedures=procedures or shipped())


def simple(**changes: Any) -> Story:
    """One consumer with one claim of 100 euro, due on DUE."""
    return Story().case(**changes).claim()


def outcome(plan: DayPlan, case_id: int = 1) -> tuple[str, str]:
    """(`measure`, step id) or (`held`, reason) of a case."""
    measures = plan.measures.filter(pl.col("case_id") == case_id)
    if measures.height:
        return "measure", measures["step_id"][0]
    return "held", plan.held.filter(pl.col("case_id") == case_id)["reason"][0]


def held(plan: DayPlan, case_id: int = 1) -> dict[str, Any]:
    (row,) = plan.held.filter(pl.col("case_id") == case_id).iter_rows(named=True)
    return row


def live_through(story: Story, days: Iterable[date]) -> list[tuple[date, str]]:
    """Run the days and send what is due; the steps that came, with their days.

    Days before the plan itself wants to look again are passed over (only in books of one case).
    """
    sent = []
    look_on = date.min
    for on in days:
        if on < look_on:
            continue
        plan = story.plan(on)
        for case_id, step in plan.measures.select("case_id", "step_id").iter_rows():
            sent.append((on, step))
            story.send(plan, on, case_id)
        if len(story.cases) == 1 and plan.held.height:
            look_on = plan.held["next_look_on"][0] or date.max
    return sent


def with_step(procedure: Procedure, step_id: str, **changes: Any) -> Procedure:
    steps = tuple(replace(step, **changes) if step.id == step_id else step for step in procedure.steps)
    return replace(procedure, steps=steps)
