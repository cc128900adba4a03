"""Human beings: encrypted, each with a key of its own, found by keyed tokens only."""

from __future__ import annotations

from django.db import models

from mahnwerk.records.fields import IdField, link


class Person(models.Model):
    """One version of what we know of a person, encrypted. A change is a new version, never an update."""

    class State(models.TextChoices):
        LIVE = "live"
        RESTRICTED = "restricted"
        SHREDDED = "shredded"

    id = IdField()
    tenant = link("records.Tenant")
    person_id = models.BigIntegerField()  # stays the same through all versions
    version = models.IntegerField(default=1)
    state = models.CharField(max_length=10, choices=State.choices, default=State.LIVE)
    payload = models.BinaryField()  # algorithm, nonce, AES-256-GCM of the JSON payload
    payload_hmac = models.BinaryField()  # tells a changed payload without opening it
    recorded_at = models.DateTimeField()
    restricted_because = models.CharField(max_length=40, blank=True, default="")

    class Meta:
        db_table = "persons"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="persons_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "person_id", "version"], name="persons_version"),
        )


class BlindIndex(models.Model):
    """A keyed token of something searchable about a person; deleted together with the key."""

    class Kind(models.IntegerChoices):
        CUSTOMER_NUMBER = 1
        EMAIL = 2
        PHONE = 3
        IBAN = 4
        NAME = 5

    id = IdField()
    tenant = link("records.Tenant")
    kind = models.SmallIntegerField(choices=Kind.choices)
    token = models.BinaryField()
    person_id = models.BigIntegerField()

    class Meta:
        db_table = "blind_indexes"
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "kind", "token", "person_id"], name="blind_indexes_token"
            ),
        )
        indexes = (models.Index(fields=["tenant", "person_id"], name="blind_indexes_person"),)


class TenantKey(models.Model):
    """The tenant's key, wrapped by the master key. In the key store."""

    tenant_id = models.BigIntegerField(primary_key=True)
    wrapped = models.BinaryField()

    class Meta:
        db_table = "tenant_keys"


class PersonKey(models.Model):
    """A person's key, wrapped by the tenant's. In the key store; deleting the row erases the person."""

    id = IdField()  # the person_id
    tenant_id = models.BigIntegerField()
    wrapped = models.BinaryField()

    class Meta:
        db_table = "person_keys"
        constraints = (models.UniqueConstraint(fields=["tenant_id", "id"], name="person_keys_tenant_id"),)
