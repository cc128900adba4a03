"""Payment providers: accounts, pay links, checkouts, payments, the inbox of events, refunds."""

from __future__ import annotations

from django.db import models

from mahnwerk.records.fields import IdField, link


class ProviderAccount(models.Model):
    """A creditor's account with a provider. `public_id` begins with the tenant's number: a webhook must find
    its tenant before any row of a tenant can be read."""

    id = IdField()
    tenant = link("records.Tenant")
    public_id = models.CharField(max_length=40)
    creditor = link("records.Creditor")
    key = models.CharField(max_length=100)
    provider = models.CharField(max_length=20)  # stripe, paypal, mollie
    settings = models.JSONField(default=dict)  # what is no secret: client id, webhook id, sandbox
    secrets = models.BinaryField()
    is_active = models.BooleanField(default=True)
    added_at = models.DateTimeField()
    reconciled_until = models.DateTimeField(null=True)
    presses = models.IntegerField(null=True)  # of pay buttons that asked the provider, since presses_since
    presses_since = models.DateTimeField(null=True)

    class Meta:
        db_table = "provider_accounts"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="provider_accounts_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "key"], name="provider_accounts_key"),
            models.UniqueConstraint(fields=["tenant", "public_id"], name="provider_accounts_public_id"),
        )


class PayLink(models.Model):
    """A link on which the debtor of a case can pay. `amount_cents` null = what is open when it is used."""

    class State(models.TextChoices):
        OPEN = "open"
        PAID = "paid"
        CLOSED = "closed"

    id = IdField()
    tenant = link("records.Tenant")
    public_id = models.CharField(max_length=40)
    account = link("records.ProviderAccount")
    case = link("records.Case")
    claim = link("records.Claim", null=True)  # the claim this link is about; null = the whole case
    plan_id = models.BigIntegerField(null=True)  # instalment_plans: about what was missed of it; null = none
    amount_cents = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    made_at = models.DateTimeField()
    presses = models.IntegerField(null=True)  # of the button, since presses_since
    presses_since = models.DateTimeField(null=True)

    class Meta:
        db_table = "pay_links"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="pay_links_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "public_id"], name="pay_links_public_id"),
            models.CheckConstraint(
                condition=models.Q(amount_cents__isnull=True) | models.Q(amount_cents__gt=0),
                name="pay_links_amount_above_zero",
            ),
        )
        indexes = (models.Index(fields=["tenant", "case"], name="pay_links_case"),)


class PaymentIntent(models.Model):
    """One attempt to pay on a link: made here with its key first, then told to the provider.

    new → open | unknown | failed; unknown → open (asked again with the same key); open → processing | paid |
    failed | expired.
    """

    class State(models.TextChoices):
        NEW = "new"
        UNKNOWN = "unknown"
        OPEN = "open"
        PROCESSING = "processing"
        PAID = "paid"
        FAILED = "failed"
        EXPIRED = "expired"

    id = IdField()
    tenant = link("records.Tenant")
    account = link("records.ProviderAccount")
    pay_link = link("records.PayLink", related_name="intents")
    attempt = models.IntegerField()
    key = models.CharField(max_length=40)
    amount_cents = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=12, choices=State.choices, default=State.NEW)
    checkout_id = models.CharField(max_length=120, null=True)
    payment_id = models.CharField(max_length=120, null=True)
    url = models.CharField(max_length=2000, blank=True, default="")
    asked_at = models.DateTimeField()

    class Meta:
        db_table = "payment_intents"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="payment_intents_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "pay_link", "attempt"], name="payment_intents_attempt"),
            models.UniqueConstraint(fields=["tenant", "key"], name="payment_intents_key"),
            models.UniqueConstraint(
                fields=["tenant", "account", "checkout_id"],
                condition=models.Q(checkout_id__isnull=False),
                name="payment_intents_checkout",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_cents__gt=0), name="payment_intents_amount_above_zero"
            ),
        )


