"""SEPA mandates: who may be collected from, with an IBAN that opens with the person's key only.

add(tenant_id, case, person_id, …) -> DebitMandate
add_many(tenant_id, rows, …) -> how many
ibans(tenant_id, mandates) -> {mandate id: IBAN}
details(tenant_id, mandates) -> {mandate id: {"name", "iban"}}
bank_details(mandate) -> {"name", "iban"} | None        None = the person was erased
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

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


def add_many(tenant_id: int, rows: Sequence[Mapping[str, Any]], *, recorded_at: datetime) -> int:
    """Keep many mandates with one read of the keys and one write; how many.

    Parameters
    ----------
    rows : as the arguments of `add`, with case_id, person_id and sequence; all persons have their keys
    """
    keys = crypto.person_keys(tenant_id, sorted({row["person_id"] for row in rows}))
    made = []
    for row in rows:
        mandate_id = ids.new_id()
        plain = json.dumps({"name": row["name"], "iban": row["iban"]}, ensure_ascii=False).encode()
        made.append(
            DebitMandate(
                id=mandate_id,
                tenant_id=tenant_id,
                case_id=row["case_id"],
                person_id=row["person_id"],
                reference=row["reference"],
                creditor_identifier=row["creditor_identifier"],
                signed_on=row["signed_on"],
                notice_days=row["notice_days"],
                sequence=row["sequence"],
                payload=crypto.encrypt(keys[row["person_id"]], plain, _aad(tenant_id, mandate_id)),
                recorded_at=recorded_at,
            )
        )
    DebitMandate.objects.bulk_create(made, batch_size=500)
    return len(made)


def ibans(tenant_id: int, mandates: Sequence[DebitMandate]) -> dict[int, str]:
    """mandate id → IBAN, with one read of the keys; those of erased persons are missing."""
    return {mandate_id: kept["iban"] for mandate_id, kept in details(tenant_id, mandates).items()}


def details(tenant_id: int, mandates: Sequence[DebitMandate]) -> dict[int, dict[str, str]]:
    """mandate id → account holder and IBAN, as `bank_details`, with one read of the keys.

    Those of erased persons are missing.
    """
    keys = crypto.person_keys(tenant_id, sorted({one.person_id for one in mandates}))
    found: dict[int, dict[str, str]] = {}
    for one in mandates:
        if one.person_id in keys:
            plain = crypto.decrypt(keys[one.person_id], one.payload, _aad(tenant_id, one.id))
            found[one.id] = json.loads(plain)
    return found


def bank_details(mandate: DebitMandate) -> dict[str, str] | None:
    """Account holder and IBAN, in memory only; None once the person was erased."""
    return details(mandate.tenant_id, [mandate]).get(mandate.id)  # type: ignore[attr-defined]
