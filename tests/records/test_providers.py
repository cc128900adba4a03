"""Rows of payment providers: found by public id, bound to their place, gone with the debtor."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, transaction
from tests.records import worlds
from tests.records.worlds import NOW, claim_row

from mahnwerk.records import crypto, ids, providers
from mahnwerk.records.book import ensure_tenant
from mahnwerk.records.models import Case, CaseParticipant, PersonKey, ProviderAccount, ProviderEvent

SECRETS = {"api_key": ("sk_test_1",), "webhook_secrets": ("a", "b")}


@pytest.fixture
def account(tenant_id: int) -> ProviderAccount:
    creditor_id = worlds.creditor(tenant_id)
    worlds.import_rows(tenant_id, claim_row(1))
    account_id = ids.new_id()
    return ProviderAccount.objects.create(
        id=account_id,
        tenant_id=tenant_id,
        public_id=providers.new_public_id(tenant_id),
        creditor_id=creditor_id,
        key="s-1",
        provider="stripe",
        secrets=providers.seal_secrets(tenant_id, account_id, SECRETS),
        added_at=NOW,
    )


def event(account: ProviderAccount, **given: Any) -> ProviderEvent:
    row = {"event_id": "evt_1", "kind": "charge.succeeded", "state": "waiting", "came_by": "webhook"}
    return ProviderEvent(
        tenant_id=account.tenant_id, account_id=account.id, received_at=NOW, **{**row, **given}
    )


def test_a_public_id_names_its_tenant(tenant_id: int) -> None:
    other = ensure_tenant("Other operator")
    assert providers.tenant_of(providers.new_public_id(other)) == other
    assert providers.tenant_of(providers.new_public_id(tenant_id)) == tenant_id
    for text in ("", "1", "1-", "99-" + "A" * 16, "1-" + "A" * 17, "１-" + "A" * 16, "1-AAAA/AAAAAAAAAAA"):
        assert providers.tenant_of(text) is None


def test_secrets_open_in_their_own_row_only(account: ProviderAccount) -> None:
    assert providers.open_secrets(account) == SECRETS
    account.id = ids.new_id()
    with pytest.raises(crypto.KeyMissing):
        providers.open_secrets(account)


def test_a_body_is_gone_with_its_debtor(account: ProviderAccount) -> None:
    row = event(account)
    providers.seal_body(row, b"raw", None)
    assert (providers.open_body(row), row.body_person_id) == (b"raw", None)
    case_id = Case.objects.get().id
    providers.seal_body(row, b"raw", case_id)
    assert row.body_person_id == CaseParticipant.objects.get(case_id=case_id).person_id
    assert providers.open_body(row) == b"raw" and b"raw" not in bytes(row.body or b"")
    row.save(force_insert=True)
    PersonKey.objects.filter(id=row.body_person_id).delete()
    assert providers.open_body(ProviderEvent.objects.get()) is None


def test_what_a_provider_told_stays(as_owner: None, account: ProviderAccount) -> None:
    event(account).save(force_insert=True)
    rows = ProviderEvent.objects.all()
    rows.update(state="applied", because="")
    for change in ({"event_id": "evt_2"}, {"kind": "x"}, {"came_by": "listing"}):
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            rows.update(**change)
    with pytest.raises(DatabaseError, match="kept"), transaction.atomic():
        rows.delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        event(account).save(force_insert=True)