class ProviderPayment(models.Model):
    """A payment as booked: the projection of its facts.

    `fact_no` is the payment fact in force, or the last one that was; `returns` and `refunds` hold by the
    provider's name what was taken back and paid back, told in any order.
    """

    id = IdField()
    tenant = link("records.Tenant")
    account = link("records.ProviderAccount")
    payment_id = models.CharField(max_length=120)
    case = link("records.Case")
    pay_link = link("records.PayLink")
    currency = models.CharField(max_length=3)
    amount_cents = models.BigIntegerField()
    kept_cents = models.BigIntegerField()  # amount less what was taken back
    paid_on = models.DateField()
    fact_no = models.IntegerField()
    returns = models.JSONField(default=dict)
    refunds = models.JSONField(default=dict)

    class Meta:
        db_table = "provider_payments"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="provider_payments_tenant_id"),
            models.UniqueConstraint(
                fields=["tenant", "account", "payment_id"], name="provider_payments_payment"
            ),
            models.CheckConstraint(
                condition=models.Q(kept_cents__gte=0, kept_cents__lte=models.F("amount_cents")),
                name="provider_payments_kept_bounds",
            ),
        )


class ProviderEvent(models.Model):
    """The inbox: each event of a provider once, in the commit that books its effect.

    applied · waiting (its payment is not known yet) · ignored (moves no money) · foreign (not about one of
    our links) · unmatched (about one of our links, but cannot be booked: a person must look).
    """

    class State(models.TextChoices):
        APPLIED = "applied"
        WAITING = "waiting"
        IGNORED = "ignored"
        FOREIGN = "foreign"
        UNMATCHED = "unmatched"

    id = IdField()
    tenant = link("records.Tenant")
    account = link("records.ProviderAccount")
    event_id = models.CharField(max_length=120)
    kind = models.CharField(max_length=60)
    payment_id = models.CharField(max_length=120, blank=True, default="")
    checkout_id = models.CharField(max_length=120, blank=True, default="")
    state = models.CharField(max_length=10, choices=State.choices)
    because = models.CharField(max_length=40, blank=True, default="")
    movements = models.JSONField(default=list)
    came_by = models.CharField(max_length=12)  # webhook, listing
    received_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)
    body = models.BinaryField(null=True)
    body_person_id = models.BigIntegerField(null=True)  # whose key opens it; null = the tenant's

    class Meta:
        db_table = "provider_events"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="provider_events_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "account", "event_id"], name="provider_events_event"),
        )
        indexes = (
            models.Index(
                fields=["tenant", "account", "payment_id"],
                condition=models.Q(state="waiting"),
                name="provider_events_waiting",
            ),
        )


class ProviderRefund(models.Model):
    """Money to pay back: written with its key before the provider is asked."""

    class State(models.TextChoices):
        NEW = "new"
        UNKNOWN = "unknown"
        PENDING = "pending"
        DONE = "done"
        FAILED = "failed"

    id = IdField()
    tenant = link("records.Tenant")
    account = link("records.ProviderAccount")
    payment = link("records.ProviderPayment", related_name="asked_refunds")
    key = models.CharField(max_length=40)
    reference = models.CharField(max_length=100)
    amount_cents = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.NEW)
    refund_id = models.CharField(max_length=120, null=True)
    asked_at = models.DateTimeField()

    class Meta:
        db_table = "provider_refunds"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="provider_refunds_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "key"], name="provider_refunds_key"),
            models.UniqueConstraint(
                fields=["tenant", "payment", "reference"], name="provider_refunds_reference"
            ),
            models.CheckConstraint(
                condition=models.Q(amount_cents__gt=0), name="provider_refunds_amount_above_zero"
            ),
        )


class ProviderBalance(models.Model):
    """A change of our balance with a provider, as it lists them: once each, for fees and settlements."""

    id = IdField()
    tenant = link("records.Tenant")
    account = link("records.ProviderAccount")
    movement_id = models.CharField(max_length=120)
    kind = models.CharField(max_length=10)  # payment, refund, returned, fee, payout, other
    payment_id = models.CharField(max_length=120, blank=True, default="")
    gross_cents = models.BigIntegerField()  # before the fee; to us is positive
    fee_cents = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    moved_on = models.DateField()
    descriptor = models.CharField(max_length=60, blank=True, default="")
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "provider_balances"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="provider_balances_tenant_id"),
            models.UniqueConstraint(
                fields=["tenant", "account", "movement_id"], name="provider_balances_movement"
            ),
        )
