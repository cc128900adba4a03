"""What was decided when, by which run, from which files, and who did what."""

from __future__ import annotations

from django.db import models

from mahnwerk.records.fields import IdField, link


class Run(models.Model):
    """One run of a day. `run_no` counts the runs of the same day."""

    class State(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"

    id = IdField()
    tenant = link("records.Tenant")
    on = models.DateField(db_column="run_on")
    run_no = models.IntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    law_hash = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)
    coverage_hash = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        db_table = "runs"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="runs_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "on", "run_no"], name="runs_no"),
        )


class RunChunk(models.Model):
    """A part of a run that is in the book, committed together with its rows."""

    id = IdField()
    tenant = link("records.Tenant")
    run = link("records.Run", related_name="chunks")
    chunk = models.IntegerField()
    cases = models.IntegerField()
    skipped = models.IntegerField()
    coverage = models.CharField(max_length=64)

    class Meta:
        db_table = "run_chunks"
        constraints = (models.UniqueConstraint(fields=["tenant", "run", "chunk"], name="run_chunks_chunk"),)


class Decision(models.Model):
    """An interval in which a case had one outcome for one reason (decision 0005). Open = `until_on` null."""

    id = IdField()
    tenant = link("records.Tenant")
    case = link("records.Case", related_name="decisions")
    run = link("records.Run")
    outcome = models.CharField(max_length=8)  # measure | held
    reason = models.CharField(max_length=60)
    detail = models.CharField(max_length=100, null=True)
    from_on = models.DateField()
    until_on = models.DateField(null=True)  # day of the decision that followed
    next_look_on = models.DateField(null=True)
    fact_no = models.IntegerField()
    closed_by_run_id = models.BigIntegerField(null=True)

    class Meta:
        db_table = "decisions"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "case", "id"], name="decisions_case"),
            models.UniqueConstraint(
                fields=["tenant", "case"], condition=models.Q(until_on=None), name="decisions_open"
            ),
        )


class ImportedFile(models.Model):
    """A file that was taken in, known by the HMAC of its bytes: the same file twice adds nothing."""

    id = IdField()
    tenant = link("records.Tenant")
    kind = models.CharField(max_length=20)
    content_hmac = models.BinaryField()
    imported_at = models.DateTimeField()
    counts = models.JSONField(default=dict)

    class Meta:
        db_table = "imported_files"
        constraints = (
            models.UniqueConstraint(fields=["tenant", "id"], name="imported_files_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "kind", "content_hmac"], name="imported_files_content"),
        )


class AuditEntry(models.Model):
    """Who did what, when; ids and counts only."""

    id = IdField()
    tenant = link("records.Tenant")
    at = models.DateTimeField()
    actor = models.CharField(max_length=100)
    action = models.CharField(max_length=60)
    on = models.DateField(null=True, db_column="action_on")
    case_id = models.BigIntegerField(null=True)
    detail = models.JSONField(default=dict)

    class Meta:
        db_table = "audit_entries"
        constraints = (models.UniqueConstraint(fields=["tenant", "id"], name="audit_entries_tenant_id"),)
        indexes = (models.Index(fields=["tenant", "case_id", "at"], name="audit_entries_case"),)
