"""Who works here, and for whom: tenants, their creditors, the mandates and the money feeds."""

from __future__ import annotations

from django.db import models

from mahnwerk.records import ids
from mahnwerk.records.fields import IdField, link


class Tenant(models.Model):
    """An operator, agency or marketplace. The only table without row-level security: it holds names only."""

    id = IdField()
    number = models.IntegerField(unique=True)  # 1, 2, … : part of every RF reference
    name = models.CharField(max_length=200)
    time_zone = models.CharField(max_length=64, default="Europe/Berlin")
    last_case_no = models.IntegerField(default=0)

    class Meta:
        db_table = "tenants"


class Creditor(models.Model):
    """A creditor; `profile` is the creditor file as read (name, address, IBAN, contact, register …)."""

    id = IdField()
    tenant = link("records.Tenant")
    public_id = models.CharField(max_length=16, default=ids.new_public_id)
    key = models.CharField(max_length=100)  # creditor_key of the import files
    name = models.CharField(max_length=200)
    iban = models.CharField(max_length=34, blank=True, default="")
    vat_id = models.CharField(max_length=20, blank=True, default="")
    language = models.CharField(max_length=2, default="de")
    procedure = models.CharField(max_length=100, null=True)  # "name@version" new cases enrol in
    profile = models.JSONField(default=dict)
    logo = models.BinaryField(null=True)
    logo_type = models.CharField(max_length=32, blank=True, default="")

    class Meta:
        db_table = "creditors"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="creditors_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "key"], name="creditors_key"),
            models.UniqueConstraint(fields=["tenant", "public_id"], name="creditors_public_id"),
        )


class Mandate(models.Model):
    """In whose right the tenant acts for a creditor (decision 0002). The latest by `given_on` counts."""

    id = IdField()
    tenant = link("records.Tenant")
    creditor = link("records.Creditor", related_name="mandates")
    role = models.SmallIntegerField()  # frames.Role
    given_on = models.DateField()
    input_tax_deductible = models.BooleanField(default=True)
    registration = models.JSONField(default=dict)  # register data of an agency

    class Meta:
        db_table = "mandates"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="mandates_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "creditor", "given_on"], name="mandates_given_on"),
        )


class Feed(models.Model):
    """A source of payments of a creditor, and how old its last word may become before we stay silent."""

    id = IdField()
    tenant = link("records.Tenant")
    creditor = link("records.Creditor", related_name="feeds")
    name = models.CharField(max_length=100)
    checked_on = models.DateField()
    max_age_days = models.IntegerField()
    is_watched = models.BooleanField(default=True)

    class Meta:
        db_table = "feeds"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="feeds_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "creditor", "name"], name="feeds_name"),
        )
