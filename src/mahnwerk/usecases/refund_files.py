"""Files of refunds: transfers for the bank (pain.001), the same bytes again, status reports read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Max

from mahnwerk.formats import pain, pain002
from mahnwerk.formats.bank import BankFileError
from mahnwerk.formats.pain import Account, SepaError, Transfer
from mahnwerk.formats.xml_door import XmlRefused
from mahnwerk.gateways.files import write_durably
from mahnwerk.kernel.target_days import target_days_after
from mahnwerk.records import bank, crypto, load
from mahnwerk.records import refunds as records
from mahnwerk.records.bank_read import EntryRow
from mahnwerk.records.models import (
    BankEntry,
    Case,
    Creditor,
    EntryRefund,
    EntryState,
    Fact,
    Refund,
    RefundFile,
    Tenant,
)
from mahnwerk.usecases import clock, entry_refunds, refunds
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.cases import decided, viewing_day
from mahnwerk.usecases.direct_debits import creditor_of
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.failpoints import reached
from mahnwerk.usecases.opening import OpenBook

TEXTS = {"de": "Erstattung Ihres Guthabens, Vorgang {}", "en": "Refund of your credit, case {}"}

ENTRY_TEXT = "Rückzahlung Ihrer Zahlung vom {:%d.%m.%Y}, die wir nicht zuordnen können"


@dataclass(frozen=True)
class RefundFileView:
    """A file of refunds; `content` are its bytes, always the same."""

    message_id: str
    made_on: dt.date
    refund_count: int
    sum_cents: int
    is_new: bool
    skipped: list[str]
    content: bytes


@dataclass(frozen=True)
class StatusTaken:
    """What a status report changed."""

    message_id: str
    refused: int
    known: int
    unknown: list[str]
    executed: list[str]
    """Refused by the report, though the bank statement shows the money left; nothing was changed."""


def create(book: OpenBook, creditor_key: str, on: dt.date | None = None) -> RefundFileView:
    """One file of all refunds ordered and in no file yet; if none is new, the day's last file again.

    Raises
    ------
    BadInput
        Nothing to pay back, or an order the official schema refuses.
    """
    creditor, day = creditor_of(book, creditor_key), viewing_day(book, on)
    with transaction.atomic():
        Tenant.objects.select_for_update().get(id=book.tenant_id)  # files of a day are numbered in it
        waiting = Refund.objects.filter(
            tenant_id=book.tenant_id,
            case__creditor_id=creditor.id,
            file__isnull=True,
            undone_on__isnull=True,
            currency="EUR",
        )
        chosen, skipped = _payable(book, list(waiting.order_by("end_to_end_id")), day)
        entries, more = _entries_payable(book, creditor)
        skipped += more
        if chosen or entries:
            made = _record(book, creditor, chosen, entries, day)
            detail = {"message_id": made.message_id, "refunds": len(chosen) + len(entries)}
            note(book, "refund_file", on=day, detail=detail)
            reached("refund file recorded")
            return _view(book, made, is_new=True, skipped=skipped)
    last = RefundFile.objects.filter(tenant_id=book.tenant_id, creditor_id=creditor.id, made_on=day)
    found = last.order_by("-message_id").first()
    if found is None:
        raise BadInput(
            f"creditor {creditor_key}: nothing to pay back on {day}"
            + (f" ({'; '.join(skipped)})." if skipped else "."),
            "`mahnwerk refund order CASE` first; `mahnwerk refund list` shows the credits.",
        )
    undone = [row.end_to_end_id for row in _all(found) if row.undone_on is not None]
    if undone:
        raise BadInput(
            f"{found.message_id} is not handed out again: {', '.join(undone)} came to nothing and may be "
            "ordered anew.",
            "Order again, then make a new file.",
        )
    return _view(book, found, is_new=False, skipped=skipped)


def _payable(book: OpenBook, waiting: list[Refund], day: dt.date) -> tuple[list[Refund], list[str]]:
    """Refunds that may leave now, by all that is known, and why others may not."""
    case_ids = sorted({row.case_id for row in waiting})
    undone = records.undone_facts(book.tenant_id, case_ids)
    gone: set[tuple[int, int]] = set()
    if case_ids:
        told = Fact.objects.filter(tenant_id=book.tenant_id, case_id__in=case_ids)
        last = max(day, clock.today(), told.aggregate(last=Max("effective_on"))["last"] or day)
        problems = decided(book, last, load.book(book.tenant_id, case_ids=case_ids, on=last)).replay.problems
        gone = set(problems.select("case_id", "fact_no").iter_rows())
    known = records.details_of(waiting)
    chosen, skipped = [], []
    for row in waiting:
        if (row.case_id, row.fact_no) in undone:
            refunds.undo(book, row, refunds.CANCELLED, day)
            skipped.append(f"{row.end_to_end_id}: its fact was voided")
        elif (row.case_id, row.fact_no) in gone:
            skipped.append(f"{row.end_to_end_id}: the credit is gone; refund cancel {row.end_to_end_id}")
        elif row.id not in known:
            skipped.append(f"{row.end_to_end_id}: the person was erased")
        else:
            chosen.append(row)
    return chosen, skipped


def _entries_payable(book: OpenBook, creditor: Creditor) -> tuple[list[EntryRefund], list[str]]:
    """Refunds of money nobody placed that may leave now, and why others may not."""
    rows = EntryRefund.objects.filter(
        tenant_id=book.tenant_id, creditor_id=creditor.id, file__isnull=True, undone_on__isnull=True
    )
    waiting = list(rows.select_related("entry").order_by("end_to_end_id"))
    known = records.details_of(waiting)
    chosen, skipped = [], []
    for row in waiting:
        if row.id not in known:
            skipped.append(f"{row.end_to_end_id}: the payer was erased")
        else:
            chosen.append(row)
    return chosen, skipped


def _all(file: RefundFile) -> list[Refund | EntryRefund]:
    """The refunds of a file, in the order of its transfers."""
    entries = file.entry_refunds.select_related("entry").order_by("end_to_end_id")
    return [*file.refunds.order_by("end_to_end_id"), *entries]


def _record(
    book: OpenBook, creditor: Creditor, chosen: list[Refund], entries: list[EntryRefund], day: dt.date
) -> RefundFile:
    number = RefundFile.objects.filter(tenant_id=book.tenant_id, made_on=day).count() + 1
    tenant = Tenant.objects.get(id=book.tenant_id)
    message_id = f"MW-RF-{tenant.number}-{day:%Y%m%d}-{number:03d}"
    now = clock.now().replace(microsecond=0)
    content = _bytes(book, creditor, message_id, day, now, [*chosen, *entries])
    made = RefundFile.objects.create(
        tenant_id=book.tenant_id,
        creditor_id=creditor.id,
        message_id=message_id,
        made_on=day,
        recorded_at=now,
        content_mark=crypto.keyed_hash(book.tenant_id, "refund file", content, length=32),
    )
    Refund.objects.filter(id__in=[row.id for row in chosen]).update(file_id=made.id)
    EntryRefund.objects.filter(id__in=[row.id for row in entries]).update(file_id=made.id)
    return made


def _bytes(
    book: OpenBook,
    creditor: Creditor,
    message_id: str,
    day: dt.date,
    at: dt.datetime,
    chosen: Sequence[Refund | EntryRefund],
) -> bytes:
    """The file, from the refunds alone: the same refunds give the same bytes."""
    cases = {
        row.id: row
        for row in Case.objects.filter(
            tenant_id=book.tenant_id, id__in=[row.case_id for row in chosen if isinstance(row, Refund)]
        )
    }
    known, execute_on = records.details_of(chosen), target_days_after(day, 1)
    transfers = []
    for row in chosen:
        details = known.get(row.id)
        if details is None:
            raise BadInput(f"{message_id}: a person of this file was erased.", "It cannot be made again.")
        if isinstance(row, Refund):
            case = cases[row.case_id]
            text = TEXTS.get(case.language, TEXTS["de"]).format(case.case_reference)
        else:
            text = ENTRY_TEXT.format(row.entry.booked_on)
        transfers.append(
            Transfer(
                end_to_end_id=row.end_to_end_id,
                amount_cents=row.amount_cents,
                name=details["name"],
                iban=details["iban"],
                execute_on=execute_on,
                text=text,
            )
        )
    try:
        return pain.transfers(Account(creditor.name, creditor.iban), transfers, message_id, at)
    except SepaError as error:
        raise BadInput(
            f"creditor {creditor.key}: {error}.", "Correct the data, then create again."
        ) from error


def _view(book: OpenBook, row: RefundFile, *, is_new: bool, skipped: list[str]) -> RefundFileView:
    rows = _all(row)
    creditor = Creditor.objects.get(tenant_id=book.tenant_id, id=row.creditor_id)
    content = _bytes(book, creditor, row.message_id, row.made_on, row.recorded_at, rows)
    if crypto.keyed_hash(book.tenant_id, "refund file", content, length=32) != bytes(row.content_mark):
        raise BadInput(
            f"{row.message_id} cannot be made again as it was: the creditor's data changed since.",
            "Use the file as it was written; nothing is paid back twice.",
        )
    total = sum(refund.amount_cents for refund in rows)
    return RefundFileView(row.message_id, row.made_on, len(rows), total, is_new, skipped, content)


def write(view: RefundFileView, path: Path) -> Path:
    """Write the file whole, or not at all."""
    write_durably(path, view.content)
    return path


def take_status(book: OpenBook, path: Path, on: dt.date | None = None) -> StatusTaken:
    """Read a status report (pain.002): what the bank refused is a credit again.

    Raises
    ------
    BadInput
        Not a status report, or one about a file that is not of this book.
    """
    day = on or clock.today()
    try:
        statuses = pain002.read(path.read_bytes(), source=path.name)
    except (BankFileError, XmlRefused) as error:
        raise BadInput(f"{path}: {error}") from error
    except OSError as error:
        raise NotFound(f"{path}: cannot be read: {error.strerror}.", "Check the name.") from error
    message_id = statuses[0].message_id
    file = RefundFile.objects.filter(tenant_id=book.tenant_id, message_id=message_id).first()
    if file is None:
        raise BadInput(f"{path}: reports on file {message_id!r}, which is no refund file of this book.")
    rows = {row.end_to_end_id: row for row in _all(file)}
    refused = known = 0
    unknown: list[str] = []
    executed: list[str] = []
    # All refunds of a file are one group: what refuses the group refuses each of them.
    groups = {status.payment_id: list(rows) for status in statuses}
    for name, reason in pain002.refusals(statuses, list(rows), groups).items():
        if name not in rows:
            unknown.append(name)
        elif _has_left(book, rows[name]):
            executed.append(name)
        elif _undo(book, rows[name], reason, day):
            refused += 1
        else:
            known += 1
    return StatusTaken(message_id, refused, known, unknown, executed)


def _undo(book: OpenBook, row: Refund | EntryRefund, reason: str, on: dt.date) -> bool:
    if isinstance(row, Refund):
        return refunds.undo(book, row, reason, on)
    return entry_refunds.undo(book, row, reason, on)


def _has_left(book: OpenBook, row: Refund | EntryRefund) -> bool:
    """Whether a bank statement shows the transfer."""
    if isinstance(row, EntryRefund):
        return entry_refunds.transfer_of(book, row) is not None
    return BankEntry.objects.filter(
        tenant_id=book.tenant_id, case_id=row.case_id, fact_no=row.fact_no, amount_cents__lt=0
    ).exists()


def came_back(book: OpenBook, entry: EntryRow) -> bool:
    """Book a transfer of ours that the bank sent back: the refund it names, by end-to-end id and amount.

    False, and nothing happens, if it names none, or one that came back before: a person must look.
    """
    mine = {
        "tenant_id": book.tenant_id,
        "end_to_end_id": entry.texts["end_to_end_id"],
        "file__isnull": False,
    }
    row = Refund.objects.filter(**mine).first() or EntryRefund.objects.filter(**mine).first()
    if row is None or (row.amount_cents, row.currency) != (entry.row.amount_cents, entry.row.currency):
        return False
    on = max(entry.row.value_on, row.ordered_on)
    became: dict[str, Any] = (
        {"reason": "refund_back", "case_id": row.case_id, "fact_no": row.fact_no}
        if isinstance(row, Refund)
        else {"reason": entry_refunds.PAID_BACK, "about_id": row.id}
    )
    with transaction.atomic():
        if _undo(book, row, entry.row.return_reason, on) and bank.settle(
            book.tenant_id, entry.row.id, EntryState.IGNORED, **became
        ):
            return True
        transaction.set_rollback(True)
    return False
