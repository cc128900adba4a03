"""Instalment plans as signed, and the direct debits that collect: mandates, notices, files, orders.

All rows are added and never changed, but for the day a mandate ended. How a plan stands, and which
sequence a collection has, is derived.
"""

from __future__ import annotations

from django.db import models

from mahnwerk.records import ids
from mahnwerk.records.fields import IdField, link


class PlanOffer(models.Model):
    """A plan shown to somebody and kept, so that what is agreed is what was shown."""

    id = IdField()
    tenant = link("records.Tenant")
    public_id = models.CharField(max_length=16, default=ids.new_public_id)
    case = link("records.Case")
    offered_on = models.DateField()
    fact_no = models.IntegerField()  # last fact the offer saw
    terms = models.JSONField()
    terms_hash = models.CharField(max_length=64)

    class Meta:
        db_table = "plan_offers"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="plan_offers_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "public_id"], name="plan_offers_public_id"),
        )


class InstalmentPlan(models.Model):
    """A plan agreed. Its facts `PLAN_AGREED` carry `plan_code`, one for each claim it covers."""

    id = IdField()
    tenant = link("records.Tenant")
    case = link("records.Case", related_name="instalment_plans")
    plan_no = models.IntegerField()  # 1…n within the case
    plan_code = models.CharField(max_length=20)
    agreed_on = models.DateField()
    recorded_at = models.DateTimeField()
    recorded_on = models.DateField()
    actor = models.CharField(max_length=100)
    terms = models.JSONField()  # everything signed, as kernel.plans.as_json gives it
    terms_hash = models.CharField(max_length=64)
    rate_ppm = models.BigIntegerField()
    grace_days = models.IntegerField()
    is_accelerated = models.BooleanField()

    class Meta:
        db_table = "instalment_plans"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="instalment_plans_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "case", "plan_no"], name="instalment_plans_no"),
        )


class Instalment(models.Model):
    """One instalment of a plan, as signed."""

    id = IdField()
    tenant = link("records.Tenant")
    plan = link("records.InstalmentPlan", related_name="instalments")
    case = link("records.Case")
    number = models.IntegerField()
    due_on = models.DateField()
    amount_cents = models.BigIntegerField()
    interest_cents = models.BigIntegerField()  # part of it

    class Meta:
        db_table = "instalments"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="instalments_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "plan", "number"], name="instalments_no"),
            models.CheckConstraint(
                condition=models.Q(amount_cents__gt=0), name="instalments_amount_above_zero"
            ),
        )
        indexes = (models.Index(fields=["tenant", "case"], name="instalments_case"),)


class PlanReminder(models.Model):
    """The debtor was told, kindly, that an instalment is missing, and offered to change the plan."""

    id = IdField()
    tenant = link("records.Tenant")
    plan = link("records.InstalmentPlan", related_name="reminders")
    missing_since = models.DateField()
    told_on = models.DateField()
    channel = models.CharField(max_length=10)
    actor = models.CharField(max_length=100)

    class Meta:
        db_table = "plan_reminders"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="plan_reminders_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "plan", "missing_since"], name="plan_reminders_once"),
        )


class DebitMandate(models.Model):
    """A SEPA mandate of a debtor. The IBAN opens with the person's key only."""

    id = IdField()
    tenant = link("records.Tenant")
    case = link("records.Case")
    person_id = models.BigIntegerField()
    reference = models.CharField(max_length=35)
    creditor_identifier = models.CharField(max_length=35)
    signed_on = models.DateField()
    notice_days = models.IntegerField()  # days between notice and collection, 14 or as agreed
    sequence = models.CharField(max_length=4, null=True)
    payload = models.BinaryField()  # account holder and IBAN, encrypted
    recorded_at = models.DateTimeField()
    ended_on = models.DateField(null=True)

    class Meta:
        db_table = "debit_mandates"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="debit_mandates_tenant_id"),
            models.UniqueConstraint(
                fields=["tenant", "creditor_identifier", "reference"], name="debit_mandates_reference"
            ),
            models.UniqueConstraint(
                fields=["tenant", "case"],
                condition=models.Q(ended_on__isnull=True),
                name="debit_mandates_one_open",
            ),
        )


class DebitNotice(models.Model):
    """What will be collected and when, of a claim or an instalment, and by what the debtor is told so."""

    class ToldBy(models.TextChoices):
        MESSAGE = "message"  # the run writes; it counts once that message left
        PLAN = "plan"  # the plan named day and sum
        EMAIL = "email"  # by hand, on the day of the notice
        POST = "post"
        PHONE = "phone"

    id = IdField()
    tenant = link("records.Tenant")
    mandate = link("records.DebitMandate")
    case = link("records.Case")
    claim = link("records.Claim", null=True)
    instalment = link("records.Instalment", null=True)
    attempt = models.IntegerField()
    amount_cents = models.BigIntegerField()
    notified_on = models.DateField()
    collect_on = models.DateField()
    told_by = models.CharField(
        max_length=10, choices=ToldBy.choices, null=True
    )  # null: told, on record before

    class Meta:
        db_table = "debit_notices"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="debit_notices_tenant_id"),
            models.UniqueConstraint(
                fields=["tenant", "claim", "attempt"],
                condition=models.Q(claim__isnull=False),
                name="debit_notices_claim",
            ),
            models.UniqueConstraint(
                fields=["tenant", "instalment", "attempt"],
                condition=models.Q(instalment__isnull=False),
                name="debit_notices_instalment",
            ),
            models.CheckConstraint(
                condition=models.Q(claim__isnull=True, instalment__isnull=False)
                | models.Q(claim__isnull=False, instalment__isnull=True),
                name="debit_notices_one_target",
            ),
        )


class DebitFile(models.Model):
    """A file of direct debits as handed to the bank; its bytes can be made again from its orders."""

    id = IdField()
    tenant = link("records.Tenant")
    creditor = link("records.Creditor")
    message_id = models.CharField(max_length=35)
    made_on = models.DateField()
    recorded_at = models.DateTimeField()
    content_mark = models.BinaryField()  # HMAC of the bytes

    class Meta:
        db_table = "debit_files"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="debit_files_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "message_id"], name="debit_files_message_id"),
        )


class DebitOrder(models.Model):
    """One collection in a file. A notice is collected once."""

    id = IdField()
    tenant = link("records.Tenant")
    file = link("records.DebitFile", related_name="orders")
    notice = link("records.DebitNotice")
    mandate = link("records.DebitMandate")
    end_to_end_id = models.CharField(max_length=35)
    sequence = models.CharField(max_length=4)
    amount_cents = models.BigIntegerField()
    collect_on = models.DateField()

    class Meta:
        db_table = "debit_orders"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="debit_orders_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "notice"], name="debit_orders_notice"),
            models.UniqueConstraint(fields=["tenant", "end_to_end_id"], name="debit_orders_end_to_end_id"),
        )


class DebitStatus(models.Model):
    """What became of an order: booked, refused or returned."""

    class Word(models.TextChoices):
        BOOKED = "booked"
        REFUSED = "refused"
        RETURNED = "returned"

    id = IdField()
    tenant = link("records.Tenant")
    order = link("records.DebitOrder", related_name="statuses")
    word = models.CharField(max_length=10, choices=Word.choices)
    reason = models.CharField(max_length=10, blank=True, default="")
    on = models.DateField()
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "debit_statuses"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="debit_statuses_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "order", "word"], name="debit_statuses_once"),
        )
