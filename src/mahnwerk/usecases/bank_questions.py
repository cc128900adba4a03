"""What the matcher leaves to people: the list of open entries, and their answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db import transaction

from mahnwerk.records import bank, bank_ledger, bank_read
from mahnwerk.records.bank_read import EntryRow
from mahnwerk.records.models import BankAccount, BankEntry, Case, Claim, EntryState, MatchProposal
from mahnwerk.usecases import clock
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.bank_booking import Booking, book_payment, lift_hold
from mahnwerk.usecases.bank_matching import match_open
from mahnwerk.usecases.bank_reopening import REASON, is_open_again, reopen
from mahnwerk.usecases.cases import case_id_of
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.opening import OpenBook

AGE_MAX_DAYS: Final = 5
"""Money nobody has placed for longer than this needs somebody today. Policy."""

WRONG: Final = (
    "A payment booked wrongly is undone by: mahnwerk fact add CASE voided --voids NUMBER; then answer again."
)


@dataclass(frozen=True)
class Question:
    """An entry that waits for a person, with what is proposed."""

    entry: int
    account: int
    state: str
    booked_on: dt.date
    value_on: dt.date
    age_days: int
    is_overdue: bool
    amount_cents: int
    currency: str
    kind: str
    payer: str
    text: str
    reason: str
    case_reference: str = ""
    invoices: Sequence[str] = ()
    reasons: Sequence[str] = ()
    confidence: float = 0.0
    runner_up: Sequence[str] = ()
    together_with: Sequence[int] = ()


@dataclass(frozen=True)
class Answered:
    """What an answer changed."""

    entries: list[int]
    state: str
    case_reference: str = ""
    invoices: Sequence[str] = ()


def suspense(book: OpenBook, on: dt.date | None = None) -> list[Question]:
    """All entries that are not placed, and those whose fact was declared void, the oldest first."""
    day = on or clock.today()
    waiting = (EntryState.PROPOSED.value, EntryState.SUSPENSE.value)
    again = bank_ledger.declared_void(book.tenant_id)
    rows = bank_read.entries(book.tenant_id, states=waiting)
    rows += bank_read.entries(book.tenant_id, entry_ids=again) if again else []
    rows.sort(key=lambda entry: (entry.row.booked_on, entry.row.entry_no))
    proposals = bank_read.proposals(book.tenant_id, [entry.row.id for entry in rows])
    claim_ids = {i for one in proposals.values() for i in [*one.claim_ids, *one.runner_up_claim_ids]}
    invoices = dict(Claim.objects.filter(id__in=claim_ids).values_list("id", "invoice_number"))
    cases = dict(
        Case.objects.filter(id__in={one.case_id for one in proposals.values()}).values_list(
            "id", "case_reference"
        )
    )
    numbers = {entry.row.id: entry.row.entry_no for entry in rows}
    accounts = dict(BankAccount.objects.filter(tenant_id=book.tenant_id).values_list("id", "number"))
    found = []
    for entry in rows:
        row, one = entry.row, proposals.get(entry.row.id)
        age = bank_read.age_days(row, day)
        question = {
            "entry": row.entry_no,
            "account": accounts[row.account_id],
            "state": str(EntryState.SUSPENSE) if row.state == EntryState.BOOKED else row.state,
            "booked_on": row.booked_on,
            "value_on": row.value_on,
            "age_days": age,
            "is_overdue": age > AGE_MAX_DAYS,
            "amount_cents": row.amount_cents,
            "currency": row.currency,
            "kind": row.kind,
            "payer": entry.texts["name"],
            "text": entry.texts["remittance"],
            "reason": REASON if row.state == EntryState.BOOKED else row.reason,
        }
        if one is not None:
            question |= {
                "case_reference": cases[one.case_id],
                "invoices": [invoices[i] for i in one.claim_ids],
                "reasons": one.reasons,
                "confidence": one.confidence_ppm / 1_000_000,
                "runner_up": [invoices[i] for i in one.runner_up_claim_ids if i in invoices],
                "together_with": [numbers[i] for i in one.entry_ids if i != row.id and i in numbers],
            }
        found.append(Question(**question))
    return found


def confirm(book: OpenBook, entry_no: int, *, invoices: Sequence[str] = (), case: str = "") -> Answered:
    """Book an entry as proposed, or for the invoices or the case named; the payer is remembered.

    Entries proposed together are booked together.

    Raises
    ------
    NotFound : no such entry, invoice or case. BadInput : nothing proposed, already placed, other currency.
    """
    entry = _open_entry(book, entry_no)
    proposal = MatchProposal.objects.filter(tenant_id=book.tenant_id, entry_id=entry.row.id).first()
    entries = [entry]
    if invoices:
        case_id, claim_ids = _claims(book, entry, invoices, case_id_of(book, case) if case else None)
        designated = True
    elif case:
        case_id, claim_ids, designated = case_id_of(book, case), [], False
    elif proposal is not None:
        case_id, claim_ids = int(proposal.case_id), list(proposal.claim_ids)
        designated = "case_named" not in proposal.reasons
        mates = bank_read.entries(book.tenant_id, states=[state.value for state in bank.OPEN])
        entries += [e for e in mates if e.row.id in proposal.entry_ids and e.row.id != entry.row.id]
    else:
        raise BadInput(
            f"entry {entry_no}: nothing is proposed for it.", "Name the invoice with --claim, or --case."
        )
    target = Case.objects.get(tenant_id=book.tenant_id, id=case_id)
    for one in entries:
        _check_creditor(one, target)
    if target.currency != entry.row.currency:
        raise BadInput(
            f"entry {entry_no} is in {entry.row.currency}, {target.case_reference} in {target.currency}.",
            "Money of another currency is never booked on a case; exchange it, or return it.",
        )
    discount = proposal is not None and not invoices and "discount_taken" in proposal.reasons
    booking = Booking(entries, case_id, claim_ids, designated, bool(discount), is_confirmed=True)
    with transaction.atomic():
        _take_off(book, entry)
        if not book_payment(book, booking):
            raise BadInput(f"entry {entry_no} was placed by somebody else meanwhile.")
        note(book, "match_confirm", case_id=case_id, detail={"entries": [e.row.entry_no for e in entries]})
    numbers = dict(Claim.objects.filter(id__in=claim_ids).values_list("id", "invoice_number"))
    return Answered(
        [e.row.entry_no for e in entries], "booked", target.case_reference, [numbers[i] for i in claim_ids]
    )


def reject(book: OpenBook, entry_no: int) -> Answered:
    """Say no to what is proposed: it is never proposed again for this entry, which waits on.

    Raises
    ------
    NotFound : no such entry. BadInput : nothing is proposed for it.
    """
    entry = _open_entry(book, entry_no)
    proposal = MatchProposal.objects.filter(tenant_id=book.tenant_id, entry_id=entry.row.id).first()
    if proposal is None:
        raise BadInput(f"entry {entry_no}: nothing is proposed for it.", "See mahnwerk bank suspense.")
    with transaction.atomic():
        entries = BankEntry.objects.filter(tenant_id=book.tenant_id, id=entry.row.id)
        entries.update(rejected_claim_ids=[*entry.row.rejected_claim_ids, sorted(proposal.claim_ids)])
        bank.settle(book.tenant_id, entry.row.id, EntryState.SUSPENSE, reason="rejected")
        lift_hold(book, entry.row)
        proposal.delete()
        note(book, "match_reject", case_id=proposal.case_id, detail={"entry": entry_no})
    match_open(book)
    state = BankEntry.objects.get(tenant_id=book.tenant_id, id=entry.row.id).state
    return Answered([entry_no], state)


def ignore(book: OpenBook, entry_no: int) -> Answered:
    """Say that an entry concerns no debtor; it is kept and never looked at again.

    Raises
    ------
    NotFound : no such entry. BadInput : it is placed already.
    """
    entry = _open_entry(book, entry_no)
    with transaction.atomic():
        _take_off(book, entry)
        if not bank.settle(book.tenant_id, entry.row.id, EntryState.IGNORED, reason="by_hand"):
            raise BadInput(f"entry {entry_no} was placed by somebody else meanwhile.")
        lift_hold(book, entry.row)
        bank.drop_proposals(book.tenant_id, [entry.row.id])
        note(book, "match_ignore", detail={"entry": entry_no})
    return Answered([entry_no], "ignored")


PLACES: Final = {
    "told": "facts or a payout tell of this money already",
    "charge": "the bank's charge, which no debtor bears",
    "interest": "the bank's interest",
    "settlement": "a payment provider's settlement",
    "other": "no debtor's and no creditor's money",
}
"""What a person may say an entry is, if no payment of a debtor."""


def place(book: OpenBook, entry_no: int, what: str) -> Answered:
    """Say what an entry is that is no debtor's payment; the journal takes it out of suspense.

    Parameters
    ----------
    what : one of PLACES

    Raises
    ------
    NotFound : no such entry. BadInput : no such word, or the entry is explained already.
    """
    if what not in PLACES:
        raise BadInput(f"{what!r} is nothing an entry can be.", f"Say one of: {', '.join(PLACES)}.")
    found = bank_read.entries(book.tenant_id, entry_no=entry_no)
    if not found:
        raise NotFound(f"there is no bank entry {entry_no}.", "See `mahnwerk bank suspense`.")
    row = found[0].row
    unexplained = [*bank.OPEN, EntryState.OUTGOING]
    state = EntryState.IGNORED if row.amount_cents > 0 else EntryState.OUTGOING
    with transaction.atomic():
        if is_open_again(book, found[0]):
            _take_off(book, found[0])
        changed = BankEntry.objects.filter(
            tenant_id=book.tenant_id, id=row.id, state__in=unexplained, about_id=None, case_id=None
        ).update(state=state, reason=what)
        if not changed:
            raise BadInput(
                f"entry {entry_no} is {row.state}{f' ({row.reason})' if row.reason else ''}: nothing is open "
                "about it.",
                WRONG,
            )
        lift_hold(book, row)
        bank.drop_proposals(book.tenant_id, [row.id])
        note(book, "bank_place", detail={"entry": entry_no, "what": what})
    return Answered([entry_no], str(state))


def _open_entry(book: OpenBook, entry_no: int) -> EntryRow:
    found = bank_read.entries(book.tenant_id, entry_no=entry_no)
    if not found:
        raise NotFound(f"there is no bank entry {entry_no}.", "See `mahnwerk bank suspense`.")
    if found[0].row.state not in bank.OPEN and not is_open_again(book, found[0]):
        raise BadInput(
            f"entry {entry_no} is {found[0].row.state}: nothing is open about it.",
            WRONG,
        )
    if found[0].row.amount_cents <= 0:
        raise BadInput(
            f"entry {entry_no} is money that went out.",
            "Record the return with mahnwerk fact add, then: mahnwerk bank place ENTRY --as told.",
        )
    return found[0]


def _take_off(book: OpenBook, entry: EntryRow) -> None:
    """Before an answer: an entry that is a question again leaves the fact that was declared void."""
    if entry.row.state == EntryState.BOOKED and not reopen(book, entry):
        raise BadInput(f"entry {entry.row.entry_no} was placed by somebody else meanwhile.")


def _check_creditor(entry: EntryRow, case: Case) -> None:
    """Money on the account of one creditor pays no claim of another; the operator's account is for all."""
    if entry.creditor_id not in (None, case.creditor_id):
        raise BadInput(
            f"entry {entry.row.entry_no} is money on the account of another creditor than the one of "
            f"{case.case_reference}.",
            "Money goes to whose it is: pay it back to the payer, or pass it on and record it there.",
        )


