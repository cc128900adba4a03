"""Refunds by transfer: to whom, with an account that opens with the person's key only.

add(tenant_id, case_id, person_id, …) -> Refund
add_for_entry(tenant_id, entry, creditor_id, …) -> EntryRefund
bank_details(refund) -> {"name", "iban"} | None        None = the person was erased
details_of(refunds) -> {refund id: {"name", "iban"}}        of many at once; erased persons are left out
undone_facts(tenant_id, case_ids) -> {(case_id, fact_no)}        facts another fact undoes
last_account(tenant_id, case_id, cents) -> {"name", "iban"} | None        the last from which as much came
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import date, datetime

from mahnwerk.records import bank_read, crypto, ids
from mahnwerk.records.models import BankEntry, EntryRefund, EntryState, Fact, Refund


def _aad(tenant_id: int, refund_id: int) -> bytes:
    return f"refund|{tenant_id}|{refund_id}".encode()


def add(
    tenant_id: int,
    case_id: int,
    person_id: int,
    *,
    reference: str,
    end_to_end_id: str,
    amount_cents: int,
    currency: str,
    ordered_on: date,
    fact_no: int,
    name: str,
    iban: str,
    recorded_at: datetime,
) -> Refund:
    """Keep a refund; raises crypto.Erased if the person's key is gone."""
    key = crypto.person_keys(tenant_id, [person_id]).get(person_id)
    if key is None:
        raise crypto.Erased(f"person {person_id} was erased; nothing can be kept for them.")
    refund_id = ids.new_id()
    plain = json.dumps({"name": name, "iban": iban}, ensure_ascii=False).encode()
    return Refund.objects.create(
        id=refund_id,
        tenant_id=tenant_id,
        case_id=case_id,
        person_id=person_id,
        reference=reference,
        end_to_end_id=end_to_end_id,
        amount_cents=amount_cents,
        currency=currency,
        ordered_on=ordered_on,
        fact_no=fact_no,
        payload=crypto.encrypt(key, plain, _aad(tenant_id, refund_id)),
        recorded_at=recorded_at,
    )


def add_for_entry(
    tenant_id: int,
    entry: BankEntry,
    creditor_id: int,
    *,
    end_to_end_id: str,
    ordered_on: date,
    name: str,
    iban: str,
    recorded_at: datetime,
) -> EntryRefund:
    """Keep the refund of a bank entry; raises crypto.Erased if the payer's key is gone."""
    payer_id = int(entry.payer_id)
    key = crypto.person_keys(tenant_id, [payer_id]).get(payer_id)
    if key is None:
        raise crypto.Erased(f"payer {payer_id} was erased; nothing can be kept for them.")
    refund_id = ids.new_id()
    plain = json.dumps({"name": name, "iban": iban}, ensure_ascii=False).encode()
    return EntryRefund.objects.create(
        id=refund_id,
        tenant_id=tenant_id,
        creditor_id=creditor_id,
        entry_id=entry.id,
        person_id=payer_id,
        end_to_end_id=end_to_end_id,
        amount_cents=entry.amount_cents,
        currency=entry.currency,
        ordered_on=ordered_on,
        payload=crypto.encrypt(key, plain, _aad(tenant_id, refund_id)),
        recorded_at=recorded_at,
    )


def bank_details(refund: Refund | EntryRefund) -> dict[str, str] | None:
    """Account holder and IBAN, in memory only; None once the person was erased."""
    return details_of([refund]).get(refund.id)


def details_of(refunds: Sequence[Refund | EntryRefund]) -> dict[int, dict[str, str]]:
    """Account holder and IBAN by the refund's id, in memory only; all of one tenant."""
    if not refunds:
        return {}
    tenant_id: int = refunds[0].tenant_id  # type: ignore[union-attr]
    keys = crypto.person_keys(tenant_id, {one.person_id for one in refunds})
    return {
        one.id: json.loads(crypto.decrypt(keys[one.person_id], one.payload, _aad(tenant_id, one.id)))
        for one in refunds
        if one.person_id in keys
    }


def undone_facts(tenant_id: int, case_ids: Collection[int]) -> set[tuple[int, int]]:
    """The facts of these cases that another fact undoes."""
    undoing = Fact.objects.filter(
        tenant_id=tenant_id, case_id__in=list(case_ids), voids_fact_no__isnull=False
    )
    return set(undoing.values_list("case_id", "voids_fact_no"))


def last_account(tenant_id: int, case_id: int, cents: int) -> dict[str, str] | None:
    """Account holder and IBAN the last bank payment in force came from, if at least `cents` came from there.

    A payment that was taken back, or was booked on the wrong case, says nothing of whose the credit is. Nor
    does a small one of a large credit: anybody can send a cent with a case's number. What refunds sent back
    to an account counts no more.
    """
    undone = undone_facts(tenant_id, [case_id])
    paid = BankEntry.objects.filter(
        tenant_id=tenant_id, case_id=case_id, state=EntryState.BOOKED, amount_cents__gt=0
    )
    names: dict[str, str] = {}
    came: dict[str, int] = {}
    for number, fact_no in paid.order_by("-value_on", "-entry_no").values_list("entry_no", "fact_no"):
        if (case_id, fact_no) in undone:
            continue
        entry = bank_read.entries(tenant_id, entry_no=number)[0]
        if (iban := _plain(entry.texts["iban"])) and entry.texts["name"]:
            names.setdefault(iban, entry.texts["name"])
            came[iban] = came.get(iban, 0) + entry.row.amount_cents
    for row in Refund.objects.filter(tenant_id=tenant_id, case_id=case_id, undone_on__isnull=True):
        details = bank_details(row)
        if details is not None and _plain(details["iban"]) in came:
            came[_plain(details["iban"])] -= row.amount_cents
    fitting = (iban for iban, sum_cents in came.items() if sum_cents >= cents)
    chosen = next(fitting, None)
    return None if chosen is None else {"name": names[chosen], "iban": chosen}


def _plain(iban: str) -> str:
    return "".join(iban.split()).upper()
