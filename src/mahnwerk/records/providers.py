"""What payment providers told and what they are asked with, encrypted; and the way from a public id to a row.

A public id of this room is `<tenant's number>-<random>`: a request from outside names no tenant, and no row
of a tenant can be read before its tenant is known.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl
from django.db import connection

from mahnwerk.records import bulk, crypto, ids, tenancy
from mahnwerk.records.models import CaseParticipant, PayLink, ProviderAccount, ProviderEvent, Tenant

PUBLIC_ID: Final = re.compile(r"([0-9]{1,9})-([A-Za-z0-9_-]{16})")
LINK_SIGNS: Final = "23456789abcdefghjkmnpqrstuvwxyz"
"""What a link's name is made of: it is typed from paper, so no two signs look alike."""
LINK_LENGTH: Final = 16


@dataclass(frozen=True)
class Wish:
    """What a pay link is for; the same wish is answered by the same link."""

    account_id: int
    case_id: int
    currency: str
    claim_id: int | None = None
    amount_cents: int | None = None
    plan_id: int | None = None


def new_public_id(tenant_id: int) -> str:
    """A new public id of this tenant."""
    return f"{_number(tenant_id)}-{ids.new_public_id()}"


def _number(tenant_id: int) -> int:
    return int(Tenant.objects.values_list("number", flat=True).get(id=tenant_id))


def links(tenant_id: int, wishes: Sequence[Wish], *, made_at: datetime) -> list[PayLink]:
    """The link that answers each wish, in their order: one that can still be used, or a new one.

    The name of a new link is an HMAC over its wish: whoever asks first or again, before or after a crash,
    gets the same name, and the row's unique key lets it be kept once. It cannot be guessed without the
    tenant's key (79 bits). A link of no fixed sum is used again even after it was paid on.

    Returns
    -------
    `PayLink` objects; new ones (`_state.adding`) are written by `keep_links`.
    """
    usable: dict[Wish, PayLink] = {}
    spent: Counter[Wish] = Counter()
    states = PayLink.State
    known = PayLink.objects.filter(tenant_id=tenant_id, case_id__in={wish.case_id for wish in wishes})
    for row in known.order_by("id"):
        wish = Wish(row.account_id, row.case_id, row.currency, row.claim_id, row.amount_cents, row.plan_id)
        if row.state == states.OPEN or (row.state == states.PAID and row.amount_cents is None):
            usable.setdefault(wish, row)
        else:
            spent[wish] += 1
    new = [wish for wish in dict.fromkeys(wishes) if wish not in usable]
    if new:
        number = _number(tenant_id)
        names = _link_names(tenant_id, [(wish, spent[wish]) for wish in new])
        usable |= {
            wish: PayLink(
                tenant_id=tenant_id,
                public_id=f"{number}-{name}",
                account_id=wish.account_id,
                case_id=wish.case_id,
                claim_id=wish.claim_id,
                amount_cents=wish.amount_cents,
                plan_id=wish.plan_id,
                currency=wish.currency,
                made_at=made_at,
            )
            for wish, name in zip(new, names, strict=True)
        }
    return [usable[wish] for wish in wishes]


def _link_names(tenant_id: int, wanted: Iterable[tuple[Wish, int]]) -> list[str]:
    """A name for each wish and number of its links that are used up."""
    texts = [
        f"{wish.account_id}|{wish.case_id}|{wish.claim_id}|{wish.amount_cents}|{wish.currency}|{number}"
        + (f"|plan {wish.plan_id}" if wish.plan_id else "")
        for wish, number in wanted
    ]
    names = []
    for mark in crypto.keyed_hashes(tenant_id, "pay link", texts):
        value, signs = int.from_bytes(mark, "big"), []
        for _ in range(LINK_LENGTH):
            value, place = divmod(value, len(LINK_SIGNS))
            signs.append(LINK_SIGNS[place])
        names.append("".join(signs))
    return names


def keep_links(new: Iterable[PayLink]) -> None:
    """Write new links with one statement; one that another process wrote meanwhile stays as it is."""
    PayLink.objects.bulk_create(new, ignore_conflicts=True)


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