def _claims(
    book: OpenBook, entry: EntryRow, invoices: Sequence[str], case_id: int | None
) -> tuple[int, list[int]]:
    """The one case that has all these invoices, and their claims."""
    found = Claim.objects.filter(tenant_id=book.tenant_id, invoice_number__in=list(invoices))
    if entry.creditor_id is not None:
        found = found.filter(creditor_id=entry.creditor_id)
    if case_id is not None:
        found = found.filter(case_id=case_id)
    by_case: dict[int, dict[str, int]] = {}
    for claim in found:
        by_case.setdefault(claim.case_id, {})[claim.invoice_number] = claim.id
    known = {number for numbers in by_case.values() for number in numbers}
    missing = [number for number in invoices if number not in known]
    if missing:
        whose = "case" if case_id is not None else "account's creditor"
        raise NotFound(f"there is no invoice {', '.join(missing)} of this {whose}.", "Check the number.")
    whole = [one for one, numbers in by_case.items() if numbers.keys() == set(invoices)]
    if not whole:
        raise BadInput(
            "these invoices belong to different debtors; one payment is booked on one case.",
            "Name the invoices of one debtor; a surplus stays that debtor's credit.",
        )
    if len(whole) > 1:
        raise BadInput(
            f"{', '.join(invoices)}: several creditors have an invoice of this number.",
            "Add --case: the case whose invoice is meant.",
        )
    return whole[0], [by_case[whole[0]][number] for number in dict.fromkeys(invoices)]
