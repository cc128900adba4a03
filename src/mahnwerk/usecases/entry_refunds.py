"""Paying back money nobody could place: the whole of a bank entry, to the account it came from, once.

It was never a debtor's, so no fact tells of it: in the journal it waits in suspense until the bank shows that
it left, and what the bank refuses or sends back is a question again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from django.db import transaction

from mahnwerk.records import bank, bank_read
from mahnwerk.records import refunds as records
from mahnwerk.records.bank_read import EntryRow
from mahnwerk.records.models import (
    BankAccount,
    BankEntry,
    Creditor,
    EntryRefund,
    EntryState,
    Tenant,
)
from mahnwerk.usecases import clock, four_eyes, refunds
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.bank_booking import lift_hold
from mahnwerk.usecases.bank_reopening import is_open_again, reopen
from mahnwerk.usecases.cases import viewing_day
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.failpoints import reached
from mahnwerk.usecases.opening import OpenBook
from mahnwerk.usecases.refunds import RefundView, is_iban, masked

PAID_BACK = "paid_back"
"""Reason of the entry that is paid back, of the transfer that does it, and of one that comes back."""


def order(
    book: OpenBook,
    entry_no: int,
    *,
    iban: str = "",
    name: str = "",
    approved_by: str = "",
    creditor: str = "",
    on: dt.date | None = None,
    dry_run: bool = False,
) -> RefundView:
    """Order that an entry in suspense is paid back; `refund file` writes it for the bank.

    Parameters
    ----------
    iban, name : another account than the money came from; takes a second person
    approved_by : the second person, where the account is given by hand
    creditor : key, where several creditors share the account: in whose file it leaves

    Raises
    ------
    NotFound, BadInput
        No such entry; it is placed, money that went out, or in another currency; no account known.

    Guarantees
    ----------
    Asked twice it is one refund. An entry that is paid back can be booked on no case.
    """
    found = bank_read.entries(book.tenant_id, entry_no=entry_no)
    if not found:
        raise NotFound(f"there is no bank entry {entry_no}.", "See `mahnwerk bank suspense`.")
    entry = found[0]
    day = max(viewing_day(book, on), entry.row.booked_on)
    with transaction.atomic():
        known = _in_force(book, entry)
        if known is not None:
            return _known(known, entry_no, iban)
        is_again = is_open_again(book, entry)
        _check(entry, is_again=is_again)
        owner = _owner(book, entry, creditor)
        account, approval = _account(book, entry, iban, name, approved_by)
        if dry_run:
            return _planned(entry, account, day)
        taken = reopen(book, entry) if is_again else True
        if not (taken and bank.lock(book.tenant_id, [entry.row.id])):
            known = _in_force(book, entry)
            if known is None:
                raise BadInput(f"entry {entry_no} was placed by somebody else meanwhile.")
            return _known(known, entry_no, iban)
        made = _record(book, entry, owner, account, day)
        detail = {"refund_id": made.id, "entry": entry_no, **approval}
        note(book, "refund_order", on=day, detail=detail)
    reached("refund ordered")
    return view(made, entry_no)


def _in_force(book: OpenBook, entry: EntryRow) -> EntryRefund | None:
    mine = EntryRefund.objects.filter(tenant_id=book.tenant_id, entry_id=entry.row.id)
    return mine.filter(undone_on__isnull=True).first()


def _known(row: EntryRefund, entry_no: int, iban: str) -> RefundView:
    details = records.bank_details(row)
    wanted = _plain(iban)
    if wanted and details is not None and wanted != details["iban"]:
        raise BadInput(
            f"entry {entry_no} is being paid back to {masked(details['iban'])} already.",
            f"mahnwerk refund cancel {row.end_to_end_id} first, if it is in no file yet.",
        )
    return view(row, entry_no, is_known=True)


def _check(entry: EntryRow, *, is_again: bool) -> None:
    row = entry.row
    if row.state not in bank.OPEN and not is_again:
        raise BadInput(
            f"entry {row.entry_no} is {row.state}: only money in suspense is paid back so.",
            "A debtor's credit: mahnwerk refund order CASE.",
        )
    if row.amount_cents <= 0:
        raise BadInput(f"entry {row.entry_no} is money that went out.", "See `mahnwerk bank suspense`.")
    if row.currency != "EUR":
        raise BadInput(
            f"entry {row.entry_no} is in {row.currency}; the file for the bank takes EUR only.",
            "Pay it back by hand, then: mahnwerk bank place ENTRY --as other, for both entries.",
        )


def _owner(book: OpenBook, entry: EntryRow, key: str) -> Creditor:
    """In whose file it leaves: the account's creditor, or one whose file names the shared account."""
    creditors = Creditor.objects.filter(tenant_id=book.tenant_id)
    if entry.creditor_id is not None:
        fitting = list(creditors.filter(id=entry.creditor_id))
    else:
        token = bytes(BankAccount.objects.get(tenant_id=book.tenant_id, id=entry.row.account_id).iban_token)
        fitting = [
            one
            for one in creditors.order_by("key")
            if one.iban and bank.account_token(book.tenant_id, one.iban) == token
        ]
    chosen = [one for one in fitting if not key or one.key == key]
    if len(chosen) == 1:
        return chosen[0]
    number = entry.row.entry_no
    if not chosen:
        whose = ", ".join(one.key for one in fitting) or "no creditor"
        raise BadInput(
            f"entry {number} is money on an account of {whose}.",
            "Another creditor's file never pays it back." if fitting else
            "Pay it back by hand, then: mahnwerk bank place ENTRY --as other, for both entries.",
        )  # fmt: skip
    raise BadInput(
        f"entry {number} is money on an account that {len(chosen)} creditors share.",
        f"Say in whose file it leaves: --creditor {chosen[0].key}.",
    )


