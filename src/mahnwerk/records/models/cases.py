"""Cases, their claims, and the one narrow table of facts (decision 0002)."""

from __future__ import annotations

from django.db import models

from mahnwerk.records import ids
from mahnwerk.records.fields import IdField, link


class Case(models.Model):
    """One creditor × one debtor × one currency. Not a register of truths: projections of facts only."""

    id = IdField()
    tenant = link("records.Tenant")
    public_id = models.CharField(max_length=16, default=ids.new_public_id)
    creditor = link("records.Creditor", related_name="cases")
    debtor_key = models.BinaryField()  # HMAC of the customer number, else of name and postal address
    case_no = models.IntegerField()
    case_reference = models.CharField(max_length=20)
    rf_reference = models.CharField(max_length=25, unique=True)  # the bank knows no tenants
    currency = models.CharField(max_length=3)
    is_consumer = models.BooleanField(default=True)
    land = models.CharField(max_length=2, null=True)
    language = models.CharField(max_length=2, default="de")
    role = models.SmallIntegerField()
    procedure = models.CharField(max_length=100, null=True)
    has_postal_address = models.BooleanField()
    has_email = models.BooleanField()
    last_fact_no = models.IntegerField(default=0)
    last_claim_no = models.IntegerField(default=0)
    recorded_on = models.DateField()

    class Meta:
        db_table = "cases"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="cases_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "public_id"], name="cases_public_id"),
            models.UniqueConstraint(
                fields=["tenant", "creditor", "debtor_key", "currency"], name="cases_debtor"
            ),
            models.UniqueConstraint(fields=["tenant", "case_reference"], name="cases_reference"),
            models.UniqueConstraint(fields=["tenant", "case_no"], name="cases_no"),
        )


class CaseParticipant(models.Model):
    """Who is in a case as what."""

    class Part(models.TextChoices):
        DEBTOR = "debtor"
        CO_DEBTOR = "co_debtor"
        GUARDIAN = "guardian"
        REPRESENTATIVE = "representative"

    id = IdField()
    tenant = link("records.Tenant")
    case = link("records.Case", related_name="participants")
    person_id = models.BigIntegerField()
    part = models.CharField(max_length=16, choices=Part.choices, default=Part.DEBTOR)

    class Meta:
        db_table = "case_participants"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="case_participants_tenant_id"),
            models.UniqueConstraint(
                fields=["tenant", "case", "part", "person_id"], name="case_participants_part"
            ),
        )
        indexes = (models.Index(fields=["tenant", "person_id"], name="case_participants_person"),)


class CaseAlias(models.Model):
    """An old reference that keeps leading to its case, for ever."""

    id = IdField()
    tenant = link("records.Tenant")
    case = link("records.Case", related_name="aliases")
    reference = models.CharField(max_length=40)

    class Meta:
        db_table = "case_aliases"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="case_aliases_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "reference"], name="case_aliases_reference"),
        )


class Claim(models.Model):
    """A claim as placed: the insert-only projection of its `claim_placed` fact. Columns: frames.CLAIMS."""

    id = IdField()
    tenant = link("records.Tenant")
    case = link("records.Case", related_name="claims")
    creditor = link("records.Creditor")
    claim_no = models.IntegerField()
    jurisdiction = models.CharField(max_length=2, default="de")
    kind = models.SmallIntegerField()
    invoice_number = models.CharField(max_length=100)
    currency = models.CharField(max_length=3)
    principal_cents = models.BigIntegerField()
    issued_on = models.DateField(null=True)
    due_on = models.DateField()
    due_kind = models.SmallIntegerField()
    received_on = models.DateField(null=True)
    obligation_arose_on = models.DateField(null=True)
    has_default_notice = models.BooleanField(default=False)
    agreed_rate_ppm = models.BigIntegerField(null=True)
    agreed_from = models.DateField(null=True)
    agreed_default_rate_ppm = models.BigIntegerField(null=True)
    is_secured = models.BooleanField(default=False)
    discount_cents = models.BigIntegerField(null=True)
    discount_until = models.DateField(null=True)
    recorded_on = models.DateField()

    class Meta:
        db_table = "claims"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="claims_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "case", "claim_no"], name="claims_no"),
            models.UniqueConstraint(
                fields=["tenant", "creditor", "invoice_number"], name="claims_invoice_number"
            ),
            models.CheckConstraint(
                condition=models.Q(principal_cents__gt=0, principal_cents__lte=10**13),
                name="claims_principal_bounds",
            ),
        )


class Fact(models.Model):
    """What happened: never changed, never deleted. `fact_no` counts 1…n within the case."""

    id = IdField()
    tenant = link("records.Tenant")
    case = link("records.Case", related_name="facts")
    fact_no = models.IntegerField()
    claim = link("records.Claim", null=True)
    kind = models.SmallIntegerField()  # frames.FactKind
    effective_on = models.DateField()
    recorded_at = models.DateTimeField()
    recorded_on = models.DateField()  # recorded_at as a day in the tenant's zone
    amount_cents = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, null=True)
    voids_fact_no = models.IntegerField(null=True)
    until_on = models.DateField(null=True)
    code = models.CharField(max_length=60, null=True)
    message = link("records.Message", null=True)
    source_key = models.BinaryField(null=True)  # HMAC: the same event told twice is one fact

    class Meta:
        db_table = "facts"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="facts_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "case", "fact_no"], name="facts_no"),
            models.UniqueConstraint(
                fields=["tenant", "source_key"],
                condition=models.Q(source_key__isnull=False),
                name="facts_source_key",
            ),
        )


class Designation(models.Model):
    """A claim the payer named with a payment (§ 366 Abs. 1 BGB)."""

    id = IdField()
    tenant = link("records.Tenant")
    case = link("records.Case")
    fact_no = models.IntegerField()
    claim = link("records.Claim")
    position = models.IntegerField()

    class Meta:
        db_table = "designations"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="designations_tenant_id"),
            models.UniqueConstraint(
                fields=["tenant", "case", "fact_no", "position"], name="designations_position"
            ),
        )
