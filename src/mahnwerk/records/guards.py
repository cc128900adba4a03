"""What no model can say, said to the database: composite foreign keys, append-only tables, tenants' walls.

`install` is called by the migration that follows each change of the tables; tests hold the database against
the lists below, so a later migration that loses a guard (SQLite rebuilds tables) does not pass.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from django.db import transaction

FOREIGN_KEYS: tuple[tuple[str, tuple[str, ...], str, tuple[str, ...]], ...] = (
    ("creditors", ("tenant_id",), "tenants", ("id",)),
    ("persons", ("tenant_id",), "tenants", ("id",)),
    ("blind_indexes", ("tenant_id",), "tenants", ("id",)),
    ("runs", ("tenant_id",), "tenants", ("id",)),
    ("imported_files", ("tenant_id",), "tenants", ("id",)),
    ("audit_entries", ("tenant_id",), "tenants", ("id",)),
    ("mandates", ("tenant_id", "creditor_id"), "creditors", ("tenant_id", "id")),
    ("feeds", ("tenant_id", "creditor_id"), "creditors", ("tenant_id", "id")),
    ("cases", ("tenant_id", "creditor_id"), "creditors", ("tenant_id", "id")),
    ("case_participants", ("tenant_id", "case_id"), "cases", ("tenant_id", "id")),
    ("case_aliases", ("tenant_id", "case_id"), "cases", ("tenant_id", "id")),
    ("claims", ("tenant_id", "case_id"), "cases", ("tenant_id", "id")),
    ("claims", ("tenant_id", "creditor_id"), "creditors", ("tenant_id", "id")),
    ("facts", ("tenant_id", "case_id"), "cases", ("tenant_id", "id")),
    ("facts", ("tenant_id", "claim_id"), "claims", ("tenant_id", "id")),
    ("facts", ("tenant_id", "message_id"), "messages", ("tenant_id", "id")),
    ("facts", ("tenant_id", "case_id", "voids_fact_no"), "facts", ("tenant_id", "case_id", "fact_no")),
    ("designations", ("tenant_id", "claim_id"), "claims", ("tenant_id", "id")),
    ("designations", ("tenant_id", "case_id", "fact_no"), "facts", ("tenant_id", "case_id", "fact_no")),
    ("messages", ("tenant_id", "case_id"), "cases", ("tenant_id", "id")),
    ("messages", ("tenant_id", "run_id"), "runs", ("tenant_id", "id")),
    ("message_items", ("tenant_id", "message_id"), "messages", ("tenant_id", "id")),
    ("message_items", ("tenant_id", "case_id"), "cases", ("tenant_id", "id")),
    ("message_items", ("tenant_id", "claim_id"), "claims", ("tenant_id", "id")),
    ("permits", ("tenant_id", "message_id"), "messages", ("tenant_id", "id")),
    ("run_chunks", ("tenant_id", "run_id"), "runs", ("tenant_id", "id")),
    ("decisions", ("tenant_id", "case_id"), "cases", ("tenant_id", "id")),
    ("decisions", ("tenant_id", "run_id"), "runs", ("tenant_id", "id")),
    ("plan_offers", ("tenant_id", "case_id"), "cases", ("tenant_id", "id")),
    ("instalment_plans", ("tenant_id", "case_id"), "cases", ("tenant_id", "id")),
    ("instalments", ("tenant_id", "plan_id"), "instalment_plans", ("tenant_id", "id")),
    ("instalments", ("tenant_id", "case_id"), "cases", ("tenant_id", "id")),
    ("plan_reminders", ("tenant_id", "plan_id"), "instalment_plans", ("tenant_id", "id")),
    ("debit_mandates", ("tenant_id", "case_id"), "cases", ("tenant_id", "id")),
    ("debit_notices", ("tenant_id", "mandate_id"), "debit_mandates", ("tenant_id", "id")),
    ("debit_notices", ("tenant_id", "case_id"), "cases", ("tenant_id", "id")),
    ("debit_notices", ("tenant_id", "claim_id"), "claims", ("tenant_id", "id")),
    ("debit_notices", ("tenant_id", "instalment_id"), "instalments", ("tenant_id", "id")),
    ("debit_files", ("tenant_id", "creditor_id"), "creditors", ("tenant_id", "id")),
    ("debit_orders", ("tenant_id", "file_id"), "debit_files", ("tenant_id", "id")),
    ("debit_orders", ("tenant_id", "notice_id"), "debit_notices", ("tenant_id", "id")),
    ("debit_orders", ("tenant_id", "mandate_id"), "debit_mandates", ("tenant_id", "id")),
    ("debit_statuses", ("tenant_id", "order_id"), "debit_orders", ("tenant_id", "id")),
    ("postings", ("tenant_id", "creditor_id"), "creditors", ("tenant_id", "id")),
    ("postings", ("tenant_id", "case_id"), "cases", ("tenant_id", "id")),
    ("postings", ("tenant_id", "payout_id"), "payouts", ("tenant_id", "id")),
    ("closed_periods", ("tenant_id",), "tenants", ("id",)),
    ("payout_terms", ("tenant_id", "creditor_id"), "creditors", ("tenant_id", "id")),
    ("payouts", ("tenant_id", "creditor_id"), "creditors", ("tenant_id", "id")),
    ("payouts", ("tenant_id", "terms_id"), "payout_terms", ("tenant_id", "id")),
    ("payout_items", ("tenant_id", "payout_id"), "payouts", ("tenant_id", "id")),
    ("bank_accounts", ("tenant_id",), "tenants", ("id",)),
    ("bank_accounts", ("tenant_id", "creditor_id"), "creditors", ("tenant_id", "id")),
    ("bank_statements", ("tenant_id", "account_id"), "bank_accounts", ("tenant_id", "id")),
    ("payers", ("tenant_id",), "tenants", ("id",)),
    ("bank_entries", ("tenant_id", "account_id"), "bank_accounts", ("tenant_id", "id")),
    ("bank_entries", ("tenant_id", "statement_id"), "bank_statements", ("tenant_id", "id")),
    ("bank_entries", ("tenant_id", "payer_id"), "payers", ("tenant_id", "id")),
    ("bank_entries", ("tenant_id", "case_id"), "cases", ("tenant_id", "id")),
    ("known_payers", ("tenant_id", "payer_id"), "payers", ("tenant_id", "id")),
    ("known_payers", ("tenant_id", "case_id"), "cases", ("tenant_id", "id")),
    ("match_proposals", ("tenant_id", "entry_id"), "bank_entries", ("tenant_id", "id")),
    ("match_proposals", ("tenant_id", "case_id"), "cases", ("tenant_id", "id")),
    ("refund_files", ("tenant_id", "creditor_id"), "creditors", ("tenant_id", "id")),
    ("refunds", ("tenant_id", "case_id"), "cases", ("tenant_id", "id")),
    ("refunds", ("tenant_id", "case_id", "fact_no"), "facts", ("tenant_id", "case_id", "fact_no")),
    ("refunds", ("tenant_id", "file_id"), "refund_files", ("tenant_id", "id")),
    ("provider_accounts", ("tenant_id",), "tenants", ("id",)),
    ("provider_accounts", ("tenant_id", "creditor_id"), "creditors", ("tenant_id", "id")),
    ("pay_links", ("tenant_id", "account_id"), "provider_accounts", ("tenant_id", "id")),
    ("pay_links", ("tenant_id", "case_id"), "cases", ("tenant_id", "id")),
    ("pay_links", ("tenant_id", "claim_id"), "claims", ("tenant_id", "id")),
    ("payment_intents", ("tenant_id", "account_id"), "provider_accounts", ("tenant_id", "id")),
    ("payment_intents", ("tenant_id", "pay_link_id"), "pay_links", ("tenant_id", "id")),
    ("provider_payments", ("tenant_id", "account_id"), "provider_accounts", ("tenant_id", "id")),
    ("provider_payments", ("tenant_id", "case_id"), "cases", ("tenant_id", "id")),
    ("provider_payments", ("tenant_id", "pay_link_id"), "pay_links", ("tenant_id", "id")),
    ("provider_events", ("tenant_id", "account_id"), "provider_accounts", ("tenant_id", "id")),
    ("provider_refunds", ("tenant_id", "account_id"), "provider_accounts", ("tenant_id", "id")),
    ("provider_refunds", ("tenant_id", "payment_id"), "provider_payments", ("tenant_id", "id")),
)

TENANT_TABLES = tuple(dict.fromkeys(table for table, *_ in FOREIGN_KEYS))

APPEND_ONLY = {
    "facts": "a fact is never changed; add a fact that voids it",
    "designations": "a designation is never changed; void the payment and record it again",
    "claims": "a claim is never changed; add a fact (credit note, claim moved, claim closed)",
    "permits": "a permit is never changed; ask again",
    "audit_entries": "the audit trail is never changed",
    "run_chunks": "a saved chunk is never changed",
    "bank_statements": "a statement is what the bank said; it is never changed",
    "plan_offers": "an offer is never changed; make another",
    "instalment_plans": "a plan is never changed; end it and agree on another",
    "instalments": "an instalment is never changed; agree on another plan",
    "plan_reminders": "what was told is never changed",
    "debit_notices": "a notice is never changed; announce anew",
    "debit_files": "a file handed out is never changed",
    "debit_orders": "an order handed out is never changed",
    "debit_statuses": "a status is never changed",
    "refund_files": "a file handed out is never changed",
    "postings": "a posting is never changed; the next journal run posts the correction",
    "closed_periods": "a closed period stays closed",
    "payout_terms": "terms are never changed; add new ones from a day on",
    "payouts": "a payout is never changed",
    "payout_items": "what a payout covers is never changed",
}

_LETTER = ("recipient_id", "channel", "demanded_cents", "fee_cents", "pay_by", "sealed_at", "sealed_on")
_EVIDENCE = (*_LETTER, "statement_hash", "bytes_hash", "file_name")
_TOLD = (
    "id", "tenant_id", "account_id", "statement_id", "payer_id", "entry_no", "entry_key", "booked_on",
    "value_on", "amount_cents", "currency", "kind", "recorded_at",
)  # fmt: skip
_REFUND = (
    "id", "tenant_id", "case_id", "person_id", "reference", "end_to_end_id", "amount_cents", "currency",
    "ordered_on", "fact_no", "payload", "recorded_at",
)  # fmt: skip
_TRANSITIONS = (
    ("planned", ("sealed", "sending", "withdrawn")),
    ("withdrawn", ("planned",)),
    ("sealed", ("planned", "sending", "withdrawn")),
    ("sending", ("sent", "failed", "uncertain", "planned")),
    ("uncertain", ("sent", "failed")),
    ("sent", ()),
    ("failed", ()),
)


@dataclass(frozen=True)
class Trigger:
    """A refusal: on `event` of `table`, if `when` holds (`{ne}` = differs, null-safe), say `message`."""

    name: str
    table: str
    event: str  # UPDATE | DELETE | INSERT
    message: str
    when: str = ""
    is_query: bool = False  # `when` looks into another table
    is_later: bool = False  # about a column a later migration adds; that one installs it


def _changed(*columns: str) -> str:
    return "(" + " OR ".join(f"OLD.{column} {{ne}} NEW.{column}" for column in columns) + ")"


def _forbidden_transition() -> str:
    allowed = [
        f"(OLD.state = '{old}' AND NEW.state IN ({', '.join(repr(state) for state in new)}))"
        for old, new in _TRANSITIONS
        if new
    ]
    return f"OLD.state <> NEW.state AND NOT ({' OR '.join(allowed)})"


def _person_triggers() -> list[Trigger]:
    """A person may be forgotten, never changed."""
    return [
        Trigger(
            "persons_only_shred",
            "persons",
            "UPDATE",
            "a version of a person is never changed; add a version, or shred it",
            _changed("id", "tenant_id", "person_id", "version", "recorded_at")
            + " OR OLD.state = 'shredded'"
            + " OR ("
            + _changed("payload", "payload_hmac")
            + " AND NEW.state <> 'shredded')",
        ),
    ]


_MANDATE_SEQUENCE = Trigger(
    "debit_mandates_sequence_stays",
    "debit_mandates",
    "UPDATE",
    "the sequence a mandate was taken over with is never changed",
    _changed("sequence"),
    is_later=True,
)


def _money_triggers() -> list[Trigger]:
    """What the journal, banks, providers and mandates told stays told."""
    return [
        Trigger(
            "postings_not_into_closed_periods",
            "postings",
            "INSERT",
            "nothing is posted into a closed period; post on a later day",
            "EXISTS (SELECT 1 FROM closed_periods p WHERE p.tenant_id = NEW.tenant_id "
            "AND p.until_on >= NEW.posted_on)",
            True,
        ),
        Trigger("bank_entries_no_delete", "bank_entries", "DELETE", "bank_entries: rows are kept"),
        Trigger(
            "bank_entries_content_stays",
            "bank_entries",
            "UPDATE",
            "what the bank told is never changed; only what became of it",
            _changed(*_TOLD),
        ),
        Trigger(
            "provider_events_content_stays",
            "provider_events",
            "UPDATE",
            "what a provider told is never changed; only what became of it",
            _changed("id", "tenant_id", "account_id", "event_id", "kind", "came_by", "received_at"),
        ),
        Trigger(
            "provider_refunds_key_stays",
            "provider_refunds",
            "UPDATE",
            "payment, amount and key of a refund are never changed",
            _changed("id", "tenant_id", "account_id", "payment_id", "key", "reference", "amount_cents"),
        ),
        Trigger(
            "payment_intents_key_stays",
            "payment_intents",
            "UPDATE",
            "amount and key of a checkout are never changed",
            _changed("id", "tenant_id", "account_id", "pay_link_id", "attempt", "key", "amount_cents"),
        ),
        Trigger(
            "refunds_only_follow",
            "refunds",
            "UPDATE",
            "of a refund only its file and its end are ever set, once; void it and order another",
            f"{_changed(*_REFUND)} OR (OLD.file_id IS NOT NULL AND {_changed('file_id')}) "
            f"OR (OLD.undone_on IS NOT NULL AND {_changed('undone_on', 'undone_reason')})",
        ),
        Trigger("refunds_no_delete", "refunds", "DELETE", "refunds: rows are kept"),
        Trigger(
            "debit_mandates_only_end",
            "debit_mandates",
            "UPDATE",
            "of a mandate only its end is ever set; add a new mandate",
            "OLD.ended_on IS NOT NULL OR "
            + _changed("id", "tenant_id", "case_id", "person_id", "reference", "signed_on", "notice_days")
            + " OR "
            + _changed("creditor_identifier", "payload"),
        ),
    ]


def _triggers() -> tuple[Trigger, ...]:
    found = [
        Trigger(f"{table}_no_{event.lower()}", table, event, message)
        for table, message in APPEND_ONLY.items()
        for event in ("UPDATE", "DELETE")
    ]
    found += [
        Trigger(f"{table}_no_delete", table, "DELETE", f"{table}: rows are kept")
        for table in ("decisions", "messages", "persons", "cases", "runs", "debit_mandates")
    ]
    found += [
        Trigger(f"{table}_no_delete", table, "DELETE", f"{table}: rows are kept")
        for table in ("provider_payments", "provider_events", "provider_refunds", "payment_intents")
    ]
    left = "IN ('sending', 'sent', 'failed', 'uncertain')"
    parent = (
        "EXISTS (SELECT 1 FROM messages m WHERE m.id = {row}.message_id "
        "AND m.state NOT IN ('planned', 'withdrawn'))"
    )
    items = "the claims a sealed message listed are never changed"
    found += [
        Trigger(
            "decisions_only_close",
            "decisions",
            "UPDATE",
            "a closed decision is never changed; of an open one only its end, next look and detail",
            "OLD.until_on IS NOT NULL OR "
            + _changed("id", "tenant_id", "case_id", "run_id", "outcome", "reason", "from_on"),
        ),
        Trigger(
            "messages_key_stays",
            "messages",
            "UPDATE",
            "case, step, cycle and attempt of a message are never changed",
            _changed("id", "tenant_id", "case_id", "step_id", "cycle", "attempt"),
        ),
        Trigger(
            "messages_evidence_stays",
            "messages",
            "UPDATE",
            "what a message said is never changed after it left",
            f"OLD.state {left} AND NEW.state <> 'planned' AND " + _changed(*_EVIDENCE),
        ),
        Trigger(
            "messages_state_order",
            "messages",
            "UPDATE",
            "this change of a message's state is not allowed",
            _forbidden_transition(),
        ),
        *_person_triggers(),
        *_money_triggers(),
        _MANDATE_SEQUENCE,
        Trigger("message_items_no_update", "message_items", "UPDATE", items, parent.format(row="OLD"), True),
        Trigger("message_items_no_delete", "message_items", "DELETE", items, parent.format(row="OLD"), True),
        Trigger("message_items_no_insert", "message_items", "INSERT", items, parent.format(row="NEW"), True),
    ]
    return tuple(found)


TRIGGERS = _triggers()
NO_TRUNCATE = (
    *APPEND_ONLY,
    "decisions",
    "messages",
    "message_items",
    "persons",
    "cases",
    "runs",
    "debit_mandates",
    "refunds",
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
