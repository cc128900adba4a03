"""What of the announced goes into a file today: each order asked about once more, each refusal named."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mahnwerk.formats import creditor_identifier, pain
from mahnwerk.formats.pain import Collection
from mahnwerk.kernel.target_days import target_day, target_days_after
from mahnwerk.records import mandates
from mahnwerk.records.models import Case, Creditor, DebitMandate, DebitNotice, DebitOrder, DebitStatus
from mahnwerk.usecases.debit_history import History
from mahnwerk.usecases.debit_targets import Target, targets
from mahnwerk.usecases.direct_debits import ONCE, News, notify
from mahnwerk.usecases.opening import OpenBook

AHEAD: Final = dt.timedelta(days=14)
"""Collections up to so far ahead go into a file."""
LATE: Final = dt.timedelta(days=5)
"""A collection announced for a day that has passed by more is announced anew."""


@dataclass(frozen=True)
class Chosen:
    """An order to be: what is collected, and what it rests on. The end-to-end id is not given yet."""

    mandate: DebitMandate
    notice: DebitNotice
    collection: Collection


def choose(
    book: OpenBook, creditor: Creditor, known: Mapping[int, DebitMandate], day: dt.date
) -> tuple[list[Chosen], list[str]]:
    """What may be collected now, and why the rest may not; call it in a transaction.

    Instalments that come into reach are recorded as told by their plan. What cannot be collected under its
    mandate is left out and named; it stops nothing else.

    Parameters
    ----------
    known : case_id → mandate, as from `open_mandates`

    Guarantees
    ----------
    A number of queries that does not grow with the targets but by blocks of 500.
    """
    found = targets(book, known, day)
    history = History.of(book, creditor)
    _told_by_plans(book, found, known, history, day)
    chooser = _Chooser.of(book, creditor, list(known.values()), day)
    for target in found:
        notice = history.last_of(target)
        if notice is None or notice.id in history.orders or notice.collect_on > day + AHEAD:
            continue
        chooser.take(target, known[target.case_id], notice)
    return chooser.chosen, chooser.skipped


def _told_by_plans(
    book: OpenBook,
    found: Sequence[Target],
    known: Mapping[int, DebitMandate],
    history: History,
    day: dt.date,
) -> None:
    """The plan itself told day and sum of each instalment; recorded when it comes into reach."""
    news = []
    for target in found:
        if target.told_on is None or history.last_of(target) is not None:
            continue
        mandate = known[target.case_id]
        told_until = target.told_on + dt.timedelta(days=mandate.notice_days)
        collect_on = target_day(max(target.due_on, told_until))
        if collect_on <= day + AHEAD:
            news.append(News(target, mandate, target.told_on, collect_on))
    notify(book, news, history)


class _Chooser:
    """Everything an order depends on, read at once, and what becomes of each target."""

    def __init__(self) -> None:
        self.chosen: list[Chosen] = []
        self.skipped: list[str] = []
        self.used: set[int] = set()

    @classmethod
    def of(cls, book: OpenBook, creditor: Creditor, rows: list[DebitMandate], day: dt.date) -> _Chooser:
        self = cls()
        self.earliest = target_days_after(day, 1)
        self.details = mandates.details(book.tenant_id, rows)
        mine = DebitMandate.objects.filter(
            tenant_id=book.tenant_id, ended_on__isnull=True, case__creditor_id=creditor.id
        )
        cases = Case.objects.filter(tenant_id=book.tenant_id, id__in=mine.values("case_id"))
        self.cases = {one.id: one for one in cases}
        collected = DebitOrder.objects.filter(tenant_id=book.tenant_id, mandate__in=mine).exclude(
            statuses__word=DebitStatus.Word.REFUSED
        )
        self.collected = set(collected.values_list("mandate_id", flat=True))
        self.party = _party(creditor, rows)
        return self

    def take(self, target: Target, mandate: DebitMandate, notice: DebitNotice) -> None:
        """Choose a target whose day has come, or say why it is not collected."""
        case = self.cases[target.case_id]
        collection = self._collection(target, mandate, notice, case)
        if isinstance(collection, Collection):
            self.chosen.append(Chosen(mandate, notice, collection))
            self.used.add(mandate.id)
            return
        told = f"{case.case_reference}, {target.what}, mandate {mandate.reference}"
        self.skipped.append(f"{told}: {collection}")

    def _collection(
        self, target: Target, mandate: DebitMandate, notice: DebitNotice, case: Case
    ) -> Collection | str:
        if notice.collect_on + LATE < self.earliest:
            return f"announced for {notice.collect_on}, too long ago"
        if mandate.id not in self.details:
            return "the person was erased"
        if mandate.sequence in ONCE and mandate.id in self.used:
            return "its mandate is for one collection only"
        if case.currency != "EUR":
            return f"the case is kept in {case.currency}, and a SEPA direct debit collects euro only"
        reason = self._identifier(mandate)
        if reason:
            return reason
        sequence = mandate.sequence if mandate.sequence in (*ONCE, "RCUR") else None
        is_first = mandate.id not in self.used and mandate.id not in self.collected
        collection = Collection(
            end_to_end_id="",
            amount_cents=min(target.amount_cents, notice.amount_cents),
            name=self.details[mandate.id]["name"],
            iban=self.details[mandate.id]["iban"],
            mandate_id=mandate.reference,
            mandate_signed_on=mandate.signed_on,
            collect_on=max(self.earliest, notice.collect_on),
            text=case.rf_reference,
            sequence=sequence or ("FRST" if is_first else "RCUR"),
        )
        return pain.complaint(collection) or collection

    def _identifier(self, mandate: DebitMandate) -> str:
        """Why a mandate is none of this creditor's; "" = it is."""
        identifier = mandate.creditor_identifier
        wrong = creditor_identifier.wrong(identifier)
        if wrong:
            return f"creditor identifier {identifier} {wrong}"
        if not self.party:
            return (
                "as many mandates name another identifier; write creditor_identifier into the creditor file"
            )
        if creditor_identifier.party(identifier) != self.party:
            return f"it was given to {identifier}, and the creditor is another"
        return ""


def _party(creditor: Creditor, rows: Sequence[DebitMandate]) -> str:
    """Whose mandates are collected under: as the creditor file says, else as most of them do; "" = unsure."""
    own = creditor.profile.get("creditor_identifier", "")
    if own:
        return creditor_identifier.party(own)
    named = (row.creditor_identifier for row in rows)
    right = [creditor_identifier.party(one) for one in named if not creditor_identifier.wrong(one)]
    counts = Counter(right).most_common(2)
    if not counts or (len(counts) == 2 and counts[0][1] == counts[1][1]):
        return ""
    return counts[0][0]
