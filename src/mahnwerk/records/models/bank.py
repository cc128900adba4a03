"""What the bank told: accounts, statements, entries, who pays for whom, and what the matcher proposes.

An entry's personal data are encrypted with the key of its payer (a row in the key store, as for persons), so
that a payer can be erased without touching the books.
"""

from __future__ import annotations

from django.db import models

from mahnwerk.records.fields import IdField, link


class EntryState(models.TextChoices):
    """new → booked | proposed | suspense | ignored | outgoing; proposed and suspense → booked | ignored."""

    NEW = "new"  # recorded, not yet looked at
    BOOKED = "booked"
    PROPOSED = "proposed"
    SUSPENSE = "suspense"
    IGNORED = "ignored"  # a person said it concerns no debtor
    OUTGOING = "outgoing"  # money we paid; kept, never matched


class BankAccount(models.Model):
    """An account money comes in on: of one creditor, or (creditor null) of the tenant for all of them."""

    id = IdField()
    tenant = link("records.Tenant")
    creditor = link("records.Creditor", null=True)
    number = models.IntegerField()  # 1, 2, … for people
    iban_token = models.BinaryField()  # HMAC of the IBAN or account number as compared
    iban_payload = models.BinaryField()  # encrypted with the tenant's file key
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "bank_accounts"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="bank_accounts_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "iban_token"], name="bank_accounts_iban"),
            models.UniqueConstraint(fields=["tenant", "number"], name="bank_accounts_number"),
        )


class BankStatement(models.Model):
    """One statement of an account as the bank wrote it; its balances form a chain."""

    id = IdField()
    tenant = link("records.Tenant")
    account = link("records.BankAccount", related_name="statements")
    content_key = models.BinaryField()  # HMAC of balances and entries: the same statement counts once
    format = models.CharField(max_length=30)
    statement_id = models.CharField(max_length=60, blank=True, default="")
    statement_no = models.IntegerField(null=True)
    currency = models.CharField(max_length=3)
    from_on = models.DateField(null=True)
    to_on = models.DateField(null=True)
    opening_cents = models.BigIntegerField(null=True)
    closing_cents = models.BigIntegerField(null=True)
    entry_count = models.IntegerField()
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "bank_statements"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="bank_statements_tenant_id"),
            models.UniqueConstraint(
                fields=["tenant", "account", "content_key"], name="bank_statements_content"
            ),
        )
        indexes = (models.Index(fields=["tenant", "account", "to_on"], name="bank_statements_day"),)


class Payer(models.Model):
    """Whoever paid from an account (or under a name): the owner of the key their entries open with."""

    id = IdField()  # also the id of the key in the key store
    tenant = link("records.Tenant")
    token = models.BinaryField()  # HMAC of the IBAN, else of the name
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "payers"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="payers_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "token"], name="payers_token"),
        )


class BankEntry(models.Model):
    """One movement of an account; counted once however often the bank tells it.

    `entry_key` is the HMAC of what tells movements apart, with the number of its occurrence among equals, so
    two true twins of a day stay two.
    """

    id = IdField()
    tenant = link("records.Tenant")
    account = link("records.BankAccount", related_name="entries")
    statement = link("records.BankStatement", related_name="entries")
    payer = link("records.Payer")
    entry_no = models.IntegerField()  # 1, 2, … within the tenant, for people
    entry_key = models.BinaryField()
    content_key = models.BinaryField()  # the same without the number of the occurrence
    booked_on = models.DateField()
    value_on = models.DateField()
    amount_cents = models.BigIntegerField()  # money in is positive
    currency = models.CharField(max_length=3)
    kind = models.CharField(max_length=20)  # formats.bank.KINDS
    return_reason = models.CharField(max_length=10, blank=True, default="")
    charges_cents = models.BigIntegerField(default=0)
    original_cents = models.BigIntegerField(null=True)  # of a return: what was paid then
    reference_token = models.BinaryField(null=True)  # HMAC of the end-to-end id
    mandate_token = models.BinaryField(null=True)
    payload = models.BinaryField()  # encrypted with the payer's key
    state = models.CharField(max_length=10, choices=EntryState.choices, default=EntryState.NEW)
    reason = models.CharField(max_length=40, blank=True, default="")
    case = link("records.Case", null=True)  # booked to
    fact_no = models.IntegerField(null=True)
    about_id = models.BigIntegerField(null=True)  # what else it is: `reason` says which table
    batch_id = models.BigIntegerField(null=True)  # of a part: the entry it is a part of
    hold_case_id = models.BigIntegerField(null=True)  # held until this entry is cleared …
    hold_fact_no = models.IntegerField(null=True)  # … by this fact
    rejected_claim_ids = models.JSONField(default=list)  # [[claim ids], …] a person said no to
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "bank_entries"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="bank_entries_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "account", "entry_key"], name="bank_entries_key"),
            models.UniqueConstraint(fields=["tenant", "entry_no"], name="bank_entries_no"),
        )
        indexes = (
            models.Index(
                fields=["tenant", "state"],
                condition=models.Q(state__in=["new", "proposed", "suspense"]),
                name="bank_entries_open",
            ),
            models.Index(fields=["tenant", "payer"], name="bank_entries_payer"),
            models.Index(
                fields=["tenant", "reference_token"],
                condition=models.Q(reference_token__isnull=False),
                name="bank_entries_reference",
            ),
        )


class KnownPayer(models.Model):
    """This payer paid for this case before: a certain match, or a person's word."""

    id = IdField()
    tenant = link("records.Tenant")
    payer = link("records.Payer")
    case = link("records.Case")
    is_confirmed = models.BooleanField(default=False)  # by a person
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "known_payers"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="known_payers_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "payer", "case"], name="known_payers_pair"),
        )


class MatchProposal(models.Model):
    """What the matcher proposes for an entry that it did not book; replaced by its next look."""

    id = IdField()
    tenant = link("records.Tenant")
    entry = link("records.BankEntry", related_name="proposals")
    case = link("records.Case")
    claim_ids = models.JSONField(default=list)
    entry_ids = models.JSONField(default=list)  # all entries that together pay these claims
    reasons = models.JSONField(default=list)
    confidence_ppm = models.IntegerField()
    runner_up_claim_ids = models.JSONField(default=list)
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "match_proposals"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="match_proposals_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "entry"], name="match_proposals_entry"),
        )
