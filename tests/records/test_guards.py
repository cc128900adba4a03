"""The database itself refuses what must not happen."""

from __future__ import annotations

from django.db import connection

from mahnwerk.records import guards, start_check


def test_guards_are_in_the_database(db: None) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            assert {name for (name,) in cursor.fetchall()} == {t.name for t in guards.TRIGGERS}
            for table in guards.TENANT_TABLES:
                cursor.execute(f"SELECT count(DISTINCT id) FROM pragma_foreign_key_list('{table}')")
                expected = len([1 for source, *_ in guards.FOREIGN_KEYS if source == table])
                assert cursor.fetchone()[0] == expected, table
        else:
            cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
            names = {name for (name,) in cursor.fetchall()}
            assert names == {t.name for t in guards.TRIGGERS} | {
                f"{t}_no_truncate" for t in guards.NO_TRUNCATE
            }
            cursor.execute("SELECT count(*) FROM pg_constraint WHERE contype = 'f'")
            assert cursor.fetchone()[0] == len(guards.FOREIGN_KEYS)
            cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
            assert {name for (name,) in cursor.fetchall()} == set(guards.TENANT_TABLES)


def test_both_databases_keep_what_they_commit(db: None) -> None:
    start_check.check_durability()
