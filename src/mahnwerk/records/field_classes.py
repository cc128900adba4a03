"""The class of every column: may it name a person, is it encrypted, does erasure remove it?

`docs/reference/tables.md` is written from this table (`python -m mahnwerk.records.field_classes`); a model
field without a class, or a class without a field, fails the tests.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class FieldClass:
    """What a class of columns means for privacy."""

    name: str
    is_personal: bool
    is_encrypted: bool
    is_erasable: bool
    meaning: str


KEY = FieldClass("key", False, False, False, "ids, numbers and references; no meaning outside the book")
EVENT = FieldClass(
    "event", True, False, False, "what happened in a case: pseudonymous, tells nothing once the key is gone"
)
BUSINESS = FieldClass("business", False, False, False, "data of a creditor as a business, and its contact")
TECHNICAL = FieldClass(
    "technical", False, False, False, "how the programme works: states, counts, hashes of law"
)
PAYLOAD = FieldClass(
    "payload", True, True, True, "names, addresses, bank data; opens with the person's key only"
)
TOKEN = FieldClass("token", True, True, True, "keyed hash (HMAC) of something personal, deleted on erasure")
MARK = FieldClass(
    "mark", True, True, False, "keyed hash (HMAC) that proves sameness; says nothing without the key"
)
SECRET = FieldClass("secret", False, True, True, "a wrapped key, in the key store apart from the data")
CLASSES = (KEY, EVENT, BUSINESS, TECHNICAL, PAYLOAD, TOKEN, MARK, SECRET)

_TABLES: dict[str, dict[FieldClass, str]] = {
    "tenants": {KEY: "id number", BUSINESS: "name time_zone", TECHNICAL: "last_case_no"},
    "creditors": {
        KEY: "id tenant_id public_id key",
        BUSINESS: "name iban vat_id language procedure profile logo logo_type",
    },
    "mandates": {
        KEY: "id tenant_id creditor_id",
        BUSINESS: "role given_on input_tax_deductible registration",
    },
    "feeds": {KEY: "id tenant_id creditor_id", BUSINESS: "name checked_on max_age_days is_watched"},
    "persons": {
        KEY: "id tenant_id person_id version",
        TECHNICAL: "state recorded_at restricted_because",
        PAYLOAD: "payload",
        TOKEN: "payload_hmac",
    },
    "blind_indexes": {KEY: "id tenant_id person_id", TECHNICAL: "kind", TOKEN: "token"},
    "tenant_keys": {KEY: "tenant_id", SECRET: "wrapped"},
    "person_keys": {KEY: "id tenant_id", SECRET: "wrapped"},
    "cases": {
        KEY: "id tenant_id public_id creditor_id case_no case_reference rf_reference",
        MARK: "debtor_key",
        EVENT: "currency is_consumer land language role procedure has_postal_address has_email recorded_on",
        TECHNICAL: "last_fact_no last_claim_no",
    },
    "case_participants": {KEY: "id tenant_id case_id person_id", EVENT: "part"},
    "case_aliases": {KEY: "id tenant_id case_id reference"},
    "claims": {
        KEY: "id tenant_id case_id creditor_id claim_no invoice_number",
        EVENT: "jurisdiction kind currency principal_cents issued_on due_on due_kind received_on "
        "obligation_arose_on has_default_notice agreed_rate_ppm agreed_from agreed_default_rate_ppm "
        "is_secured discount_cents discount_until recorded_on",
    },
    "facts": {
        KEY: "id tenant_id case_id fact_no claim_id message_id voids_fact_no",
        EVENT: "kind effective_on recorded_at recorded_on amount_cents currency until_on code",
        MARK: "source_key",
    },
    "designations": {KEY: "id tenant_id case_id fact_no claim_id position"},
    "messages": {
        KEY: "id tenant_id public_id case_id run_id recipient_id step_id cycle attempt fact_no",
        EVENT: "level procedure channel demanded_cents fee_cents fee_rule_id pay_by is_dunning reason "
        "planned_on sealed_at sealed_on sent_at ended_because",
        MARK: "statement_hash bytes_hash",
        TECHNICAL: "law_hash state fence lease_until file_name gateway receipt",
    },
    "message_items": {
        KEY: "id tenant_id message_id case_id claim_id",
        EVENT: "step_id level climbs open_cents triggers_default",
    },
    "permits": {
        KEY: "id tenant_id message_id",
        EVENT: "is_granted answers",
        TECHNICAL: "phase fence ruleset_hash asked_at",
    },
    "runs": {
        KEY: "id tenant_id run_no",
        TECHNICAL: "on state law_hash started_at finished_at counts coverage_hash",
    },
    "run_chunks": {KEY: "id tenant_id run_id chunk", TECHNICAL: "cases skipped coverage"},
    "decisions": {
        KEY: "id tenant_id case_id run_id fact_no closed_by_run_id",
        EVENT: "outcome reason detail from_on until_on next_look_on",
    },
    "bank_accounts": {
        KEY: "id tenant_id creditor_id number",
        MARK: "iban_token",
        PAYLOAD: "iban_payload",
        TECHNICAL: "recorded_at",
    },
    "bank_statements": {
        KEY: "id tenant_id account_id statement_id statement_no",
        MARK: "content_key",
        BUSINESS: "currency from_on to_on opening_cents closing_cents",
        TECHNICAL: "format entry_count recorded_at",
    },
    "payers": {KEY: "id tenant_id", TOKEN: "token", TECHNICAL: "recorded_at"},
    "bank_entries": {
        KEY: "id tenant_id account_id statement_id payer_id entry_no case_id fact_no about_id batch_id "
        "hold_case_id "
        "hold_fact_no rejected_claim_ids",
        EVENT: "booked_on value_on amount_cents currency kind return_reason charges_cents original_cents",
        MARK: "entry_key content_key reference_token mandate_token",
        PAYLOAD: "payload",
        TECHNICAL: "state reason recorded_at",
    },
    "known_payers": {KEY: "id tenant_id payer_id case_id", EVENT: "is_confirmed", TECHNICAL: "recorded_at"},
    "match_proposals": {
        KEY: "id tenant_id entry_id case_id claim_ids entry_ids runner_up_claim_ids",
        EVENT: "reasons confidence_ppm",
        TECHNICAL: "recorded_at",
    },
    "imported_files": {KEY: "id tenant_id", TECHNICAL: "kind imported_at counts", MARK: "content_hmac"},
    "audit_entries": {KEY: "id tenant_id case_id", TECHNICAL: "at actor action on detail"},
    "plan_offers": {
        KEY: "id tenant_id public_id case_id fact_no",
        EVENT: "offered_on terms",
        MARK: "terms_hash",
    },
    "instalment_plans": {
        KEY: "id tenant_id case_id plan_no plan_code",
        EVENT: "agreed_on recorded_on terms rate_ppm grace_days is_accelerated",
        MARK: "terms_hash",
        TECHNICAL: "recorded_at actor",
    },
    "instalments": {
        KEY: "id tenant_id plan_id case_id number",
        EVENT: "due_on amount_cents interest_cents",
    },
    "plan_reminders": {
        KEY: "id tenant_id plan_id",
        EVENT: "missing_since told_on channel",
        TECHNICAL: "actor",
    },
    "debit_mandates": {
        KEY: "id tenant_id case_id person_id reference",
        BUSINESS: "creditor_identifier",
        EVENT: "signed_on notice_days sequence ended_on",
        PAYLOAD: "payload",
        TECHNICAL: "recorded_at",
    },
    "debit_notices": {
        KEY: "id tenant_id mandate_id case_id claim_id instalment_id attempt",
        EVENT: "amount_cents notified_on collect_on told_by",
    },
    "debit_files": {
        KEY: "id tenant_id creditor_id message_id",
        TECHNICAL: "made_on recorded_at",
        MARK: "content_mark",
    },
    "debit_orders": {
        KEY: "id tenant_id file_id notice_id mandate_id end_to_end_id",
        EVENT: "sequence amount_cents collect_on",
    },
    "debit_statuses": {
        KEY: "id tenant_id order_id",
        EVENT: "word reason on",
        TECHNICAL: "recorded_at",
    },
    "refund_files": {
        KEY: "id tenant_id creditor_id message_id",
        TECHNICAL: "made_on recorded_at",
        MARK: "content_mark",
    },
    "refunds": {
        KEY: "id tenant_id case_id file_id person_id reference end_to_end_id fact_no",
        EVENT: "amount_cents currency ordered_on undone_on undone_reason",
        PAYLOAD: "payload",
        TECHNICAL: "recorded_at",
    },
    "entry_refunds": {
        KEY: "id tenant_id creditor_id entry_id file_id person_id end_to_end_id",
        EVENT: "amount_cents currency ordered_on undone_on undone_reason",
        PAYLOAD: "payload",
        TECHNICAL: "recorded_at",
    },
    "postings": {
        KEY: "id tenant_id creditor_id case_id payout_id fact_no claim_no sequence",
        EVENT: "entry posted_on document_on currency debit credit amount_cents is_reversal",
    },
    "money_postings": {
        KEY: "id tenant_id creditor_id about_id fact_no claim_no sequence",
        EVENT: "entry posted_on document_on currency debit credit amount_cents is_reversal",
    },
    "closed_periods": {KEY: "id tenant_id", TECHNICAL: "until_on closed_at posting_count content_hash"},
    "payout_terms": {
        KEY: "id tenant_id creditor_id",
        BUSINESS: "valid_from principal_ppm interest_ppm costs_ppm per_payment_cents per_payout_cents "
        "has_vat reserve_ppm reserve_days minimum_cents pay_to_name pay_to_iban pay_from_name pay_from_iban",
        TECHNICAL: "recorded_at",
    },
    "payouts": {
        KEY: "id tenant_id creditor_id terms_id payout_no reference",
        BUSINESS: "currency on opening_cents principal_cents interest_cents costs_cents other_cents "
        "payment_count fee_cents vat_cents vat_ppm reserve_cents amount_cents",
        TECHNICAL: "recorded_at",
    },
    "payout_returns": {KEY: "id tenant_id payout_id", BUSINESS: "word reason on", TECHNICAL: "recorded_at"},
    "payout_items": {KEY: "id tenant_id payout_id posting_id"},
    "provider_accounts": {
        KEY: "id tenant_id public_id creditor_id key",
        BUSINESS: "provider settings",
        SECRET: "secrets",
        TECHNICAL: "is_active added_at reconciled_until presses presses_since",
    },
    "pay_links": {
        KEY: "id tenant_id public_id account_id case_id claim_id plan_id",
        EVENT: "amount_cents currency state made_at",
        TECHNICAL: "presses presses_since",
    },
    "payment_intents": {
        KEY: "id tenant_id account_id pay_link_id attempt key checkout_id payment_id url",
        EVENT: "amount_cents currency state asked_at",
    },
    "provider_payments": {
        KEY: "id tenant_id account_id payment_id case_id pay_link_id fact_no",
        EVENT: "currency amount_cents kept_cents paid_on returns refunds",
    },
    "provider_events": {
        KEY: "id tenant_id account_id event_id payment_id checkout_id body_person_id",
        EVENT: "movements",
        TECHNICAL: "kind state because came_by received_at applied_at",
        PAYLOAD: "body",
    },
    "provider_balances": {
        KEY: "id tenant_id account_id movement_id payment_id descriptor",
        EVENT: "kind gross_cents fee_cents currency moved_on",
        TECHNICAL: "recorded_at",
    },
    "provider_refunds": {
        KEY: "id tenant_id account_id payment_id key reference refund_id",
        EVENT: "amount_cents state asked_at",
    },
}

FIELD_CLASSES: dict[tuple[str, str], FieldClass] = {
    (table, field): kind
    for table, kinds in _TABLES.items()
    for kind, fields in kinds.items()
    for field in fields.split()
}


def page() -> str:
    """The reference page as Markdown."""
    lines = [
        "# Tables and the class of each column",
        "",
        "Written from `mahnwerk/records/field_classes.py`; the tests compare.",
        "",
        "| class | names a person? | encrypted or keyed? | gone after erasure? | meaning |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {kind.name} | {_word(kind.is_personal)} | {_word(kind.is_encrypted)} | {_word(kind.is_erasable)} "
        f"| {kind.meaning} |"
        for kind in CLASSES
    ]
    for table, kinds in _TABLES.items():
        lines += ["", f"## {table}", "", "| class | columns |", "|---|---|"]
        lines += [
            f"| {kind.name} | {', '.join(f'`{field}`' for field in fields.split())} |"
            for kind, fields in kinds.items()
        ]
    return "\n".join(lines) + "\n"


def _word(value: bool) -> str:
    return "yes" if value else "no"


if __name__ == "__main__":
    sys.stdout.write(page())
