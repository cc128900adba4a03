"""Entries that are not certain: what is proposed for them, what is asked, and whom they hold meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db import transaction

from mahnwerk.records import bank, bank_read
from mahnwerk.records.bank_read import EntryRow
from mahnwerk.records.models import EntryState, MatchProposal
from mahnwerk.usecases import clock
from mahnwerk.usecases.bank_booking import AT_ONCE, move_holds
from mahnwerk.usecases.failpoints import reached
from mahnwerk.usecases.opening import OpenBook


@dataclass(frozen=True)
class Question:
    """What is asked about an entry.

    case_id : whom the entry holds until it is answered; None = nobody
    proposal : columns of MatchProposal; None = nothing is proposed, the entry waits in suspense
    """

    entry: EntryRow
    reason: str
    case_id: int | None
    proposal: Mapping[str, Any] | None = None

    @property
    def state(self) -> EntryState:
        """What the entry is while the question is open."""
        return EntryState.SUSPENSE if self.proposal is None else EntryState.PROPOSED

    def is_asked(self, known: MatchProposal | None) -> bool:
        """Whether just this is asked already."""
        row = self.entry.row
        told = None if known is None else {name: getattr(known, name) for name in self.proposal or ()}
        same = (row.state, row.reason, row.hold_case_id) == (self.state, self.reason, self.case_id)
        return same and told == (self.proposal and dict(self.proposal))


def ask(book: OpenBook, questions: Sequence[Question]) -> None:
    """Keep the questions, and hold whom they may concern; one that is asked already changes nothing.

    Some hundred share a transaction. An entry that somebody else cleared meanwhile is left alone.
    """
    for start in range(0, len(questions), AT_ONCE):
        with transaction.atomic():
            _ask(book, questions[start : start + AT_ONCE])
        reached("questions asked")


def _ask(book: OpenBook, part: Sequence[Question]) -> None:
    still = bank.lock_open(book.tenant_id, [one.entry.row for one in part])
    known = bank_read.proposals(book.tenant_id, sorted(still))
    fresh = [
        one
        for one in part
        if one.entry.row.id in still and not one.is_asked(known.get(one.entry.row.id))
    ]  # fmt: skip
    if not fresh:
        return
    ids = [one.entry.row.id for one in fresh]
    states = {"id": ids, "state": [one.state.value for one in fresh], "reason": [one.reason for one in fresh]}
    bank.settle_all(book.tenant_id, pl.DataFrame(states))
    bank.drop_proposals(book.tenant_id, ids)
    MatchProposal.objects.bulk_create(
        MatchProposal(
            tenant_id=book.tenant_id, entry_id=one.entry.row.id, recorded_at=clock.now(), **one.proposal
        )
        for one in fresh
        if one.proposal is not None
    )
    move_holds(book, [(one.entry.row, one.case_id) for one in fresh])
