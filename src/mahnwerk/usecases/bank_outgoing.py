"""Money that went out, and came back: whether an entry is a payout of ours, or a refund some fact tells of.

The facts and payouts of what went out are there already, so nothing is booked: an entry is only told what it
is. What stays unexplained on a trust account is in suspense in the journal until somebody says what it was.
Money of ours that came back is booked: the payout is owed again, the refund never happened.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from django.db import transaction

from mahnwerk.frames import FactKind
from mahnwerk.records import bank, bank_read, facts
from mahnwerk.records.bank_read import EntryRow
from mahnwerk.records.models import (
    BankEntry,
    Case,
    Claim,
    EntryRefund,
    EntryState,
    Fact,
    KnownPayer,
    Payout,
    PayoutReturn,
    Refund,
)
from mahnwerk.usecases import clock, payout_returns
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.bank_booking import source_key
from mahnwerk.usecases.entry_refunds import PAID_BACK
from mahnwerk.usecases.failpoints import reached
from mahnwerk.usecases.opening import OpenBook

NEAR: Final = dt.timedelta(days=60)
"""A transfer and the fact that tells of it lie no further apart."""
NAME_MIN: Final = 4
"""A shorter invoice number names nothing in a free text."""


def explain(book: OpenBook) -> int:
    """Find out what outgoing entries are that nobody has explained; how many are now."""
    unexplained = BankEntry.objects.filter(
        tenant_id=book.tenant_id,
        state=EntryState.OUTGOING,
        amount_cents__lt=0,
        reason="",
        about_id__isnull=True,
        case_id__isnull=True,
    )
    payouts = _open_payouts(book)
    refunds = _open_refunds(book)
    paid_back = _open_entry_refunds(book)
    wanted = {-payout.amount_cents for payout in payouts} | {-cents for cents in refunds}
    wanted |= {-row.amount_cents for row in paid_back}
    if not wanted:
        return 0
    ids = [i for i, cents in unexplained.values_list("id", "amount_cents") if cents in wanted]
    count = 0
    for entry in bank_read.entries(book.tenant_id, entry_ids=ids):
        count += (
            _is_payout(book, entry, payouts)
            or _pays_back(book, entry, paid_back)
            or _is_refund(book, entry, refunds)
        )
    return count


def _open_payouts(book: OpenBook) -> list[Payout]:
    """Payouts whose transfer no entry is known for."""
    told = BankEntry.objects.filter(tenant_id=book.tenant_id, reason="payout").values("about_id")
    payouts = Payout.objects.filter(tenant_id=book.tenant_id).exclude(id__in=told)
    return list(payouts.exclude(returns__word=PayoutReturn.Word.REFUSED))


def _is_payout(book: OpenBook, entry: EntryRow, payouts: list[Payout]) -> bool:
    for payout in payouts:
        same = (payout.currency, -payout.amount_cents) == (entry.row.currency, entry.row.amount_cents)
        if same and names(entry, payout.reference):
            payouts.remove(payout)
            return _explained(book, entry, reason="payout", about_id=payout.id)
    return False


def names(entry: EntryRow, reference: str) -> bool:
    """Whether an entry bears a reference of ours, as end-to-end id or in its text."""
    told = bank.compact(" ".join(entry.texts[name] for name in ("end_to_end_id", "remittance")))
    return bank.compact(reference) in told


def _open_entry_refunds(book: OpenBook) -> list[EntryRefund]:
    """Refunds of money nobody placed that went to the bank and no entry is known for."""
    told = BankEntry.objects.filter(tenant_id=book.tenant_id, reason=PAID_BACK, amount_cents__lt=0)
    mine = EntryRefund.objects.filter(tenant_id=book.tenant_id, file__isnull=False, undone_on__isnull=True)
    return list(mine.exclude(id__in=told.values("about_id")).order_by("ordered_on", "id"))


def _pays_back(book: OpenBook, entry: EntryRow, rows: list[EntryRefund]) -> bool:
    """By our reference; or, where the bank leaves it out, by the account the money came from."""
    row = entry.row
    same = [one for one in rows if (one.currency, -one.amount_cents) == (row.currency, row.amount_cents)]
    named = [one for one in same if names(entry, one.end_to_end_id)]
    near = [
        one
        for one in same
        if one.person_id == row.payer_id
        and one.ordered_on <= row.booked_on <= one.ordered_on + NEAR
        and entry.creditor_id in (None, one.creditor_id)
    ]
    if not named and not near:
        return False
    chosen = (named or near)[0]
    rows.remove(chosen)
    return _explained(book, entry, reason=PAID_BACK, about_id=chosen.id)


def _open_refunds(book: OpenBook) -> Mapping[int, list[Fact]]:
    """Cents → refunds in force that no entry is known for."""
    mine = Fact.objects.filter(tenant_id=book.tenant_id, kind=FactKind.REFUND_PAID)
    told = set(
        BankEntry.objects.filter(tenant_id=book.tenant_id, reason="refund_paid").values_list(
            "case_id", "fact_no"
        )
    )
    voids = set(
        Fact.objects.filter(
            tenant_id=book.tenant_id, case_id__in=mine.values("case_id"), kind=FactKind.VOIDED
        ).values_list("case_id", "voids_fact_no")
    )
    found: dict[int, list[Fact]] = defaultdict(list)
    for fact in mine.order_by("case_id", "fact_no"):
        if (fact.case_id, fact.fact_no) not in told | voids:
            found[fact.amount_cents or 0].append(fact)
    return found


def _is_refund(book: OpenBook, entry: EntryRow, refunds: Mapping[int, list[Fact]]) -> bool:
    near = [
        fact
        for fact in refunds.get(-entry.row.amount_cents, ())
        if abs(fact.effective_on - entry.row.booked_on) <= NEAR and fact.currency == entry.row.currency
    ]
    cases = cases_meant(book, entry, sorted({fact.case_id for fact in near}))
    fitting = [fact for fact in near if fact.case_id in cases]
    if len({fact.case_id for fact in fitting}) != 1:
        return False
    fact = fitting[0]
    refunds[-entry.row.amount_cents].remove(fact)
    return _explained(book, entry, reason="refund_paid", case_id=fact.case_id, fact_no=fact.fact_no)


def cases_meant(book: OpenBook, entry: EntryRow, case_ids: Sequence[int]) -> set[int]:
    """Of some cases those the entry names, by a reference or an invoice, or whose payer it is about; never
    one of another creditor than the account's."""
    told = bank.compact(" ".join(entry.texts[name] for name in ("end_to_end_id", "remittance")))
    cases = Case.objects.filter(tenant_id=book.tenant_id, id__in=list(case_ids))
    if entry.creditor_id is not None:
        cases = cases.filter(creditor_id=entry.creditor_id)
    mine = {"tenant_id": book.tenant_id, "case_id__in": [case.id for case in cases]}
    words: list[tuple[int, str]] = []
    for case in cases:
        words += [(case.id, case.case_reference), (case.id, case.rf_reference)]
    words += Claim.objects.filter(**mine).values_list("case_id", "invoice_number")
    found = {
        case_id
        for case_id, word in words
        if len(bank.compact(word)) >= NAME_MIN and bank.compact(word) in told
    }
    known = KnownPayer.objects.filter(**mine, payer_id=entry.row.payer_id)
    return found | set(known.values_list("case_id", flat=True))


