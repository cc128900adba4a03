"""Why a case stands where it stands: each cent, today's decision, and what would change it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import polars as pl

from mahnwerk.frames import Book, FactKind, HeldReason
from mahnwerk.kernel import permit_rules, permits
from mahnwerk.kernel.daily_run import Decided
from mahnwerk.kernel.discounts import in_force
from mahnwerk.kernel.notices import DEBIT_NOTICE, PLAN_REMINDER
from mahnwerk.kernel.promises import not_kept
from mahnwerk.law import load_laws
from mahnwerk.records import load
from mahnwerk.records.models import Message
from mahnwerk.usecases import procedures
from mahnwerk.usecases.accounts import Account, accounts
from mahnwerk.usecases.cases import case_id_of, decided, viewing_day
from mahnwerk.usecases.opening import OpenBook

MEANINGS: Final[dict[HeldReason, tuple[str, str]]] = {
    HeldReason.DATA_ERROR: ("its data contradict each other", "correct the data named in the detail"),
    HeldReason.LAW_GAP: ("a figure of law is not known for a day", "enter the figure; `mahnwerk law gaps`"),
    HeldReason.CLOSED: ("all its claims are closed", "claim_reopened"),
    HeldReason.SETTLED: ("everything is paid", "a returned payment or a new claim"),
    HeldReason.CREDIT_BALANCE: ("the debtor has a credit balance", "a refund, or a new claim"),
    HeldReason.DEBTOR_DECEASED: ("the debtor died", "heirs_known"),
    HeldReason.INSOLVENCY: ("insolvency proceedings are open", "insolvency_closed"),
    HeldReason.MINOR: ("the debtor is a minor", "guardian_named"),
    HeldReason.IDENTITY_DISPUTED: ("it is disputed who the debtor is", "identity_confirmed"),
    HeldReason.CONTACT_BANNED: ("the debtor forbids contact", "contact_allowed"),
    HeldReason.LAWYER_NAMED: ("a lawyer writes for the debtor", "voiding that fact"),
    HeldReason.HARDSHIP: ("the debtor is in hardship", "hardship_ended, or its last day"),
    HeldReason.HOLD: ("somebody set a hold", "hold_lifted, or its last day"),
    HeldReason.PLAN_KEPT: ("an instalment plan is being kept", "plan_ended or plan_broken"),
    HeldReason.PROMISE_PENDING: ("a promise to pay is pending", "its day, or the payment"),
    HeldReason.DEFERRED: ("payment is deferred", "the last day of the deferral"),
    HeldReason.DISPUTED: ("what is open is disputed", "dispute_resolved"),
    HeldReason.NEGOTIATION: ("the parties negotiate", "negotiation_ended"),
    HeldReason.IN_COURT: ("it is before a court", "payment_order_ended"),
    HeldReason.TIME_BARRED: ("the claims are time-barred", "only a fact that moves limitation"),
    HeldReason.UNCERTAIN_MESSAGE: ("nobody knows whether the last message left", "say so: `mahnwerk check`"),
    HeldReason.UNMATCHED_CREDIT: ("money came in that has no claim yet", "match the money"),
    HeldReason.STALE_FEED: ("the payments known are too old", "a newer file of payments"),
    HeldReason.NO_ADDRESS: ("there is no way to reach the debtor", "an address: import it, or address_found"),
    HeldReason.WITHIN_TOLERANCE: ("so little is open that nobody is written to", "a larger sum"),
    HeldReason.NOT_YET_DUE: ("nothing is due yet", "the due date"),
    HeldReason.WAITING: ("the time of the last step is still running", "the day of the next look"),
    HeldReason.MIN_INTERVAL: ("the last message is too recent", "the day of the next look"),
    HeldReason.PROCEDURE_ENDED: ("the procedure is through", "a person's decision"),
    HeldReason.NOT_PERMITTED: ("a rule forbids the message", "see the answers below"),
    HeldReason.NOT_ENROLLED: ("the case follows no procedure", "enrolled, with a procedure as code"),
}
"""What each reason means, and what would change it."""


@dataclass(frozen=True)
class Why:
    """The derivation of a case on a day."""

    on: dt.date
    statement: Account
    decision: dict[str, Any]
    changes: list[str]
    permit: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    facts: list[dict[str, Any]]
    limitation: list[dict[str, Any]]
    promises_not_kept: list[dict[str, Any]]
    ruleset_hash: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def why(book: OpenBook, case: str, on: dt.date | None = None) -> Why:
    """Derive a case's balance and decision anew for a day; nothing is read from what was decided before.

    Raises
    ------
    NotFound
        There is no such case.
    """
    case_id = case_id_of(book, case)
    day = viewing_day(book, on)
    laws, known = load_laws(), procedures.of_book(book.place)
    loaded = load.book(book.tenant_id, case_ids=[case_id], on=day)
    result = decided(book, day, loaded)
    decision = _decision(loaded, result)
    numbers = dict(loaded.claims.select("claim_id", "invoice_number").iter_rows())
    if result.plan.balances.is_empty():
        account = _nothing(loaded, day)
    else:
        account = accounts(loaded, result.plan.balances, laws, day, [case_id])[case_id]
    return Why(
        on=day,
        statement=account,
        decision=decision,
        changes=_changes(decision),
        permit=_permit(case_id, loaded, result, permits.ruleset_hash(laws, known)),
        messages=_messages(book, case_id, day, result),
        facts=_facts(loaded, numbers),
        limitation=_limitation(result, numbers),
        promises_not_kept=not_kept(in_force(loaded, day), day).to_dicts(),
        ruleset_hash=result.plan.law_hash,
    )


def _nothing(loaded: Book, day: dt.date) -> Account:
    """The account of a case whose data cannot be computed."""
    case = loaded.cases.row(0, named=True)
    return Account(
        case["case_reference"], case["currency"], day, case["language"], [], [], [], [], 0, 0, "", []
    )


def _decision(loaded: Book, result: Decided) -> dict[str, Any]:
    """The outcome of the day, in words, and since when it has been so."""
    plan = result.plan
    if plan.measures.height:
        row = plan.measures.row(0, named=True)
        decision = {
            "outcome": "measure",
            "reason": row["step_id"],
            "detail": row["reason"],
            "meaning": _step_meaning(row),
            "next_look_on": None,
            "fee_cents": row["fee_cents"],
            "pay_by": row["pay_by"],
            "procedure": row["procedure"],
        }
    else:
        row = plan.held.row(0, named=True)
        meaning = MEANINGS[HeldReason(row["reason"])][0]
        decision = {
            "outcome": "held",
            "reason": row["reason"],
            "detail": row["detail"],
            "meaning": f"Nothing is sent: {meaning}.",
            "next_look_on": row["next_look_on"],
        }
    open_interval = loaded.decisions.row(0, named=True) if loaded.decisions.height else None
    same = open_interval is not None and all(
        open_interval[name] == decision[name] for name in ("outcome", "reason")
    )
    decision["from_on"] = open_interval["from_on"] if same and open_interval else None
    return decision


def _step_meaning(row: Mapping[str, Any]) -> str:
    if row["step_id"] == PLAN_REMINDER:
        return f"An instalment was missed: a friendly reminder, no dunning, is due by {row['channel']}."
    if row["step_id"] == DEBIT_NOTICE:
        return (
            f"A direct debit on {row['pay_by']:%d.%m.%Y} is to be announced by {row['channel']}; no dunning."
        )
    return f"Step {row['step_id']} (level {row['level']}) is due by {row['channel']}."


def _changes(decision: Mapping[str, Any]) -> list[str]:
    """What would change the decision."""
    if decision["outcome"] == "measure":
        return ["a payment, or any fact that holds the case, before the message is sealed"]
    found = [MEANINGS[HeldReason(decision["reason"])][1]]
    if decision["next_look_on"]:
        found.append(f"the day {decision['next_look_on']:%d.%m.%Y}, without any new fact")
    return found


def _permit(case_id: int, loaded: Book, result: Decided, rules_hash: str) -> list[dict[str, Any]]:
    """What a message of today is asked, and the answers."""
    key = permits.keys_of(result.plan.measures, result.plan.measure_items).get(case_id)
    if key is None:
        asked = result.answers.filter(pl.col("case_id") == case_id).to_dicts()
        held = result.plan.held.row(0, named=True)
        detail = f"{held['reason']}: {held['detail'] or ''}".rstrip(": ")
        rows = [{"rule": "not_held", "ok": False, "detail": detail}]
        answers = asked[0] if asked else {}
        return rows + [
            {"rule": rule, "ok": bool(answers[rule]), "detail": text}
            for rule, text in permit_rules.RULES.items()
            if rule in answers
        ]
    permit = permits.of_plan(result, loaded, rules_hash, [key])[case_id]
    texts = {**permits.PLAN_RULES, **permit_rules.RULES}
    return [
        {"rule": rule, "ok": ok, "detail": detail or texts.get(rule, "")}
        for rule, ok, detail in permit.answers
    ]


def _messages(book: OpenBook, case_id: int, day: dt.date, result: Decided) -> list[dict[str, Any]]:
    """Every message of the case, with what is known of its arrival."""
    evidence = {row["message_id"]: row for row in result.evidence.iter_rows(named=True)}
    rows = Message.objects.filter(tenant_id=book.tenant_id, case_id=case_id).order_by("id")
    found = []
    for row in rows:
        if row.sealed_on is not None and row.sealed_on > day:
            continue
        known = evidence.get(row.id, {})
        found.append(
            {
                "message": row.public_id,
                "step_id": row.step_id,
                "level": row.level,
                "sealed_on": row.sealed_on,
                "channel": row.channel,
                "state": row.state,
                "ended_because": row.ended_because,
                "demanded_cents": row.demanded_cents,
                "fee_cents": row.fee_cents,
                "pay_by": row.pay_by,
                "received_on": known.get("received_on"),
                "evidence": known.get("evidence", ""),
            }
        )
    return found


def _facts(loaded: Book, numbers: Mapping[int, str]) -> list[dict[str, Any]]:
    """The facts of the case in the order they were learnt; ids and words only."""
    return [
        {
            "fact_no": row["fact_no"],
            "effective_on": row["effective_on"],
            "recorded_on": row["recorded_on"],
            "kind": FactKind(row["kind"]).name.lower(),
            "invoice_number": numbers.get(row["claim_id"], ""),
            "amount_cents": row["amount_cents"],
            "until_on": row["until_on"],
            "code": row["code"] or "",
            "voids_fact_no": row["voids_fact_no"],
        }
        for row in loaded.facts.sort("fact_no").iter_rows(named=True)
    ]


def _limitation(result: Decided, numbers: Mapping[int, str]) -> list[dict[str, Any]]:
    """When each claim becomes time-barred."""
    return [
        {
            "invoice_number": numbers.get(row["claim_id"], ""),
            **{k: v for k, v in row.items() if k != "case_id"},
        }
        for row in result.limitation.iter_rows(named=True)
    ]
