"""What we tell people: one row per message, from the plan to the proof (decision 0004)."""

from __future__ import annotations

from django.db import models

from mahnwerk.records import ids
from mahnwerk.records.fields import IdField, link


class MessageState(models.TextChoices):
    """planned → sealed → sending → sent | failed | uncertain; planned → withdrawn."""

    PLANNED = "planned"
    SEALED = "sealed"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"  # proven not to have left
    UNCERTAIN = "uncertain"  # may have left; a human or the provider must say
    WITHDRAWN = "withdrawn"  # planned, but a later plan no longer wanted it


class Message(models.Model):
    """A measure and its message. Two unique keys keep it from happening twice.

    Measure key: (tenant, case, step_id, cycle), first attempt. Message key: measure key + recipient +
    channel + attempt; the attempt rises only after proven non-delivery. `fence` rises with every lease, so
    that a worker whose lease has ended cannot write any more.
    """

    id = IdField()
    tenant = link("records.Tenant")
    public_id = models.CharField(max_length=16, default=ids.new_public_id)
    case = link("records.Case", related_name="messages")
    run = link("records.Run", null=True)
    step_id = models.CharField(max_length=60)
    level = models.SmallIntegerField()
    cycle = models.IntegerField()
    procedure = models.CharField(max_length=100)
    channel = models.CharField(max_length=10)
    recipient_id = models.BigIntegerField(null=True)  # person_id; null until sealed
    attempt = models.IntegerField(default=1)
    demanded_cents = models.BigIntegerField()
    fee_cents = models.BigIntegerField(default=0)
    fee_rule_id = models.CharField(max_length=60, null=True)
    pay_by = models.DateField(null=True)
    is_dunning = models.BooleanField(default=False)
    reason = models.CharField(max_length=60)
    fact_no = models.IntegerField()
    planned_on = models.DateField()
    law_hash = models.CharField(max_length=64)

    state = models.CharField(max_length=10, choices=MessageState.choices, default=MessageState.PLANNED)
    fence = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    sealed_at = models.DateTimeField(null=True)
    sealed_on = models.DateField(null=True)
    sent_at = models.DateTimeField(null=True)
    statement_hash = models.BinaryField(null=True)  # HMAC of the statement the letter shows
    bytes_hash = models.BinaryField(null=True)  # HMAC of the sealed bytes
    file_name = models.CharField(max_length=100, null=True)  # below letters/ of the book
    gateway = models.CharField(max_length=20, null=True)
    receipt = models.CharField(max_length=200, null=True)  # provider's id; never an address
    ended_because = models.CharField(max_length=60, null=True)

    class Meta:
        db_table = "messages"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="messages_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "public_id"], name="messages_public_id"),
            models.UniqueConstraint(
                fields=["tenant", "case", "step_id", "cycle"],
                condition=models.Q(attempt=1),
                name="messages_measure_key",
            ),
            models.UniqueConstraint(
                fields=["tenant", "case", "step_id", "cycle", "recipient_id", "channel", "attempt"],
                name="messages_message_key",
            ),
        )
        indexes = (
            models.Index(
                fields=["tenant", "state", "id"],
                condition=~models.Q(state__in=["sent", "withdrawn"]),
                name="messages_outbox",
            ),
        )


class MessageItem(models.Model):
    """A claim listed in a message, with its own step and level. Columns: frames.MEASURE_ITEMS."""

    id = IdField()
    tenant = link("records.Tenant")
    message = link("records.Message", related_name="items")
    case = link("records.Case")
    claim = link("records.Claim")
    step_id = models.CharField(max_length=60)
    level = models.SmallIntegerField()
    climbs = models.BooleanField()
    open_cents = models.BigIntegerField()
    triggers_default = models.BooleanField()

    class Meta:
        db_table = "message_items"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "message", "claim"], name="message_items_claim"),
        )


class Permit(models.Model):
    """The answer to "may this message leave?", asked when planned and again when sealed."""

    id = IdField()
    tenant = link("records.Tenant")
    message = link("records.Message", related_name="permits")
    phase = models.CharField(max_length=10)  # planned | sealed
    fence = models.IntegerField(default=0)
    is_granted = models.BooleanField()
    ruleset_hash = models.CharField(max_length=64)
    answers = models.JSONField()  # [[rule, ok, detail], …], never personal data
    asked_at = models.DateTimeField()

    class Meta:
        db_table = "permits"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="permits_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "message", "phase", "fence"], name="permits_phase"),
        )
