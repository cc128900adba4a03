"""The same decisions once more, slowly, one case at a time, in plain Python: to compare with the kernel.

Money and default are taken from the balances (they have twins of their own); everything else is worked
out here from the facts, the messages and the procedure, without a frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from mahnwerk.frames import FactKind as F
from mahnwerk.frames import HeldReason as R
from mahnwerk.kernel import calendar
from mahnwerk.kernel.procedures import Procedure, Step, Trigger

Row = Mapping[str, Any]

PERSONAL = {
    R.DEBTOR_DECEASED: ({F.DEBTOR_DECEASED}, {F.HEIRS_KNOWN}),
    R.INSOLVENCY: ({F.INSOLVENCY_OPENED}, {F.INSOLVENCY_CLOSED}),
    R.MINOR: ({F.MINOR_KNOWN}, {F.GUARDIAN_NAMED}),
    R.IDENTITY_DISPUTED: ({F.IDENTITY_DISPUTED}, {F.IDENTITY_CONFIRMED}),
    R.LAWYER_NAMED: ({F.LAWYER_NAMED}, set()),
    R.HARDSHIP: ({F.HARDSHIP_REPORTED}, {F.HARDSHIP_ENDED}),
}
OF_CLAIMS = {
    R.CLOSED: ({F.CLAIM_CLOSED}, {F.CLAIM_REOPENED}),
    R.HOLD: ({F.HOLD_SET}, {F.HOLD_LIFTED}),
    R.PLAN_KEPT: ({F.PLAN_AGREED}, {F.PLAN_ENDED, F.PLAN_BROKEN}),
    R.PROMISE_PENDING: ({F.PROMISE_TO_PAY}, set()),
    R.DEFERRED: ({F.DEFERRAL_GRANTED}, set()),
    R.DISPUTED: ({F.DISPUTE_RAISED}, {F.DISPUTE_RESOLVED}),
    R.NEGOTIATION: ({F.NEGOTIATION_BEGAN}, {F.NEGOTIATION_ENDED}),
}
ORDER = list(R)


@dataclass
class Verdict:
    """measure or held, the step or the reason, and for a measure its items."""

    outcome: str
    word: str
    items: dict[int, tuple[int, bool]] = field(default_factory=dict)
    """claim_id → (level after the message, climbs)"""
    channel: str = ""
    fee_cents: int = 0


def decide_case(
    case: Row,
    claims: list[Row],
    facts: list[Row],
    notices: list[Row],
    balances: Mapping[int, Row],
    procedures: Mapping[str, Procedure],
    on: date,
) -> Verdict:
    voided = {f["voids_fact_no"] for f in facts if f["kind"] in (F.VOIDED, F.PAYMENT_RETURNED)}
    live = [f for f in facts if f["effective_on"] <= on and f["fact_no"] not in voided]
    enrolled = sorted((f["effective_on"], f["fact_no"], f["code"]) for f in live if f["kind"] == F.ENROLLED)
    procedure = procedures.get(enrolled[-1][2] if enrolled else case["procedure"])
    messages = _messages(case, live, notices, procedure)

    reasons = [reason for reason, pair in PERSONAL.items() if _standing(live, *pair, on)]
    owed = {c["claim_id"]: balances[c["claim_id"]] for c in claims}
    against = {c["claim_id"]: _against(c["claim_id"], live, owed, on) for c in claims}
    closed = {claim_id for claim_id, found in against.items() if R.CLOSED in found}
    open_ids = [c for c in owed if c not in closed and owed[c]["open_cents"] > 0]
    if len(closed) == len(claims):
        reasons.append(R.CLOSED)
    else:
        total = sum(owed[c]["open_cents"] for c in owed if c not in closed)
        surplus = max(owed[c]["surplus_cents"] for c in owed)
        if surplus > 0:
            reasons.append(R.CREDIT_BALANCE if surplus >= total else R.UNMATCHED_CREDIT)
        elif total == 0:
            reasons.append(R.SETTLED)
    for reason in OF_CLAIMS:
        pair = OF_CLAIMS[reason]
        if any(f["claim_id"] is None for f in _standing(live, *pair, on)):
            reasons.append(reason)
    if open_ids and all(against[c] for c in open_ids):
        reasons.append(min((min(against[c], key=ORDER.index) for c in open_ids), key=ORDER.index))
    if any(m["evidence"] == "uncertain" for m in messages.values()):
        reasons.append(R.UNCERTAIN_MESSAGE)
    age = case["feed_checked_on"] and (on - case["feed_checked_on"]).days
    if age and age > case["feed_max_age_days"]:
        reasons.append(R.STALE_FEED)
    usable = _channels(case, live, messages, on)
    if not usable & ({c for s in procedure.steps for c in s.channels} if procedure else {"post", "email"}):
        reasons.append(R.NO_ADDRESS)
    if procedure is None:
        reasons.append(R.NOT_ENROLLED)
    if reasons:
        return Verdict("held", min(reasons, key=ORDER.index).value)
    assert procedure is not None
    free = [c for c in claims if c["claim_id"] in open_ids and not against[c["claim_id"]]]
    return _step(case, free, owed, live, messages, procedure, usable, on)


def _standing(live: list[Row], begins: set[F], ends: set[F], on: date) -> list[Row]:
    found = []
    for f in live:
        if f["kind"] not in begins:
            continue
        if f["kind"] == F.DISPUTE_RAISED and f["amount_cents"] is not None and f["claim_id"] is not None:
            continue
        until = f["until_on"]
        if f["kind"] == F.PROMISE_TO_PAY:
            until = calendar.next_working_day(until or f["effective_on"] + timedelta(days=14))
        if until is not None and until < on:
            continue
        key = (f["effective_on"], f["fact_no"])
        if not any(
            e["kind"] in ends
            and (e["effective_on"], e["fact_no"]) > key
            and e["claim_id"] in (None, f["claim_id"])
            and (e["kind"] != F.HOLD_LIFTED or not e["code"] or e["code"] == f["code"])
            for e in live
        ):
            found.append(f)
    return found


def _against(claim_id: int, live: list[Row], owed: Mapping[int, Row], on: date) -> list[R]:
    found = [
        reason
        for reason, pair in OF_CLAIMS.items()
        if any(f["claim_id"] == claim_id for f in _standing(live, *pair, on))
    ]
    disputed = owed[claim_id]["disputed_cents"]
    if disputed and disputed >= owed[claim_id]["open_cents"]:
        found.append(R.DISPUTED)
    return found


def _messages(
    case: Row, live: list[Row], notices: list[Row], procedure: Procedure | None
) -> dict[int, dict[str, Any]]:
    days = procedure.presumed_delivery_working_days if procedure else {"post": 4, "email": 1}
    found: dict[int, dict[str, Any]] = {}
    for row in notices:
        of = [f for f in live if f["message_id"] == row["message_id"]]
        sent = [f for f in of if f["kind"] == F.MESSAGE_SENT]
        came = [f["effective_on"] for f in of if f["kind"] == F.MESSAGE_DELIVERED]
        back = [f["effective_on"] for f in of if f["kind"] == F.MESSAGE_BOUNCED]
        message = found.setdefault(row["message_id"], {"rows": [], "back_on": max(back, default=None), **row})
        message["rows"].append(row)
        if back and (not came or max(back) >= max(came)):
            message.update(evidence="disproved", received_on=None)
        elif came:
            message.update(evidence="proven", received_on=max(came))
        elif sent:
            day = calendar.add_working_days(sent[0]["effective_on"], days[row["channel"]], case["land"])
            message.update(evidence="presumed", received_on=day)
        else:
            message.update(evidence="uncertain", received_on=None)
        restart = max((f["fact_no"] for f in live if f["kind"] == F.PROCEDURE_RESTARTED), default=0)
        left = [f["fact_no"] for f in of if f["kind"] in (F.MESSAGE_SENT, F.MESSAGE_DELIVERED)]
        message["is_current"] = min(left, default=0) > restart
    return found


def _channels(case: Row, live: list[Row], messages: Mapping[int, Row], on: date) -> set[str]:
    usable = {
        channel
        for channel, has in (("post", case["has_postal_address"]), ("email", case["has_email"]))
        if has
    }
    address = [f["effective_on"] for f in live if f["kind"] == F.ADDRESS_FOUND]
    for message in messages.values():
        if message["evidence"] == "disproved" and not any(day >= message["back_on"] for day in address):
            usable.discard(message["channel"])
    if _standing(live, {F.ADDRESS_UNKNOWN}, {F.ADDRESS_FOUND}, on):
        usable.discard("post")
    return usable


def _step(
    case: Row,
    free: list[Row],
    owed: Mapping[int, Row],
    live: list[Row],
    messages: Mapping[int, Row],
    procedure: Procedure,
    usable: set[str],
    on: date,
) -> Verdict:
    by_level = {step.level: step for step in procedure.steps}
    got = [m for m in messages.values() if m["evidence"] in ("proven", "presumed")]
    last = max((m["received_on"] for m in got), default=None)
    is_quiet = last is not None and on < last + timedelta(days=procedure.min_interval_days)
    ask = {
        c["claim_id"]: owed[c["claim_id"]]["open_cents"] - owed[c["claim_id"]]["disputed_cents"] for c in free
    }
    level: dict[int, int] = {}
    status: dict[int, str] = {}
    overdue: set[int] = set()
    for claim in free:
        claim_id = claim["claim_id"]
        mine = [(m, r) for m in got if m["is_current"] for r in m["rows"] if r["claim_id"] == claim_id]
        level[claim_id] = max((r["level"] for _, r in mine), default=0)
        asked = [(m, r) for m, r in mine if r["level"] > 0 or r["step_id"] == "listed"]
        after = max((d for m, r in asked for d in (m["received_on"], r["pay_by"]) if d), default=None)
        base = calendar.next_working_day(claim["due_on"], case["land"])
        step = by_level.get(level[claim_id] + 1)
        if base >= on:
            told = any(r["level"] == 0 and r["step_id"] != "listed" for _, r in mine)
            is_near = (
                0 in by_level and claim["due_on"] - timedelta(days=by_level[0].days) <= on < claim["due_on"]
            )
            status[claim_id] = "notice" if is_near and not told and level[claim_id] == 0 else "not_due"
            continue
        overdue.add(claim_id)
        if step is None:
            assert after is not None
            ends = after + timedelta(days=procedure.ending.after_days)
            status[claim_id] = "ended" if ends <= on else "waiting"
        else:
            status[claim_id] = "due" if _due_on(step, base, after) <= on else "waiting"
    sums = {
        kind: sum(ask[c] for c in ask if (c in overdue if kind == "overdue" else status[c] == "notice"))
        for kind in ("overdue", "notice")
    }
    due = [c for c in ask if status[c] == "due"]
    is_dunned = bool(due) and sums["overdue"] > procedure.tolerance_cents
    if not is_quiet and is_dunned:
        message_level = max(level[c] + 1 for c in due)
        items = {c: (level[c] + (c in due), c in due) for c in overdue}
        step = by_level[message_level]
        channel = next((c for c in step.channels if c in usable), "")
        if not channel:
            return Verdict("held", R.NO_ADDRESS.value)
        fee = _fee(step, channel, items, owed, live, by_level, case, procedure, on)
        return Verdict("measure", step.id, items, channel, fee)
    if not is_quiet and sums["overdue"] <= procedure.tolerance_cents < sums["notice"]:
        channel = next((c for c in by_level[0].channels if c in usable), "")
        if not channel:
            return Verdict("held", R.NO_ADDRESS.value)
        return Verdict(
            "measure", by_level[0].id, {c: (0, True) for c in ask if status[c] == "notice"}, channel
        )
    if sums["overdue"] == 0:
        return Verdict("held", R.NOT_YET_DUE.value)
    if sums["overdue"] <= procedure.tolerance_cents:
        return Verdict("held", R.WITHIN_TOLERANCE.value)
    if is_dunned:
        return Verdict("held", R.MIN_INTERVAL.value)
    return Verdict("held", (R.PROCEDURE_ENDED if "ended" in status.values() else R.WAITING).value)


def _due_on(step: Step, base: date, after: date | None) -> date:
    if step.trigger is Trigger.AFTER_PREVIOUS:
        assert after is not None
        return after + timedelta(days=step.days)
    day = base + timedelta(days=step.days)
    return day if after is None else max(day, after + timedelta(days=1))


def _fee(
    step: Step,
    channel: str,
    items: Mapping[int, tuple[int, bool]],
    owed: Mapping[int, Row],
    live: list[Row],
    by_level: Mapping[int, Step],
    case: Row,
    procedure: Procedure,
    on: date,
) -> int:
    def in_default(claim_id: int) -> bool:
        began = owed[claim_id]["default_began_on"]
        return began is not None and began <= on

    def demands(level: int) -> bool:
        return level > 0 and by_level[level].is_dunning

    if not step.charges_letter_cost:
        return 0
    if any(demands(level) and not in_default(c) for c, (level, _) in items.items()):
        return 0
    if not any(climbs and level == step.level and in_default(c) for c, (level, climbs) in items.items()):
        return 0
    lump_sums = [
        f for f in live if f["kind"] == F.COST_INCURRED and f["code"] == "costs.late_payment_lump_sum"
    ]
    if any(f["claim_id"] in (None, *items) for f in lump_sums):
        return 0
    cost = (step.letter_cost_cents or {}).get(channel, case[f"letter_cost_{channel}_cents"])
    cost = procedure.letter_cost_cents.get(channel, 0) if cost is None else cost
    return min(cost, 250 if channel == "post" else 0)
