"""Batch bookings whose parts stand in another file: a statement says the sum, a camt.054 says who paid.

The statement's entry stays as it is; once its parts are known they are looked at instead of it. The parts
must have the bank's reference of the booking and add up to it, or nothing happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.db import transaction

from mahnwerk.formats import bank_file
from mahnwerk.formats.bank import BankFile, Entry
from mahnwerk.records import bank, bank_read, crypto
from mahnwerk.records.bank_read import EntryRow
from mahnwerk.records.models import BankAccount, BankEntry, EntryState
from mahnwerk.usecases import clock
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.bank_booking import lift_hold
from mahnwerk.usecases.failpoints import reached
from mahnwerk.usecases.opening import OpenBook

KIND: Final = "bank-details"
"""Kept files that tell of parts; the statement may come before or after them."""


def has_parts(told: BankFile) -> bool:
    """Whether a file tells the parts of a batch booking."""
    return told.format == "camt.054" and any(
        entry.batch_reference for statement in told.statements for entry in statement.entries
    )


def join(book: OpenBook, told_as: Any) -> int:
    """Put parts in the place of batch bookings that wait; how many bookings found theirs.

    Parameters
    ----------
    told_as : turns a parsed entry into the columns of a recorded one
    """
    waiting = [
        entry
        for entry in bank_read.entries(book.tenant_id, states=[state.value for state in bank.OPEN])
        if entry.texts["bank_reference"] and entry.row.batch_id is None
    ]
    if not waiting:
        return 0
    accounts = {
        row.id: bank.iban_of(book.tenant_id, row)
        for row in BankAccount.objects.filter(tenant_id=book.tenant_id)
    }
    found = 0
    for account, reference, parts in _batches(book):
        total = sum(part.amount_cents for part in parts)
        for entry in waiting:
            same = (entry.texts["bank_reference"], entry.row.amount_cents, entry.row.currency)
            own = accounts[entry.row.account_id]
            if same != (reference, total, parts[0].currency) or not account or account not in own:
                continue
            found += _split(book, entry, [told_as(part) for part in parts])
            waiting.remove(entry)
            break
    return found


def _batches(book: OpenBook) -> Iterator[tuple[str, str, list[Entry]]]:
    """Account, reference and parts of every batch booking in the files kept."""
    for mark in crypto.kept_files(KIND):
        content = crypto.open_file(book.tenant_id, KIND, mark)
        for _, told in bank_file.read(content, source=KIND):
            for statement in told.statements:
                groups: dict[tuple[str, int], list[Entry]] = {}
                for entry in statement.entries:
                    if entry.batch_reference and not entry.is_pending:
                        groups.setdefault((entry.batch_reference, entry.batch_no), []).append(entry)
                for (reference, _), parts in groups.items():
                    yield bank.compact(statement.account).lstrip("0"), reference, parts


def _split(book: OpenBook, entry: EntryRow, parts: list[dict[str, Any]]) -> bool:
    with transaction.atomic():
        changed = BankEntry.objects.filter(
            tenant_id=book.tenant_id, id=entry.row.id, state__in=bank.OPEN
        ).update(state=EntryState.IGNORED, reason="batch")
        if not changed:
            return False
        lift_hold(book, entry.row)
        bank.drop_proposals(book.tenant_id, [entry.row.id])
        bank.record_parts(book.tenant_id, entry.row, parts, at=clock.now())
        note(book, "bank_batch", detail={"entry": entry.row.entry_no, "parts": len(parts)})
    reached("batch split")
    return True