def _explained(book: OpenBook, entry: EntryRow, **columns: object) -> bool:
    rows = BankEntry.objects.filter(
        tenant_id=book.tenant_id, id=entry.row.id, state=EntryState.OUTGOING, reason=""
    )
    return bool(rows.update(**columns))


def came_back(book: OpenBook, entry: EntryRow) -> bool:
    """Book money of ours that came back; False, and nothing happens, if it is not sure what it was."""
    return _payout_back(book, entry) or _refund_back(book, entry)


def _payout_back(book: OpenBook, entry: EntryRow) -> bool:
    row = entry.row
    fitting = [
        payout
        for payout in Payout.objects.filter(
            tenant_id=book.tenant_id, amount_cents=row.amount_cents, currency=row.currency
        )
        if names(entry, payout.reference)
    ]
    if len(fitting) != 1:
        return False
    with transaction.atomic():
        if not bank.settle(
            book.tenant_id, row.id, EntryState.IGNORED, reason="payout_back", about_id=fitting[0].id
        ):
            return False
        code = row.return_reason
        if not payout_returns.give_back(book, fitting[0], PayoutReturn.Word.RETURNED, code, row.value_on):
            # Owed again already, and the same money once more: a person must look.
            transaction.set_rollback(True)
            return False
    return True


def _refund_back(book: OpenBook, entry: EntryRow) -> bool:
    row = entry.row
    live = [
        fact
        for fact in _live_refunds(book, row.amount_cents, row.currency)
        if fact.effective_on - NEAR <= row.value_on
    ]
    cases = cases_meant(book, entry, sorted({fact.case_id for fact in live}))
    fitting = [fact for fact in live if fact.case_id in cases]
    if len({fact.case_id for fact in fitting}) != 1:
        return False
    fact = max(fitting, key=lambda one: (one.effective_on, one.fact_no))
    void = {
        "case_id": fact.case_id,
        "kind": FactKind.VOIDED,
        "effective_on": max(row.value_on, fact.effective_on),
        "voids_fact_no": fact.fact_no,
        "code": "refund_back",
        "source_key": source_key(row, "refund_back"),
    }
    with transaction.atomic():
        added = facts.append(book.tenant_id, [void], recorded_at=clock.now())
        number = int(added["fact_no"][0])
        if not bank.settle(
            book.tenant_id, row.id, EntryState.IGNORED,
            reason="refund_back", case_id=fact.case_id, fact_no=number,
        ):  # fmt: skip
            transaction.set_rollback(True)
            return False
        Refund.objects.filter(
            tenant_id=book.tenant_id, case_id=fact.case_id, fact_no=fact.fact_no, undone_on__isnull=True
        ).update(undone_on=void["effective_on"], undone_reason=row.return_reason[:10])
        note(
            book, "refund_back", case_id=fact.case_id, detail={"entry": row.entry_no, "fact_no": fact.fact_no}
        )
    reached("refund given back")
    return True


def _live_refunds(book: OpenBook, cents: int, currency: str) -> list[Fact]:
    mine = Fact.objects.filter(
        tenant_id=book.tenant_id, kind=FactKind.REFUND_PAID, amount_cents=cents, currency=currency
    )
    voids = set(
        Fact.objects.filter(
            tenant_id=book.tenant_id, case_id__in=mine.values("case_id"), kind=FactKind.VOIDED
        ).values_list("case_id", "voids_fact_no")
    )
    return [fact for fact in mine if (fact.case_id, fact.fact_no) not in voids]
