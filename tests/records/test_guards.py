"""The database itself refuses what must not happen."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from tests.records import worlds
from tests.records.worlds import NOW, claim_row

from mahnwerk.records import guard_rules, persons, start_check, tenancy

BY_ITSELF = {"tenants", "tenant_keys", "person_keys"}
"""Tables without a tenant's wall: the list of tenants, and the key store, which is another database."""


def test_guards_are_in_the_database(db: None) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            assert {name for (name,) in cursor.fetchall()} == {t.name for t in guard_rules.TRIGGERS}
            for table in guard_rules.TENANT_TABLES:
                cursor.execute(f"SELECT count(DISTINCT id) FROM pragma_foreign_key_list('{table}')")
                expected = len([1 for source, *_ in guard_rules.FOREIGN_KEYS if source == table])
                assert cursor.fetchone()[0] == expected, table
        else:
            cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
            names = {name for (name,) in cursor.fetchall()}
            assert names == {t.name for t in guard_rules.TRIGGERS} | {
                f"{t}_no_truncate" for t in guard_rules.NO_TRUNCATE
            }
            cursor.execute("SELECT count(*) FROM pg_constraint WHERE contype = 'f'")
            assert cursor.fetchone()[0] == len(guard_rules.FOREIGN_KEYS)
            cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
            assert {name for (name,) in cursor.fetchall()} == set(guard_rules.TENANT_TABLES)


def test_both_databases_keep_what_they_commit(db: None) -> None:
    start_check.check_durability()


def tenant_tables() -> set[str]:
    """Every table whose model has a tenant, found by looking, not by a list."""
    return {
        model._meta.db_table
        for model in apps.get_app_config("records").get_models()
        if model._meta.db_table not in BY_ITSELF
    }


def test_every_table_with_a_tenant_is_walled_and_points_within_its_tenant() -> None:
    models = {model._meta.db_table: model for model in apps.get_app_config("records").get_models()}
    assert tenant_tables() == set(guard_rules.TENANT_TABLES)
    guarded = {
        (table, column)
        for table, columns, *_ in guard_rules.FOREIGN_KEYS
        if len(columns) > 1
        for column in columns
    }
    for table in tenant_tables():
        links = [field.column for field in models[table]._meta.get_fields() if field.many_to_one]
        assert "tenant_id" in links, table
        for column in links:
            if column != "tenant_id":
                assert (table, column) in guarded, f"{table}.{column} may cross tenants"


def test_the_database_has_a_policy_for_every_table_with_a_tenant_column(db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("row-level security is PostgreSQL's")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity, p.polqual IS NOT NULL "
            "AND p.polwithcheck IS NOT NULL AND p.polcmd = '*' FROM pg_attribute a "
            "JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' "
            "LEFT JOIN pg_policy p ON p.polrelid = c.oid WHERE a.attname = 'tenant_id'"
        )
        found = {name: bool(forced and policy) for name, forced, policy in cursor.fetchall()}
    assert {name for name, walled in found.items() if not walled} <= BY_ITSELF
    assert tenant_tables() <= set(found)


def test_append_only_tables_refuse_what_changes_them(as_owner: None, tenant_id: int) -> None:
    """Rows by force of the triggers alone: no foreign key, no role is asked."""
    worlds.creditor(tenant_id)
    worlds.import_rows(tenant_id, claim_row(2))
    tenancy.set_tenant(tenant_id)
    with connection.cursor() as cursor:
        for table in guard_rules.APPEND_ONLY:
            cursor.execute(f"SELECT count(*) FROM {table}")
            if cursor.fetchone()[0] == 0:
                continue  # a row trigger needs a row; that the trigger is there says the test above
            for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}"):
                with pytest.raises(DatabaseError, match=r"never changed|stays|kept"), transaction.atomic():
                    cursor.execute(statement)
        cursor.execute("SELECT count(*) FROM claims")
        assert cursor.fetchone()[0] == 1


def test_an_erased_person_cannot_be_written_back(tenant_id: int) -> None:
    persons.write(tenant_id, [7], [{"last_name": "Abel"}], recorded_at=NOW)
    persons.erase(tenant_id, 7)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic(), connection.cursor() as c:
        c.execute("UPDATE persons SET state = 'live' WHERE person_id = 7")