def _account(
    book: OpenBook, entry: EntryRow, iban: str, name: str, approved_by: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Where the money goes, and what the audit trail keeps of the second person."""
    number, wanted = entry.row.entry_no, _plain(iban)
    own = {"name": entry.texts["name"], "iban": _plain(entry.texts["iban"])}
    is_known = bool(own["name"]) and is_iban(own["iban"])
    if not wanted or (is_known and wanted == own["iban"]):
        if not is_known:
            raise BadInput(
                f"entry {number}: the bank does not say from which account the money came.",
                "Name one with --iban and --name, and a second person with --approved-by.",
            )
        return own, {}
    if not is_iban(wanted):
        raise BadInput(f"entry {number}: the IBAN is not valid.", "Check its digits.")
    holder = name or own["name"]
    if not holder:
        raise BadInput(f"entry {number}: whose account that is must be said.", "Add --name.")
    what = "refund: the account is not the one the money came from"
    return {"name": holder, "iban": wanted}, four_eyes.second(book, approved_by, what)


def _plain(iban: str) -> str:
    return "".join(iban.split()).upper()


def _record(
    book: OpenBook, entry: EntryRow, owner: Creditor, account: Mapping[str, str], day: dt.date
) -> EntryRefund:
    """The refund, and the entry that is no question any more."""
    row = entry.row
    number = EntryRefund.objects.filter(tenant_id=book.tenant_id, entry_id=row.id).count() + 1
    tenant = Tenant.objects.get(id=book.tenant_id)
    made = records.add_for_entry(
        book.tenant_id,
        row,
        owner.id,
        end_to_end_id=f"MW-RF-{tenant.number}-E{row.entry_no}-{number}",
        ordered_on=day,
        name=account["name"],
        iban=account["iban"],
        recorded_at=clock.now(),
    )
    bank.settle(book.tenant_id, row.id, EntryState.IGNORED, reason=PAID_BACK, about_id=made.id)
    lift_hold(book, row)
    bank.drop_proposals(book.tenant_id, [row.id])
    return made


def cancel_any(book: OpenBook, end_to_end_id: str, on: dt.date | None = None) -> RefundView:
    """Take back a refund, of a credit or of an entry, that is in no file yet.

    Raises
    ------
    NotFound, BadInput
        No such refund; it is in a file, or undone before.
    """
    mine = EntryRefund.objects.filter(tenant_id=book.tenant_id, end_to_end_id=end_to_end_id)
    row = mine.select_related("entry").first()
    if row is None:
        return refunds.cancel(book, end_to_end_id, on)
    day = max(viewing_day(book, on), row.ordered_on)
    with transaction.atomic():
        Tenant.objects.select_for_update().get(id=book.tenant_id)
        row.refresh_from_db()
        if row.file_id is not None or not undo(book, row, refunds.CANCELLED, day):
            raise BadInput(
                f"{end_to_end_id} cannot be cancelled: it is in a file for the bank, or over.",
                "What the bank refused: mahnwerk refund status FILE.",
            )
    row.refresh_from_db()
    return view(row, row.entry.entry_no)


def undo(book: OpenBook, refund: EntryRefund, reason: str, on: dt.date) -> bool:
    """The money did not arrive: the entry is a question again; False if it was undone before."""
    with transaction.atomic():
        mine = EntryRefund.objects.filter(tenant_id=book.tenant_id, id=refund.id, undone_on__isnull=True)
        if not mine.update(undone_on=on, undone_reason=reason[:10]):
            return False
        BankEntry.objects.filter(
            tenant_id=book.tenant_id, id=refund.entry_id, reason=PAID_BACK, about_id=refund.id
        ).update(state=EntryState.SUSPENSE, reason="refund_back", about_id=None)
        note(book, "refund_undone", on=on, detail={"refund_id": refund.id, "reason": reason[:10]})
    return True


def transfer_of(book: OpenBook, refund: EntryRefund) -> BankEntry | None:
    """The entry of a statement that shows the transfer."""
    return BankEntry.objects.filter(
        tenant_id=book.tenant_id, reason=PAID_BACK, about_id=refund.id, amount_cents__lt=0
    ).first()


def view(row: EntryRefund, entry_no: int, *, is_known: bool = False) -> RefundView:
    """A refund of an entry for people: the account masked, the state in a word."""
    details = records.bank_details(row)
    return RefundView(
        case_reference="",
        end_to_end_id=row.end_to_end_id,
        reference="",
        amount_cents=row.amount_cents,
        currency=row.currency,
        ordered_on=row.ordered_on,
        state="undone" if row.undone_on else "in_file" if row.file_id else "ordered",
        message_id=row.file.message_id if row.file else "",
        iban=masked(details["iban"] if details else ""),
        undone_reason=row.undone_reason,
        is_known=is_known,
        warnings=[],
        entry=entry_no,
    )


def _planned(entry: EntryRow, account: Mapping[str, str], day: dt.date) -> RefundView:
    return RefundView(
        case_reference="",
        end_to_end_id="",
        reference="",
        amount_cents=entry.row.amount_cents,
        currency=entry.row.currency,
        ordered_on=day,
        state="planned",
        message_id="",
        iban=masked(account["iban"]),
        undone_reason="",
        is_known=False,
        warnings=[],
        entry=entry.row.entry_no,
    )


def of_book(book: OpenBook, *, creditor: str = "", limit: int = 200) -> list[RefundView]:
    """The last refunds of entries, newest first."""
    rows = EntryRefund.objects.filter(tenant_id=book.tenant_id).select_related("file", "entry")
    if creditor:
        rows = rows.filter(creditor__key=creditor)
    return [view(row, row.entry.entry_no) for row in rows.order_by("-ordered_on", "-id")[:limit]]
