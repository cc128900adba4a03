"""An entry whose fact a person declared void is a question again, and can be answered anew, once."""

from __future__ import annotations

from django.db import transaction

from mahnwerk.frames import FactKind
from mahnwerk.records import bank_ledger as bank_records
from mahnwerk.records import facts
from mahnwerk.records.bank_read import EntryRow
from mahnwerk.records.models import BankEntry, Case, EntryState, KnownPayer
from mahnwerk.usecases import bank_returns, clock
from mahnwerk.usecases.bank_booking import source_key
from mahnwerk.usecases.opening import OpenBook

REASON = "declared_void"


def is_open_again(book: OpenBook, entry: EntryRow) -> bool:
    """Whether an entry is booked, but the fact it became was declared void."""
    return entry.row.state == EntryState.BOOKED and bool(
        bank_records.declared_void(book.tenant_id, entry.row.id)
    )


def reopen(book: OpenBook, entry: EntryRow) -> bool:
    """Take an entry off the fact that was declared void; call it in the transaction of the new answer.

    The void is sealed by a second one, so that taking back the first does not make two payments of one. A
    discount recorded with the payment goes, and the payer is no longer remembered for that case.

    Returns
    -------
    False, and nothing happens, if it was answered anew by somebody else, or the void was taken back.
    """
    row, tenant_id = entry.row, book.tenant_id
    old_case, old_no = row.case_id, row.fact_no
    with transaction.atomic():
        locked = BankEntry.objects.select_for_update().get(tenant_id=tenant_id, id=row.id)
        if (locked.case_id, locked.fact_no) != (old_case, old_no):
            return False
        Case.objects.select_for_update().get(tenant_id=tenant_id, id=old_case)
        if not is_open_again(book, entry):
            return False
        seal = {
            "case_id": old_case,
            "kind": FactKind.VOIDED,
            "effective_on": row.value_on,
            "voids_fact_no": old_no,
            "code": "placed_anew",
            "source_key": source_key(row, f"placed_anew|{old_case}|{old_no}"),
        }
        paid = bank_returns.Original(old_case, old_no, row.amount_cents, row.currency)
        lost = bank_returns.discounts_lost(book, row, paid) if row.amount_cents > 0 else []
        facts.append(tenant_id, [seal, *lost], recorded_at=clock.now())
        BankEntry.objects.filter(tenant_id=tenant_id, id=row.id).update(
            state=EntryState.SUSPENSE, reason=REASON, case_id=None, fact_no=None
        )
        others = BankEntry.objects.filter(
            tenant_id=tenant_id, payer_id=row.payer_id, case_id=old_case, state=EntryState.BOOKED
        )
        if not others.exists():
            KnownPayer.objects.filter(tenant_id=tenant_id, payer_id=row.payer_id, case_id=old_case).delete()
    row.refresh_from_db()
    return True
