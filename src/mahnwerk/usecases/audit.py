"""Who did what, when: one line per use case that changed something; ids and counts only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from mahnwerk.records.models import AuditEntry
from mahnwerk.usecases import clock
from mahnwerk.usecases.opening import OpenBook


def note(
    book: OpenBook,
    action: str,
    *,
    on: dt.date | None = None,
    case_id: int | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Keep that the actor did this. `detail` holds ids, counts and closed words, never personal data."""
    AuditEntry.objects.create(
        tenant_id=book.tenant_id,
        at=clock.now(),
        actor=book.actor[:100],
        action=action,
        on=on,
        case_id=case_id,
        detail=dict(detail or {}),
    )


def note_cases(
    book: OpenBook, action: str, rows: Sequence[tuple[int, Mapping[str, Any]]], *, on: dt.date
) -> None:
    """`note` for many cases at once: case_id and detail of each, in one write by blocks of 500."""
    about = {"tenant_id": book.tenant_id, "at": clock.now(), "actor": book.actor[:100], "action": action}
    AuditEntry.objects.bulk_create(
        [AuditEntry(**about, on=on, case_id=case_id, detail=dict(detail)) for case_id, detail in rows],
        batch_size=500,
    )
