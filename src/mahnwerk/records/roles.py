"""The database role an installation works as on PostgreSQL: it may do what the programme does, and no more.

Run once by the owner of the tables, after each migration:

    from mahnwerk.records.roles import grant_app_role; grant_app_role()

then let the programme connect as a login role that is a member of `mahnwerk_app`, or set
MAHNWERK_DB_ROLE=mahnwerk_app. The role owns nothing, bypasses no row-level security, and cannot change or
delete what is append-only, even where a trigger were missing. Keys it may add and destroy, never change.
"""

from __future__ import annotations

from django.db import connections, transaction

from mahnwerk.records import guard_rules

APP_ROLE = "mahnwerk_app"
MAY_DELETE = ("blind_indexes", "message_items", "known_payers", "match_proposals")
MAY_UPDATE = (
    "tenants",
    "creditors",
    "mandates",
    "feeds",
    "persons",
    "cases",
    "messages",
    "message_items",
    "runs",
    "decisions",
    "case_participants",
    "imported_files",
    "provider_accounts",
    "pay_links",
    "payment_intents",
    "provider_payments",
    "provider_events",
    "provider_refunds",
    "bank_entries",
    "payers",
    "known_payers",
    "match_proposals",
    "debit_mandates",
    "refunds",
    "entry_refunds",
)


def statements(role: str = APP_ROLE) -> list[str]:
    """The SQL that gives the role its rights."""
    tables = ("tenants", *guard_rules.TENANT_TABLES)
    made = [f"REVOKE ALL ON {table} FROM {role}" for table in tables]
    for table in tables:
        rights = ["SELECT", "INSERT"]
        rights += ["UPDATE"] if table in MAY_UPDATE else []
        rights += ["DELETE"] if table in MAY_DELETE else []
        made.append(f"GRANT {', '.join(rights)} ON {table} TO {role}")
    return [*made, *_common(role)]


def key_statements(role: str = APP_ROLE) -> list[str]:
    """The SQL that gives the role its rights in a key store on PostgreSQL."""
    return [
        f"REVOKE ALL ON tenant_keys, person_keys FROM {role}",
        f"GRANT SELECT, INSERT ON tenant_keys TO {role}",
        f"GRANT SELECT, INSERT, DELETE ON person_keys TO {role}",
        *_common(role),
    ]


def _common(role: str) -> list[str]:
    return [f"GRANT SELECT ON django_migrations TO {role}", f"GRANT USAGE ON SCHEMA public TO {role}"]


def grant_app_role(role: str = APP_ROLE) -> None:
    """Create the role if need be, and give it exactly its rights, also in a key store on a server."""
    for alias, made in (("default", statements(role)), ("keys", key_statements(role))):
        if connections[alias].vendor != "postgresql":
            continue
        with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS")
            for statement in made:
                cursor.execute(statement)
