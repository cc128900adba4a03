"""Money paid back by bank transfer, to debtors or to whoever's it is: each refund once, with its file."""

from __future__ import annotations

from django.db import models

from mahnwerk.records.fields import IdField, link


class RefundFile(models.Model):
    """A file of transfers as handed to the bank; its bytes can be made again from its refunds."""

    id = IdField()
    tenant = link("records.Tenant")
    creditor = link("records.Creditor")
    message_id = models.CharField(max_length=35)
    made_on = models.DateField()
    recorded_at = models.DateTimeField()
    content_mark = models.BinaryField()  # HMAC of the bytes

    class Meta:
        db_table = "refund_files"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="refund_files_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "message_id"], name="refund_files_message_id"),
        )


class Refund(models.Model):
    """A credit paid back. `fact_no` is its refund_paid fact, made in the same commit; the account opens with
    the person's key only.
    """

    id = IdField()
    tenant = link("records.Tenant")
    case = link("records.Case")
    file = link("records.RefundFile", null=True, related_name="refunds")
    person_id = models.BigIntegerField()
    reference = models.CharField(max_length=100)  # the wish; told twice, it is one refund
    end_to_end_id = models.CharField(max_length=35)
    amount_cents = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    ordered_on = models.DateField()
    fact_no = models.IntegerField()
    payload = models.BinaryField()  # account holder and IBAN, encrypted
    undone_on = models.DateField(null=True)  # the bank refused it, or the money came back
    undone_reason = models.CharField(max_length=10, blank=True, default="")
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "refunds"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="refunds_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "case", "reference"], name="refunds_reference"),
            models.UniqueConstraint(fields=["tenant", "end_to_end_id"], name="refunds_end_to_end_id"),
            models.CheckConstraint(condition=models.Q(amount_cents__gt=0), name="refunds_amount_above_zero"),
        )


class EntryRefund(models.Model):
    """Money nobody placed, paid back: the whole of a bank entry, at most one refund of it in force.

    The account opens with the payer's key only.
    """

    id = IdField()
    tenant = link("records.Tenant")
    creditor = link("records.Creditor")  # in whose file it leaves
    entry = link("records.BankEntry")
    file = link("records.RefundFile", null=True, related_name="entry_refunds")
    person_id = models.BigIntegerField()  # the payer
    end_to_end_id = models.CharField(max_length=35)
    amount_cents = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    ordered_on = models.DateField()
    payload = models.BinaryField()  # account holder and IBAN, encrypted
    undone_on = models.DateField(null=True)  # the bank refused it, or the money came back
    undone_reason = models.CharField(max_length=10, blank=True, default="")
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "entry_refunds"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="entry_refunds_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "end_to_end_id"], name="entry_refunds_end_to_end_id"),
            models.UniqueConstraint(
                fields=["tenant", "entry"],
                condition=models.Q(undone_on__isnull=True),
                name="entry_refunds_once",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_cents__gt=0), name="entry_refunds_amount_above_zero"
            ),
        )
