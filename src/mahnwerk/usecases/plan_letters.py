"""From a missed instalment to the values of its letter: what of which one is open, and what follows."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from mahnwerk.frames import Book, Channel, Role
from mahnwerk.kernel import plan_reminders, plan_states
from mahnwerk.kernel import plans as terms
from mahnwerk.kernel.daily_run import Decided
from mahnwerk.kernel.discounts import in_force
from mahnwerk.kernel.notices import PLAN_REMINDER
from mahnwerk.kernel.procedures import Procedure
from mahnwerk.letters.model import ATTACHMENT, Letter, MissedInstalment, RunningPlan
from mahnwerk.usecases.accounts import Account
from mahnwerk.usecases.letter_data import (
    Content,
    client,
    listed_items,
    recipient,
    registration,
    sender,
    subject_of,
)
from mahnwerk.usecases.letter_links import MIN_CENTS


def reminder(
    full: Account,
    on: dt.date,
    book: Book,
    decided: Decided,
    case: Mapping[str, Any],
    measure: Mapping[str, Any],
    person: Mapping[str, str],
    creditor: Mapping[str, Any],
    procedure: Procedure,
    reference: str,
    contracts: Mapping[int, dt.date],
    pay_url: str = "",
) -> Content:
    """The letter of a measure `plan_reminder`: the instalments missed, and no cost of any kind.

    Parameters
    ----------
    full : the account of the case
    book : holds the case with its facts and instalments
    decided : what was decided for it on the day
    measure : row of MEASURES
    person, creditor, procedure, reference, contracts : as for `letter_data.message_letter`
    pay_url : a pay link worth what is missed, "" = none

    Raises
    ------
    Incomplete
        The creditor has no account, address or contact.
    """
    plan, claim_ids = running_plan(book, decided, case["case_id"], on, measure["demanded_cents"])
    mine = full.of_claims(claim_ids)
    items = [
        {"claim_id": claim_id, "step_id": PLAN_REMINDER, "triggers_default": False} for claim_id in claim_ids
    ]
    listed = listed_items(mine, items, procedure, subject_of(creditor), contracts)
    letter = Letter(
        template=PLAN_REMINDER,
        sender=sender(creditor),
        recipient=recipient(person),
        dated_on=on,
        as_of_on=on,
        case_reference=case["case_reference"],
        rf_reference=reference,
        items=tuple(replace(item, is_demanded=False) for item in listed),
        demand_cents=measure["demanded_cents"],
        pay_by=measure["pay_by"],
        language=case["language"],
        currency=case["currency"],
        role=Role(case["role"]),
        is_consumer=bool(case["is_consumer"]),
        creditor=client(creditor, Role(case["role"])),
        registration=registration(creditor),
        plan=plan,
        pay_url=pay_url if measure["demanded_cents"] >= MIN_CENTS else "",
        grounds=frozenset({ATTACHMENT} if measure["channel"] == Channel.EMAIL else ()),
    )
    shown = {
        "missed": [[rate.number, rate.due_on.isoformat(), rate.open_cents] for rate in plan.missed],
        "demand_cents": letter.demand_cents,
        "pay_by": measure["pay_by"],
    }
    return Content(letter, json.dumps(shown, sort_keys=True, default=str))


def running_plan(
    book: Book, decided: Decided, case_id: int, on: dt.date, asked_cents: int
) -> tuple[RunningPlan, list[int]]:
    """The plan of a case with what is missed of it, and the claims it covers that still owe something.

    Parameters
    ----------
    asked_cents : what the message asks for, the oldest instalment first; less than is missed only where
        less is open
    """
    own = pl.col("case_id") == case_id
    mine = Book(*(getattr(book, name).filter(own) for name in Book.__dataclass_fields__))
    live = in_force(mine, on)
    late = plan_missed(decided, case_id)
    rows = mine.instalments.filter(pl.col("plan_id") == late["plan_id"]).sort("due_on", "number")
    covered = terms.claims_covered(live, mine.claims, mine.instalments)
    codes = rows["plan_code"].unique().implode()
    claim_ids = covered.filter(pl.col("plan_code").is_in(codes)).sort("claim_id")["claim_id"].to_list()
    upcoming = rows.filter(pl.col("due_on") > late["missed_until"])
    parts = plan_states.parts(live, mine.claims, mine.instalments, decided.replay.laid, on)
    missed = parts.filter((pl.col("plan_id") == late["plan_id"]) & pl.col("is_missed"))
    told = plan_reminders.told(live, mine.claims, mine.instalments, decided.evidence.filter(own))
    ends_next = (
        late["two_missed_from"] is not None
        and bool(rows["is_accelerated"][0])
        and _knows(told.filter(pl.col("plan_id") == late["plan_id"]), late["pays_himself_since"])
    )
    return (
        RunningPlan(
            agreed_on=rows["agreed_on"][0],
            missed=_missed(missed.sort("due_on", "number").to_dicts(), asked_cents),
            next_on=upcoming["due_on"][0] if upcoming.height else None,
            next_cents=upcoming["amount_cents"][0] if upcoming.height else 0,
            may_end=bool(rows["is_accelerated"][0]),
            ends_next=ends_next,
            why=missed["why"][0],
        ),
        claim_ids,
    )


def plan_missed(decided: Decided, case_id: int) -> dict[str, Any]:
    """The row of STATES of the plan of a case that its reminder is about."""
    stand = decided.stand.filter((pl.col("case_id") == case_id) & (pl.col("missed_cents") > 0))
    return stand.sort("missed_since", "plan_id").row(0, named=True)


def _knows(told: pl.DataFrame, himself_since: dt.date | None) -> bool:
    """Whether the debtor of a plan we were to collect was told before that he has to pay himself."""
    return himself_since is None or bool((told["told_on"] >= himself_since).any())


def _missed(parts: Sequence[Mapping[str, Any]], asked_cents: int) -> tuple[MissedInstalment, ...]:
    """What is asked for, laid on the instalments missed, the oldest first."""
    left, found = asked_cents, []
    for row in parts:
        open_cents = min(row["open_cents"], left)
        left -= open_cents
        if open_cents:
            found.append(MissedInstalment(row["number"], row["due_on"], row["amount_cents"], open_cents))
    return tuple(found)
