"""The journal: postings that are only added, periods that stay closed, payouts and what they cover."""

from __future__ import annotations

from django.db import models

from mahnwerk.records.fields import IdField, link


class Posting(models.Model):
    """An amount above zero from one account to one other; belongs to a case or to a payout.

    Key: (case, entry, fact_no, claim_no) or (payout, entry, …), counted by `sequence`. A correction is one
    more posting of the key; `is_reversal` = debit and credit changed places. Accounts and entries are
    numbers of mahnwerk.kernel.accounts.
    """

    id = IdField()
    tenant = link("records.Tenant")
    creditor = link("records.Creditor")
    case = link("records.Case", null=True)
    payout = link("records.Payout", null=True)
    entry = models.SmallIntegerField()
    fact_no = models.IntegerField()
    claim_no = models.IntegerField()
    sequence = models.IntegerField()
    posted_on = models.DateField()  # day of the run; never in a closed period
    document_on = models.DateField()  # day of the fact
    currency = models.CharField(max_length=3)
    debit = models.SmallIntegerField()
    credit = models.SmallIntegerField()
    amount_cents = models.BigIntegerField()
    is_reversal = models.BooleanField()

    class Meta:
        db_table = "postings"
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "case", "entry", "fact_no", "claim_no", "sequence"], name="postings_key"
            ),
            models.UniqueConstraint(
                fields=["tenant", "payout", "entry", "fact_no", "claim_no", "sequence"],
                condition=models.Q(payout__isnull=False),
                name="postings_payout_key",
            ),
            models.CheckConstraint(condition=models.Q(amount_cents__gt=0), name="postings_amount_above_zero"),
            models.CheckConstraint(
                condition=~models.Q(debit=models.F("credit")), name="postings_two_accounts"
            ),
            models.CheckConstraint(
                condition=models.Q(case__isnull=True, payout__isnull=False)
                | models.Q(case__isnull=False, payout__isnull=True),
                name="postings_one_owner",
            ),
        )


class MoneyPosting(models.Model):
    """A posting that follows a bank statement or a provider's account instead of a case.

    Key: (about, entry, fact_no, claim_no), counted by `sequence`. `about_id` is a bank entry, or a statement
    for its opening balance. Without a creditor: money on an account of the operator for all of them.
    """

    id = IdField()
    tenant = link("records.Tenant")
    creditor = link("records.Creditor", null=True)
    about_id = models.BigIntegerField()
    entry = models.SmallIntegerField()
    fact_no = models.IntegerField()
    claim_no = models.IntegerField()
    sequence = models.IntegerField()
    posted_on = models.DateField()
    document_on = models.DateField()
    currency = models.CharField(max_length=3)
    debit = models.SmallIntegerField()
    credit = models.SmallIntegerField()
    amount_cents = models.BigIntegerField()
    is_reversal = models.BooleanField()

    class Meta:
        db_table = "money_postings"
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "about_id", "entry", "fact_no", "claim_no", "sequence"],
                name="money_postings_key",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_cents__gt=0), name="money_postings_amount_above_zero"
            ),
            models.CheckConstraint(
                condition=~models.Q(debit=models.F("credit")), name="money_postings_two_accounts"
            ),
        )


class ClosedPeriod(models.Model):
    """Nothing is posted on or before the latest `until_on` any more (Festschreibung)."""

    id = IdField()
    tenant = link("records.Tenant")
    until_on = models.DateField()
    closed_at = models.DateTimeField()
    posting_count = models.BigIntegerField()
    content_hash = models.CharField(max_length=64)  # SHA-256 over the postings of the period

    class Meta:
        db_table = "closed_periods"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="closed_periods_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "until_on"], name="closed_periods_until"),
        )


class PayoutTerms(models.Model):
    """What the operator keeps of a creditor's money and holds back, from a day on."""

    id = IdField()
    tenant = link("records.Tenant")
    creditor = link("records.Creditor")
    valid_from = models.DateField()
    principal_ppm = models.BigIntegerField()  # fee on collected principal, parts per million
    interest_ppm = models.BigIntegerField()
    costs_ppm = models.BigIntegerField()
    per_payment_cents = models.BigIntegerField()
    per_payout_cents = models.BigIntegerField()
    has_vat = models.BooleanField()
    reserve_ppm = models.BigIntegerField()
    reserve_days = models.IntegerField()
    minimum_cents = models.BigIntegerField()
    pay_to_name = models.CharField(max_length=200, blank=True, default="")
    pay_to_iban = models.CharField(max_length=34, blank=True, default="")
    pay_from_name = models.CharField(max_length=200, blank=True, default="")
    pay_from_iban = models.CharField(max_length=34, blank=True, default="")
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "payout_terms"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="payout_terms_tenant_id"),
            models.UniqueConstraint(
                fields=["tenant", "creditor", "valid_from", "recorded_at"], name="payout_terms_valid"
            ),
        )


class Payout(models.Model):
    """Money of a creditor paid out to it, once. Its postings and its items are made in the same commit."""

    id = IdField()
    tenant = link("records.Tenant")
    creditor = link("records.Creditor", related_name="payouts")
    terms = link("records.PayoutTerms")
    currency = models.CharField(max_length=3)
    payout_no = models.IntegerField()  # 1, 2, … per creditor and currency
    reference = models.CharField(max_length=35)  # end-to-end id of the transfer
    on = models.DateField(db_column="payout_on")
    opening_cents = models.BigIntegerField()  # kept back before
    principal_cents = models.BigIntegerField()
    interest_cents = models.BigIntegerField()
    costs_cents = models.BigIntegerField()
    other_cents = models.BigIntegerField()  # bank charges, credits of debtors
    payment_count = models.IntegerField()
    fee_cents = models.BigIntegerField()
    vat_cents = models.BigIntegerField()
    vat_ppm = models.BigIntegerField()
    reserve_cents = models.BigIntegerField()
    amount_cents = models.BigIntegerField()
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "payouts"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="payouts_tenant_id"),
            models.UniqueConstraint(
                fields=["tenant", "creditor", "currency", "payout_no"], name="payouts_no"
            ),
            models.UniqueConstraint(fields=["tenant", "reference"], name="payouts_reference"),
            models.CheckConstraint(condition=models.Q(amount_cents__gt=0), name="payouts_amount_above_zero"),
        )


class PayoutItem(models.Model):
    """A posting that a payout covers; a posting is covered by one payout only."""

    id = IdField()
    tenant = link("records.Tenant")
    payout = link("records.Payout", related_name="items")
    posting_id = models.BigIntegerField()

    class Meta:
        db_table = "payout_items"
        constraints = (models.UniqueConstraint(fields=["tenant", "posting_id"], name="payout_items_posting"),)
        indexes = (models.Index(fields=["tenant", "payout"], name="payout_items_payout"),)


class PayoutReturn(models.Model):
    """A payout whose money did not arrive: refused by our bank, or sent back. It is owed again, once."""

    class Word(models.TextChoices):
        REFUSED = "refused"  # pain.002
        RETURNED = "returned"  # on the bank statement

    id = IdField()
    tenant = link("records.Tenant")
    payout = link("records.Payout", related_name="returns")
    word = models.CharField(max_length=10, choices=Word.choices)
    reason = models.CharField(max_length=10, blank=True, default="")  # ISO 20022 code
    on = models.DateField(db_column="returned_on")
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "payout_returns"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="payout_returns_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "payout"], name="payout_returns_once"),
        )
