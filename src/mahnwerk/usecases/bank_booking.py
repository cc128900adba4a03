"""Entries become facts: payments, discounts rightly taken, and the holds while a question is open."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
from django.db import transaction

from mahnwerk.frames import FactKind
from mahnwerk.kernel.discounts import taken
from mahnwerk.kernel.facts import live_facts
from mahnwerk.records import bank, facts, load
from mahnwerk.records.bank_read import EntryRow
from mahnwerk.records.models import BankEntry, EntryState
from mahnwerk.usecases import clock
from mahnwerk.usecases.failpoints import reached
from mahnwerk.usecases.opening import OpenBook

HOLD_CODE: Final = "unmatched_credit"
_HOLD: Final = ("hold_case_id", "hold_fact_no")
AT_ONCE: Final = 500
"""Entries cleared in one transaction: few enough that nobody waits long for their cases."""


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
    """Record one booking; False, and nothing changes, if an entry was cleared by somebody else meanwhile."""
    return book_payments(book, [booking])[0]


def book_payments(book: OpenBook, bookings: Sequence[Booking]) -> list[bool]:
    """Record the payment of each entry as a fact, together with the entry's state; which bookings were.

    Some hundred bookings share a transaction, so a run that is cut off goes on where it was. A booking of
    which an entry was cleared by somebody else meanwhile is left out.
    """
    done: list[bool] = []
    for part in _parts(bookings):
        with transaction.atomic():
            done += _book(book, part)
        reached("payments booked")
    return done


def _parts(bookings: Sequence[Booking]) -> Iterator[list[Booking]]:
    """Bookings that may share a transaction.

    No entry twice; and a discount is looked for when the payments before it are in the book, those after it
    are not.
    """
    part: list[Booking] = []
    entry_ids: set[int] = set()
    discounted: dict[int, bool] = {}  # by case
    for booking in bookings:
        mine = {entry.row.id for entry in booking.entries}
        before = discounted.get(booking.case_id)
        meets = before is not None and (before or booking.takes_discount)
        if part and (len(entry_ids) >= AT_ONCE or mine & entry_ids or meets):
            yield part
            part, entry_ids, discounted = [], set(), {}
        part.append(booking)
        entry_ids |= mine
        discounted[booking.case_id] = discounted.get(booking.case_id, False) or booking.takes_discount
    if part:
        yield part


def _book(book: OpenBook, part: Sequence[Booking]) -> list[bool]:
    now = clock.now()
    still = bank.lock_open(book.tenant_id, [entry.row for booking in part for entry in booking.entries])
    done = [all(entry.row.id in still for entry in booking.entries) for booking in part]
    going = [booking for booking, is_open in zip(part, done, strict=True) if is_open]
    paid = [(booking, entry) for booking in going for entry in booking.entries]
    if not paid:
        return done
    rows = [entry.row for _, entry in paid]
    payments = [_payment(entry, booking, _free_key(book, entry.row, booking)) for booking, entry in paid]
    # One append: cases are locked in one order, so two processes wait for each other in no circle.
    added = facts.append(book.tenant_id, [*payments, *_lifting(rows)], recorded_at=now).head(len(paid))
    settled = pl.DataFrame(
        {
            "id": [row.id for row in rows],
            "state": EntryState.BOOKED.value,
            "case_id": added["case_id"],
            "fact_no": added["fact_no"],
            "reason": "",
        }
    )
    if not bank.settle_all(book.tenant_id, settled):
        transaction.set_rollback(True)
        return [False] * len(part)
    _forget_holds(book, rows)
    discounts = _discounts(book, [booking for booking in going if booking.takes_discount])
    if discounts:
        facts.append(book.tenant_id, discounts, recorded_at=now)
    for is_confirmed in (False, True):
        pairs = [(e.row.payer_id, b.case_id) for b, e in paid if b.is_confirmed == is_confirmed]
        bank.learn(book.tenant_id, pairs, is_confirmed=is_confirmed, at=now)
    bank.drop_proposals(book.tenant_id, [row.id for row in rows])
    return done


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


def _discounts(book: OpenBook, bookings: Sequence[Booking]) -> list[dict[str, Any]]:
    """Discounts taken in time by several payments, or by one of a touched claim (Skonto), as facts.

    One that follows from a payment just recorded needs no fact of its own.
    """
    if not bookings:
        return []
    loaded = load.book(book.tenant_id, case_ids=[booking.case_id for booking in bookings])
    live = live_facts(loaded.facts, dt.date.max)
    derived = set(taken(live, loaded.claims, loaded.designations)["claim_id"].to_list())
    claims = loaded.claims.filter(pl.col("discount_cents") > 0).sort("claim_no")
    told = []
    for booking in bookings:
        if derived & set(booking.claim_ids):
            continue
        last = max((entry.row for entry in booking.entries), key=lambda row: row.value_on)
        told += [
            {
                "case_id": booking.case_id,
                "claim_id": claim["claim_id"],
                "kind": FactKind.EARLY_PAYMENT_DISCOUNT,
                "effective_on": last.value_on,
                "amount_cents": claim["discount_cents"],
                "currency": last.currency,
                "source_key": discount_key(last, claim["claim_id"]),
            }
            for claim in claims.filter(
                pl.col("claim_id").is_in(list(booking.claim_ids)), pl.col("discount_until") >= last.value_on
            ).iter_rows(named=True)
        ]
    return told


def hold(book: OpenBook, row: BankEntry, case_id: int | None) -> None:
    """Hold a debtor whose money may be here, until the entry is cleared; call it in a transaction.

    The transaction keeps the entry (`bank.lock` or `bank.settle`), so another process that holds for it
    too is seen here: a hold is set once, and none is left that nobody lifts.
    """
    row.refresh_from_db(fields=_HOLD)
    move_holds(book, [(row, case_id)])


def lift_hold(book: OpenBook, row: BankEntry) -> None:
    """End the hold of this entry and of no other; call it in a transaction that keeps the entry."""
    hold(book, row, None)


def move_holds(book: OpenBook, wanted: Sequence[tuple[BankEntry, int | None]]) -> None:
    """Let each entry, locked and read anew, hold this case and no other; None = no case."""
    moved = [(row, case_id) for row, case_id in wanted if row.hold_case_id != case_id]
    if not moved:
        return
    lifting = _lifting([row for row, _ in moved])
    holding = [(row, case_id) for row, case_id in moved if case_id is not None]
    told = [
        {
            "case_id": case_id,
            "kind": FactKind.HOLD_SET,
            "effective_on": row.booked_on,
            "code": HOLD_CODE,
        }
        for row, case_id in holding
    ]
    added = facts.append(book.tenant_id, [*lifting, *told], recorded_at=clock.now())
    for row, _ in moved:
        row.hold_case_id = row.hold_fact_no = None
    for (row, case_id), number in zip(holding, added["fact_no"][len(lifting) :], strict=True):
        row.hold_case_id, row.hold_fact_no = case_id, number
    bank.keep_holds(book.tenant_id, [row for row, _ in moved])


def _lifting(rows: Sequence[BankEntry]) -> list[dict[str, Any]]:
    """Facts that end the holds of these entries."""
    return [
        {
            "case_id": row.hold_case_id,
            "kind": FactKind.VOIDED,
            "effective_on": row.booked_on,
            "voids_fact_no": row.hold_fact_no,
        }
        for row in rows
        if row.hold_case_id is not None
    ]


def _forget_holds(book: OpenBook, rows: Sequence[BankEntry]) -> None:
    held = [row for row in rows if row.hold_case_id is not None]
    for row in held:
        row.hold_case_id = row.hold_fact_no = None
    bank.keep_holds(book.tenant_id, held)
