"""What payment providers told and what they are asked with, encrypted; and the way from a public id to a row.

A public id of this room is `<tenant's number>-<random>`: a request from outside names no tenant, and no row
of a tenant can be read before its tenant is known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

import polars as pl
from django.db import connection

from mahnwerk.records import bulk, crypto, ids, tenancy
from mahnwerk.records.models import CaseParticipant, ProviderAccount, ProviderEvent, Tenant

PUBLIC_ID: Final = re.compile(r"([0-9]{1,9})-([A-Za-z0-9_-]{16})")


def new_public_id(tenant_id: int) -> str:
    """A new public id of this tenant."""
    number = Tenant.objects.values_list("number", flat=True).get(id=tenant_id)
    return f"{number}-{ids.new_public_id()}"


def tenant_of(public_id: str) -> int | None:
    """The tenant whose number a public id bears, or None."""
    found = PUBLIC_ID.fullmatch(public_id)
    if found is None:
        return None
    return Tenant.objects.filter(number=int(found[1])).values_list("id", flat=True).first()


def _secrets_aad(tenant_id: int, account_id: int) -> bytes:
    return f"provider secrets|{tenant_id}|{account_id}".encode()


def seal_secrets(tenant_id: int, account_id: int, secrets: Mapping[str, tuple[str, ...]]) -> bytes:
    """The secrets of an account, encrypted with the tenant's key and bound to the account."""
    plain = json.dumps({name: list(values) for name, values in secrets.items()}, sort_keys=True).encode()
    return crypto.encrypt(
        crypto.tenant_key(tenant_id, "provider secrets"), plain, _secrets_aad(tenant_id, account_id)
    )


def open_secrets(account: ProviderAccount) -> dict[str, tuple[str, ...]]:
    """The secrets of an account."""
    key = crypto.tenant_key(account.tenant_id, "provider secrets")
    plain = crypto.decrypt(key, account.secrets, _secrets_aad(account.tenant_id, account.id))
    return {name: tuple(values) for name, values in json.loads(plain).items()}


def balances(tenant_id: int) -> pl.DataFrame:
    """about_id, creditor_id, kind, gross_cents, fee_cents, currency, moved_on of every change of a balance;
    `is_ours`: a payment of our cases, whose money is posted with its facts."""
    tenancy.set_tenant(tenant_id)
    ours = (
        "EXISTS (SELECT 1 FROM provider_payments p WHERE p.tenant_id = b.tenant_id "
        "AND p.account_id = b.account_id AND p.payment_id = b.payment_id)"
    )
    return bulk.read_frame(
        connection,
        {
            "about_id": ("b.id", pl.Int64),
            "creditor_id": ("a.creditor_id", pl.Int64),
            "kind": ("b.kind", pl.String),
            "gross_cents": ("b.gross_cents", pl.Int64),
            "fee_cents": ("b.fee_cents", pl.Int64),
            "currency": ("b.currency", pl.String),
            "moved_on": ("b.moved_on", pl.Date),
            "is_ours": (f"CASE WHEN {ours} THEN 1 ELSE 0 END", pl.Boolean),
        },
        "provider_balances b JOIN provider_accounts a ON a.tenant_id = b.tenant_id AND a.id = b.account_id "
        "WHERE b.tenant_id = %s",
        [tenant_id],
        key="b.id",
    )


def _body_aad(event: ProviderEvent) -> bytes:
    return f"provider event|{event.tenant_id}|{event.id}".encode()


def _body_key(tenant_id: int, person_id: int | None) -> bytes | None:
    if person_id is None:
        return crypto.tenant_key(tenant_id, "file")
    key = crypto.person_keys(tenant_id, [person_id]).get(person_id)
    return None if key is None else crypto.derive(key, "provider event")


def seal_body(event: ProviderEvent, plain: bytes, case_id: int | None) -> None:
    """Put the raw body into the row, encrypted: with the debtor's key once the case is known.

    So erasing the debtor erases it as well. A body whose debtor is erased is not kept.
    """
    person_id = None
    if case_id is not None:
        debtor = CaseParticipant.objects.filter(
            tenant_id=event.tenant_id, case_id=case_id, part=CaseParticipant.Part.DEBTOR
        )
        person_id = debtor.values_list("person_id", flat=True).first()
    key = _body_key(event.tenant_id, person_id)
    event.body = None if key is None else crypto.encrypt(key, plain, _body_aad(event))
    event.body_person_id = person_id


def open_body(event: ProviderEvent) -> bytes | None:
    """The raw body as it came, or None where none is kept or its debtor was erased."""
    key = _body_key(event.tenant_id, event.body_person_id)
    if event.body is None or key is None:
        return None
    return crypto.decrypt(key, event.body, _body_aad(event))
