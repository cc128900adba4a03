"""SEPA mandates: who may be collected from, with an IBAN that opens with the person's key only.

add(tenant_id, case, person_id, …) -> DebitMandate
bank_details(mandate) -> {"name", "iban"} | None        None = the person was erased
"""

from __future__ import annotations

import json
from datetime import date, datetime

from mahnwerk.records import crypto, ids
from mahnwerk.records.models import DebitMandate


def _aad(tenant_id: int, mandate_id: int) -> bytes:
    return f"debit mandate|{tenant_id}|{mandate_id}".encode()


def add(
    tenant_id: int,
    case_id: int,
    person_id: int,
    *,
    reference: str,
    creditor_identifier: str,
    signed_on: date,
    notice_days: int,
    name: str,
    iban: str,
    recorded_at: datetime,
) -> DebitMandate:
    """Keep a mandate; raises crypto.Erased if the person's key is gone."""
    key = crypto.person_keys(tenant_id, [person_id]).get(person_id)
    if key is None:
        raise crypto.Erased(f"person {person_id} was erased; nothing can be kept for them.")
    mandate_id = ids.new_id()
    plain = json.dumps({"name": name, "iban": iban}, ensure_ascii=False).encode()
    return DebitMandate.objects.create(
        id=mandate_id,
        tenant_id=tenant_id,
        case_id=case_id,
        person_id=person_id,
        reference=reference,
        creditor_identifier=creditor_identifier,
        signed_on=signed_on,
        notice_days=notice_days,
        payload=crypto.encrypt(key, plain, _aad(tenant_id, mandate_id)),
        recorded_at=recorded_at,
    )


def bank_details(mandate: DebitMandate) -> dict[str, str] | None:
    """Account holder and IBAN, in memory only; None once the person was erased."""
    tenant_id = mandate.tenant_id  # type: ignore[attr-defined]
    key = crypto.person_keys(tenant_id, [mandate.person_id]).get(mandate.person_id)
    if key is None:
        return None
    found: dict[str, str] = json.loads(crypto.decrypt(key, mandate.payload, _aad(tenant_id, mandate.id)))
    return found
