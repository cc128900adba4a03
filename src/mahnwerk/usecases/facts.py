"""Facts told by hand: checked, recorded once, with the effect they have."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
from django.db import transaction

from mahnwerk.formats import amounts
from mahnwerk.frames import PRINCIPAL_CENTS_MAX, FactKind
from mahnwerk.kernel import costs
from mahnwerk.records import facts as fact_records
from mahnwerk.records import load
from mahnwerk.records.models import Case, Claim, Fact
from mahnwerk.usecases import clock, four_eyes
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.cases import case_id_of, decided, viewing_day
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.fact_kinds import RULES, KindRule
from mahnwerk.usecases.opening import OpenBook
from mahnwerk.usecases.telling import PAYS, UNDOES

CODE: Final = re.compile(r"[a-z][a-z0-9_.@-]{0,59}")
"""Codes are words of closed lists, never free text: facts hold no personal data."""


@dataclass(frozen=True)
class AddedFact:
    """A fact as recorded, and what it changed."""

    case_reference: str
    fact_no: int
    kind: str
    is_known: bool
    currency: str
    open_before_cents: int
    open_after_cents: int


def add(
    book: OpenBook,
    case: str,
    kind: str,
    *,
    on: dt.date | None = None,
    amount: str = "",
    invoice_number: str = "",
    until: dt.date | None = None,
    code: str = "",
    voids: int = 0,
    reference: str = "",
    approved_by: str = "",
    dry_run: bool = False,
) -> AddedFact:
    """Record one fact.

    Parameters
    ----------
    case : case reference
    kind : a word of FactKind
    on : the day it counts; None = the day of the last run, else today
    amount : as people write it
    invoice_number : the claim; "" = the whole case
    reference : its name elsewhere; the same reference in a case counts once
    approved_by : the second person, where money above the book's limit is given up (four eyes)

    Raises
    ------
    BadInput, NotFound
        Something is missing, too much, malformed, or not there; the reference names another event; more is
        paid back than came in beyond what is owed, or given up than is open. The message says what to do.
    """
    known = _kind(kind)
    case_id = case_id_of(book, case)
    row = Case.objects.get(id=case_id)
    day = on or viewing_day(book, None)
    claim_id = _claim(row, invoice_number)
    cents = _cents(amount)
    _complete(known, RULES[known], cents, until, code, voids, invoice_number)
    fact: dict[str, Any] = {
        "case_id": case_id,
        "claim_id": claim_id,
        "kind": known,
        "effective_on": day,
        "amount_cents": cents,
        "currency": row.currency if cents is not None else None,
        "voids_fact_no": voids or None,
        "until_on": until,
        "code": code or None,
        "source_key": f"hand|{case_id}|{reference}" if reference else None,
    }
    if claim_id is not None and known in PAYS:
        fact["designated_claim_ids"] = [claim_id]
    before, credit, given = _stand(book, case_id, day, claim_id)
    with transaction.atomic():
        Case.objects.select_for_update().get(tenant_id=book.tenant_id, id=case_id)
        approval = four_eyes.check(book, case_id, known, cents, day, approved_by)
        number, is_new = _append(book, case, fact)
        if is_new:
            _within_credit(known, cents, credit)
            _within_open(known, cents, given, day)
        else:
            _same_event(book, case_id, number, fact, reference, on)
        after, _, _ = _stand(book, case_id, day, claim_id)
        if dry_run:
            transaction.set_rollback(True)
        elif is_new:
            detail = {"fact_no": number, "kind": known.name.lower(), **approval}
            note(book, "fact_add", on=day, case_id=case_id, detail=detail)
    return AddedFact(row.case_reference, number, known.name.lower(), not is_new, row.currency, before, after)


def _append(book: OpenBook, case: str, fact: dict[str, Any]) -> tuple[int, bool]:
    """Number of the fact, and whether it is new."""
    try:
        added = fact_records.append(book.tenant_id, [fact], recorded_at=clock.now())
    except fact_records.FactRefused as error:
        raise BadInput(f"{case}: {error}") from error
    return int(added["fact_no"][0]), bool(added["is_new"][0])


def _kind(word: str) -> FactKind:
    known = {kind.name.lower(): kind for kind, rule in RULES.items() if rule.by_hand}
    if word not in known:
        from difflib import get_close_matches

        near = get_close_matches(word, known, 3)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise BadInput(
            f"{word!r} is no kind of fact that is told by hand.", f"{hint}`mahnwerk fact kinds` lists all."
        )
    return known[word]


def _claim(case: Case, invoice_number: str) -> int | None:
    if not invoice_number:
        return None
    found = Claim.objects.filter(case_id=case.id, invoice_number=invoice_number).first()
    if found is None:
        raise NotFound(
            f"case {case.case_reference} has no claim with invoice number {invoice_number!r}.",
            f"`mahnwerk statement {case.case_reference}` lists its claims.",
        )
    return int(found.id)


def _cents(amount: str) -> int | None:
    if not amount:
        return None
    cents = amounts.parse(pl.Series([amount])).row(0, named=True)["cents"]
    if cents is None or not 0 < cents <= PRINCIPAL_CENTS_MAX:
        raise BadInput(
            f"amount {amount!r} cannot be read as a sum above 0.", "Write 1.234,56 or 1234.56 or 50."
        )
    return cents


def _complete(
    kind: FactKind,
    rule: KindRule,
    cents: int | None,
    until: dt.date | None,
    code: str,
    voids: int,
    claim: str,
) -> None:
    """Everything the kind needs is there, and nothing it does not know."""
    word = kind.name.lower()
    for name, option, has, need in (
        ("an amount", "--amount", cents is not None, rule.amount),
        ("a last day", "--until", until is not None, rule.until),
        ("an invoice number", "--claim", bool(claim), rule.claim),
        ("a code", "--code", bool(code), "needed" if rule.code == "rule" else rule.code),
    ):
        if need == "needed" and not has:
            raise BadInput(f"{word} needs {name}.", f"Add {option}.")
        if need == "none" and has:
            raise BadInput(f"{word} has no room for {name}.", f"Leave {option} out.")
    if bool(voids) != (kind in UNDOES):
        problem = f"{word} must name the fact it undoes." if not voids else f"{word} undoes no other fact."
        raise BadInput(problem, "Add --voids NUMBER." if not voids else "Leave --voids out.")
    if code and not CODE.fullmatch(code):
        raise BadInput(
            f"code {code!r} is not a word of small letters, digits and . _ - @.",
            "Facts hold no free text; names and addresses belong to the person.",
        )
    if rule.code == "rule":
        try:
            costs.check_rule(code)
        except (ValueError, LookupError) as error:
            raise BadInput(str(error), "A cost without a rule cannot be booked.") from error


def _within_credit(kind: FactKind, cents: int | None, credit: int) -> None:
    """No more is paid back than there is; the replay would have nothing to take the rest from."""
    if kind is FactKind.REFUND_PAID and cents is not None and cents > credit:
        raise BadInput(
            f"refund_paid: {_money(cents)} are more than the credit of the case, {_money(credit)}.",
            "Say first what it was paid back for: credit_note, goods_returned, or payment_returned --voids "
            "NUMBER of the payment.",
        )


def _within_open(kind: FactKind, cents: int | None, owed: int, on: dt.date) -> None:
    """Only what is owed can be given up; the rest would be in the records and mean nothing."""
    if kind in (FactKind.WAIVER, FactKind.COMPROMISE, FactKind.WRITE_OFF) and (cents or 0) > owed:
        raise BadInput(
            f"{kind.name.lower()}: {_money(cents or 0)} are more than is open on {on}, {_money(owed)}.",
            f"Give up {_money(owed)} at most, or name another day with --on."
            if owed
            else "Nothing is owed there; `mahnwerk statement` shows the case.",
        )


def _same_event(
    book: OpenBook, case_id: int, number: int, fact: dict[str, Any], reference: str, on: dt.date | None
) -> None:
    """The known event says what is told now; another one under its name would be lost in silence."""
    there = Fact.objects.get(tenant_id=book.tenant_id, case_id=case_id, fact_no=number)
    told = ["kind", "claim_id", "amount_cents", "voids_fact_no", "until_on", "code"]
    told += ["effective_on"] if on is not None else []
    other = [name for name in told if getattr(there, name) != fact[name]]
    if other:
        raise BadInput(
            f"case {there.case.case_reference}: the reference {reference!r} is fact {number} with another "
            f"{' and '.join(name.removesuffix('_id').removesuffix('_cents') for name in other)}; "
            "nothing was added.",
            "Another event takes another reference; a wrong fact is undone by: "
            f"mahnwerk fact add CASE voided --voids {number}.",
        )


def _money(cents: int) -> str:
    return f"{cents // 100},{cents % 100:02d}"


def _stand(book: OpenBook, case_id: int, on: dt.date, claim_id: int | None) -> tuple[int, int, int]:
    """What is open in the case, what came in beyond it, and what is open of the claim (None = the case)."""
    cases = load.book(book.tenant_id, case_ids=[case_id], on=on)
    balances = decided(book, on, cases).plan.balances
    mine = balances.filter(claim_id=claim_id) if claim_id is not None else balances
    return (
        int(balances["open_cents"].sum()),
        int(balances.select(pl.col("surplus_cents").max().fill_null(0)).item()),
        int(mine["open_cents"].sum()),
    )
