"""Entries become facts: payments, discounts rightly taken, and the holds while a question is open."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
from django.db import transaction

from mahnwerk.frames import FactKind
from mahnwerk.kernel.discounts import taken
from mahnwerk.kernel.facts import live_facts
from mahnwerk.records import bank, facts, load
from mahnwerk.records.bank_read import EntryRow
from mahnwerk.records.models import BankEntry, Claim, EntryState, MatchProposal
from mahnwerk.usecases import clock
from mahnwerk.usecases.failpoints import reached
from mahnwerk.usecases.opening import OpenBook

HOLD_CODE: Final = "unmatched_credit"
_HOLD: Final = ("hold_case_id", "hold_fact_no")


@dataclass(frozen=True)
class Booking:
    """Entries that together pay claims of one case; `designated` if the payer named the claims."""

    entries: Sequence[EntryRow]
    case_id: int
    claim_ids: Sequence[int]
    designated: bool
    takes_discount: bool
    is_confirmed: bool = False


def source_key(row: BankEntry, part: str = "") -> str:
    """The name of an entry's fact: told twice, it is one fact."""
    return f"bank|{bytes(row.entry_key).hex()}" + (f"|{part}" if part else "")


def discount_key(row: BankEntry, claim_id: int) -> str:
    """The name of the discount that a booking recorded for a claim with its last entry."""
    return source_key(row, f"discount|{claim_id}")


def book_payment(book: OpenBook, booking: Booking) -> bool:
    """Record the payment of each entry as a fact, in one transaction with the entries' state.

    Returns False, and changes nothing, if one of the entries was cleared by somebody else meanwhile.
    """
    now = clock.now()
    with transaction.atomic():
        if not bank.lock(book.tenant_id, [entry.row.id for entry in booking.entries]):
            return False
        keys = [_free_key(book, entry.row, booking) for entry in booking.entries]
        rows = [_payment(entry, booking, key) for entry, key in zip(booking.entries, keys, strict=True)]
        added = facts.append(book.tenant_id, rows, recorded_at=now)
        if booking.takes_discount and not _follows_by_itself(book, booking):
            facts.append(book.tenant_id, _discounts(booking), recorded_at=now)
        for entry, number in zip(booking.entries, added["fact_no"], strict=False):
            settled = bank.settle(
                book.tenant_id,
                entry.row.id,
                EntryState.BOOKED,
                case_id=booking.case_id,
                fact_no=number,
                reason="",
            )
            if not settled:
                transaction.set_rollback(True)
                return False
            lift_hold(book, entry.row)
            bank.learn(
                book.tenant_id, entry.row.payer_id, booking.case_id, is_confirmed=booking.is_confirmed, at=now
            )
        MatchProposal.objects.filter(
            tenant_id=book.tenant_id, entry_id__in=[entry.row.id for entry in booking.entries]
        ).delete()
    reached("entry booked")
    return True


def _free_key(book: OpenBook, row: BankEntry, booking: Booking) -> str:
    """The name of the entry's next fact: the first that no fact declared void has taken."""
    if not booking.is_confirmed:
        return source_key(row)
    keys, at_once = [source_key(row)], 20
    while True:
        start = len(keys)
        keys += [source_key(row, f"again|{number}") for number in range(start, start + at_once)]
        known = facts.numbers_of(book.tenant_id, keys)
        free = [key for key in keys if key not in known]
        if free:
            return free[0]


def _payment(entry: EntryRow, booking: Booking, key: str) -> dict[str, Any]:
    row = entry.row
    return {
        "case_id": booking.case_id,
        "kind": FactKind.PAYMENT_RECEIVED,
        "effective_on": row.value_on,
        "amount_cents": row.amount_cents,
        "currency": row.currency,
        "source_key": key,
        "designated_claim_ids": list(booking.claim_ids) if booking.designated else None,
    }


def _follows_by_itself(book: OpenBook, booking: Booking) -> bool:
    """Whether the discount follows from the payment just recorded, and so needs no fact of its own."""
    loaded = load.book(book.tenant_id, case_ids=[booking.case_id])
    live = live_facts(loaded.facts, dt.date.max)
    derived = taken(live, loaded.claims, loaded.designations)
    return not derived.filter(pl.col("claim_id").is_in(list(booking.claim_ids))).is_empty()


def _discounts(booking: Booking) -> list[dict[str, Any]]:
    """A discount that several payments, or one of a touched claim, took in time (Skonto), as facts."""
    last = max((entry.row for entry in booking.entries), key=lambda row: row.value_on)
    return [
        {
            "case_id": booking.case_id,
            "claim_id": claim.id,
            "kind": FactKind.EARLY_PAYMENT_DISCOUNT,
            "effective_on": last.value_on,
            "amount_cents": claim.discount_cents,
            "currency": last.currency,
            "source_key": discount_key(last, claim.id),
        }
        for claim in Claim.objects.filter(id__in=list(booking.claim_ids)).order_by("claim_no")
        if claim.discount_cents and claim.discount_until and last.value_on <= claim.discount_until
    ]


def hold(book: OpenBook, row: BankEntry, case_id: int | None) -> None:
    """Hold a debtor whose money may be here, until the entry is cleared; call it in a transaction.

    The transaction keeps the entry (`bank.lock` or `bank.settle`), so another process that holds for it
    too is seen here: a hold is set once, and none is left that nobody lifts.
    """
    row.refresh_from_db(fields=_HOLD)
    if row.hold_case_id == case_id:
        return
    lift_hold(book, row)
    if case_id is None:
        return
    added = facts.append(
        book.tenant_id,
        [
            {
                "case_id": case_id,
                "kind": FactKind.HOLD_SET,
                "effective_on": row.booked_on,
                "code": HOLD_CODE,
            }
        ],
        recorded_at=clock.now(),
    )
    row.hold_case_id, row.hold_fact_no = case_id, int(added["fact_no"][0])
    BankEntry.objects.filter(id=row.id).update(hold_case_id=case_id, hold_fact_no=row.hold_fact_no)


def lift_hold(book: OpenBook, row: BankEntry) -> None:
    """End the hold of this entry and of no other; call it in a transaction that keeps the entry."""
    row.refresh_from_db(fields=_HOLD)
    if row.hold_case_id is None:
        return
    facts.append(
        book.tenant_id,
        [
            {
                "case_id": row.hold_case_id,
                "kind": FactKind.VOIDED,
                "effective_on": row.booked_on,
                "voids_fact_no": row.hold_fact_no,
            }
        ],
        recorded_at=clock.now(),
    )
    row.hold_case_id = row.hold_fact_no = None
    BankEntry.objects.filter(id=row.id).update(hold_case_id=None, hold_fact_no=None)
