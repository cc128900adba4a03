"""What no model can say, said to the database: composite foreign keys, append-only tables, tenants' walls.

`install` is called by the migration that follows each change of the tables; tests hold the database against
the lists of `guard_rules`, so a later migration that loses a guard (SQLite rebuilds tables) does not pass.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from django.db import transaction

from mahnwerk.records.guard_rules import (
    FOREIGN_KEYS,
    NO_TRUNCATE,
    TENANT_TABLES,
    TRIGGERS,
    Trigger,
)


def _sqlite_trigger(trigger: Trigger) -> str:
    when = f"WHEN {trigger.when.format(ne='IS NOT')}" if trigger.when else ""
    return (
        f"CREATE TRIGGER {trigger.name} BEFORE {trigger.event} ON {trigger.table} {when} "
        f"BEGIN SELECT RAISE(ABORT, '{trigger.message.replace(chr(39), chr(39) * 2)}'); END"
    )


def _postgres_trigger(trigger: Trigger) -> list[str]:
    message = trigger.message.replace("'", "''")
    head = f"CREATE TRIGGER {trigger.name} BEFORE {trigger.event} ON {trigger.table} FOR EACH ROW"
    if trigger.is_query:
        returns = "OLD" if trigger.event == "DELETE" else "NEW"
        return [
            f"CREATE OR REPLACE FUNCTION {trigger.name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF {trigger.when} THEN RAISE EXCEPTION '{message}' USING ERRCODE = 'restrict_violation'; "
            f"END IF; RETURN {returns}; END $$",
            f"{head} EXECUTE FUNCTION {trigger.name}()",
        ]
    when = f"WHEN ({trigger.when.format(ne='IS DISTINCT FROM')})" if trigger.when else ""
    return [f"{head} {when} EXECUTE FUNCTION mahnwerk_refuse('{message}')"]


_REFUSE = (
    "CREATE OR REPLACE FUNCTION mahnwerk_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation'; END $$"
)


def trigger_sql(vendor: str, tables: Collection[str] | None = None) -> list[str]:
    """Statements that create all triggers, or those of some tables."""
    wanted = [one for one in TRIGGERS if tables is None or (one.table in tables and not one.is_later)]
    if vendor == "sqlite":
        return [_sqlite_trigger(trigger) for trigger in wanted]
    statements = [_REFUSE]
    for trigger in wanted:
        statements += _postgres_trigger(trigger)
    for table in NO_TRUNCATE:
        if tables is not None and table not in tables:
            continue
        statements.append(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
            f"EXECUTE FUNCTION mahnwerk_refuse('{table}: rows are kept')"
        )
    return statements


def drop_trigger_sql(vendor: str) -> list[str]:
    """Statements that remove all triggers; for migrations and for tests that empty the tables."""
    if vendor == "sqlite":
        return [f"DROP TRIGGER IF EXISTS {trigger.name}" for trigger in TRIGGERS]
    names = [(trigger.name, trigger.table) for trigger in TRIGGERS]
    names += [(f"{table}_no_truncate", table) for table in NO_TRUNCATE]
    return [f"DROP TRIGGER IF EXISTS {name} ON {table}" for name, table in names]


def _clauses(table: str) -> list[tuple[str, str]]:
    found = []
    for source, columns, target, target_columns in FOREIGN_KEYS:
        if source == table:
            name = f"{table}_{columns[-1].removesuffix('_id')}_fk"
            clause = (
                f"FOREIGN KEY ({', '.join(columns)}) REFERENCES {target} ({', '.join(target_columns)}) "
                "DEFERRABLE INITIALLY DEFERRED"
            )
            found.append((name, clause))
    return found


def _rebuild_sqlite(cursor: Any, table: str) -> None:
    """Create the (empty) table again with its foreign keys: SQLite cannot add one later."""
    cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {table})")  # noqa: S608 – names from the list above
    if cursor.fetchone()[0]:
        raise RuntimeError(f"{table} holds rows: its foreign keys can only be built into an empty table.")
    cursor.execute(
        "SELECT type, sql FROM sqlite_master WHERE tbl_name = %s AND sql IS NOT NULL ORDER BY type DESC",
        [table],
    )
    statements = cursor.fetchall()
    create = next(sql for kind, sql in statements if kind == "table")
    extra = "".join(f", CONSTRAINT {name} {clause}" for name, clause in _clauses(table))
    cursor.execute(f"DROP TABLE {table}")
    cursor.execute(create[: create.rindex(")")] + extra + ")")
    for kind, sql in statements:
        if kind == "index":
            cursor.execute(sql)


def foreign_key_sql() -> list[str]:
    """PostgreSQL: statements that add all composite foreign keys; existing rows are checked."""
    return [
        f"ALTER TABLE {table} ADD CONSTRAINT {name} {clause}"
        for table in TENANT_TABLES
        for name, clause in _clauses(table)
    ]


def drop_foreign_key_sql() -> list[str]:
    """PostgreSQL: statements that remove them, for loading a large book into empty tables."""
    return [
        f"ALTER TABLE {table} DROP CONSTRAINT {name}"
        for table in TENANT_TABLES
        for name, _ in _clauses(table)
    ]


def policy_sql(tables: Collection[str] = TENANT_TABLES) -> list[str]:
    """Row-level security: a connection sees and writes the rows of the tenant it named, no others."""
    statements = []
    mine = "tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::bigint)"
    for table in tables:
        statements += [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant_only ON {table} USING ({mine}) WITH CHECK ({mine})",
        ]
    return statements


def install(apps: Any, schema_editor: Any) -> None:
    """Put the guards of the first tables into a database whose tables are empty."""
    connection = schema_editor.connection
    present = set(connection.introspection.table_names())
    _install(connection, [table for table in TENANT_TABLES if table in present])


def installer(*tables: str) -> Callable[[Any, Any], None]:
    """The same for tables that a later migration makes: `RunPython(guards.installer("postings", …), …)`."""

    def install_some(apps: Any, schema_editor: Any) -> None:
        _install(schema_editor.connection, tables)

    return install_some


def later_installer(*names: str) -> Callable[[Any, Any], None]:
    """Single triggers, for columns that a later migration adds to a table with guards."""

    def install_some(apps: Any, schema_editor: Any) -> None:
        vendor = schema_editor.connection.vendor
        with schema_editor.connection.cursor() as cursor:
            for trigger in TRIGGERS:
                if trigger.name in names:
                    make = [_sqlite_trigger(trigger)] if vendor == "sqlite" else _postgres_trigger(trigger)
                    for statement in make:
                        cursor.execute(statement)

    return install_some


def _install(connection: Any, tables: Collection[str]) -> None:
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for table in tables:
                _rebuild_sqlite(cursor, table)
        else:
            for table in tables:
                for name, clause in _clauses(table):
                    cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {clause}")
            for statement in policy_sql(tables):
                cursor.execute(statement)
        for statement in trigger_sql(connection.vendor, tables):
            cursor.execute(statement)
