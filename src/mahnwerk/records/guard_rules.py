"""What the database is told to refuse: which rows belong together, which never change, and why.

`guards` turns these lists into SQL and puts it into a database.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    ("money_postings", ("tenant_id",), "tenants", ("id",)),
    ("money_postings", ("tenant_id", "creditor_id"), "creditors", ("tenant_id", "id")),
    ("closed_periods", ("tenant_id",), "tenants", ("id",)),
    ("payout_terms", ("tenant_id", "creditor_id"), "creditors", ("tenant_id", "id")),
    ("payouts", ("tenant_id", "creditor_id"), "creditors", ("tenant_id", "id")),
    ("payouts", ("tenant_id", "terms_id"), "payout_terms", ("tenant_id", "id")),
    ("payout_items", ("tenant_id", "payout_id"), "payouts", ("tenant_id", "id")),
    ("payout_returns", ("tenant_id", "payout_id"), "payouts", ("tenant_id", "id")),
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
    ("entry_refunds", ("tenant_id", "creditor_id"), "creditors", ("tenant_id", "id")),
    ("entry_refunds", ("tenant_id", "entry_id"), "bank_entries", ("tenant_id", "id")),
    ("entry_refunds", ("tenant_id", "file_id"), "refund_files", ("tenant_id", "id")),
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
    ("provider_balances", ("tenant_id", "account_id"), "provider_accounts", ("tenant_id", "id")),
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
    "money_postings": "a posting is never changed; the next journal run posts the correction",
    "closed_periods": "a closed period stays closed",
    "payout_terms": "terms are never changed; add new ones from a day on",
    "payouts": "a payout is never changed",
    "provider_balances": "what a provider listed is never changed",
    "payout_returns": "what became of a payout is never changed",
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
_ENTRY_REFUND = (
    "id", "tenant_id", "creditor_id", "entry_id", "person_id", "end_to_end_id", "amount_cents", "currency",
    "ordered_on", "payload", "recorded_at",
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


def _closed_triggers() -> list[Trigger]:
    """A closed period stays closed for postings of both kinds."""
    return [
        Trigger(
            f"{table}_not_into_closed_periods",
            table,
            "INSERT",
            "nothing is posted into a closed period; post on a later day",
            "EXISTS (SELECT 1 FROM closed_periods p WHERE p.tenant_id = NEW.tenant_id "
            "AND p.until_on >= NEW.posted_on)",
            True,
        )
        for table in ("postings", "money_postings")
    ]


def _money_triggers() -> list[Trigger]:
    """What the journal, banks and providers told stays told."""
    return [
        *_closed_triggers(),
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
    ]


def _order_triggers() -> list[Trigger]:
    """What went to a bank to be collected or paid stays as it was."""
    return [
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
            "entry_refunds_only_follow",
            "entry_refunds",
            "UPDATE",
            "of a refund only its file and its end are ever set, once; order another",
            f"{_changed(*_ENTRY_REFUND)} OR (OLD.file_id IS NOT NULL AND {_changed('file_id')}) "
            f"OR (OLD.undone_on IS NOT NULL AND {_changed('undone_on', 'undone_reason')})",
        ),
        Trigger("entry_refunds_no_delete", "entry_refunds", "DELETE", "entry_refunds: rows are kept"),
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
        Trigger(
            "debit_mandates_sequence_stays",
            "debit_mandates",
            "UPDATE",
            "the sequence a mandate was taken over with is never changed",
            _changed("sequence"),
            is_later=True,
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
        *_order_triggers(),
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
    "entry_refunds",
)
