"""Tenants do not see each other: by key on both databases, by row-level security on PostgreSQL."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from tests.records import worlds
from tests.records.worlds import NOW, TODAY, claim_row

from mahnwerk.records import facts, load, roles, tenancy
from mahnwerk.records.book import ensure_tenant
from mahnwerk.records.guard_rules import TENANT_TABLES
from mahnwerk.records.models import Case, Claim, Creditor, Feed

postgres = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="row-level security is PostgreSQL's"
)
pytestmark = pytest.mark.django_db


@pytest.fixture
def two(tenant_id: int) -> tuple[int, int]:
    """Two tenants with the same creditor key, debtor and invoice."""
    worlds.creditor(tenant_id)
    worlds.import_rows(tenant_id, claim_row(2))
    other = ensure_tenant("Other operator")
    worlds.creditor(other)
    worlds.import_rows(other, claim_row(2))
    return tenant_id, other


def test_each_loads_its_own_rows(two: tuple[int, int]) -> None:
    one, other = (load.book(tenant) for tenant in two)
    assert one.cases["tenant_id"].to_list() == [two[0]]
    assert one.cases["case_id"][0] != other.cases["case_id"][0]
    assert one.cases["case_reference"].to_list() == other.cases["case_reference"].to_list() == ["M-000001"]
    row = {"case_id": one.cases["case_id"][0], "kind": 400, "effective_on": TODAY}
    with pytest.raises(facts.FactRefused, match="no case with id"):
        facts.append(two[1], [row], recorded_at=NOW)
    with pytest.raises(LookupError):
        load.case_id(two[0], "RF00")


def test_rf_references_differ_between_tenants(two: tuple[int, int]) -> None:
    found = []
    for tenant in two:
        tenancy.set_tenant(tenant)
        found += Case.objects.filter(tenant_id=tenant).values_list("rf_reference", flat=True)
    assert len(set(found)) == 2


def test_a_row_of_one_tenant_cannot_point_to_anothers(as_owner: None, two: tuple[int, int]) -> None:
    one, other = two
    tenancy.set_tenant(other)
    foreign = Creditor.objects.get(tenant_id=other).id
    tenancy.set_tenant(one)
    Feed.objects.create(tenant_id=one, creditor_id=foreign, name="x", checked_on=TODAY, max_age_days=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        connection.check_constraints()
    Feed.objects.all().delete()  # the transaction could not end with it


@postgres
def test_the_database_shows_only_the_named_tenant(two: tuple[int, int]) -> None:
    one, other = two
    tenancy.set_tenant(one)
    assert set(Claim.objects.values_list("tenant_id", flat=True)) == {one}
    with tenancy.tenant(other):
        assert set(Claim.objects.values_list("tenant_id", flat=True)) == {other}
    assert tenancy.current_tenant() == one
    tenancy.set_tenant(None)
    with connection.cursor() as cursor:
        for table in TENANT_TABLES:
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone()[0] == 0, table
    tenancy.set_tenant(one)
    assert Claim.objects.filter(tenant_id=other).count() == 0
    with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
        Creditor.objects.create(tenant_id=other, key="x", name="x")


FORBIDDEN = (
    "UPDATE facts SET kind = 1",
    "DELETE FROM claims",
    "TRUNCATE audit_entries",
    "DROP TABLE facts",
    "ALTER TABLE facts DISABLE ROW LEVEL SECURITY",
)


@postgres
def test_the_app_role_has_no_more_than_it_needs(as_owner: None, two: tuple[int, int]) -> None:
    roles.grant_app_role()
    tenancy.set_tenant(two[0])
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT {roles.APP_ROLE} TO CURRENT_USER")
        cursor.execute(f"SET ROLE {roles.APP_ROLE}")
        cursor.execute("SELECT count(*) FROM facts")
        assert cursor.fetchone()[0] == 1
        for statement in FORBIDDEN:
            with pytest.raises(DatabaseError, match=r"permission denied|must be owner"), transaction.atomic():
                cursor.execute(statement)
        worlds.import_rows(two[0], claim_row(3))
        case_id = load.book(two[0]).cases["case_id"][0]
        facts.append(two[0], [{"case_id": case_id, "kind": 400, "effective_on": TODAY}], recorded_at=NOW)
        cursor.execute("RESET ROLE")
