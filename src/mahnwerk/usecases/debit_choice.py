"""What of the announced goes into a file today: each order asked about once more, each refusal named."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from mahnwerk.formats import creditor_identifier, pain
from mahnwerk.formats.pain import Collection
from mahnwerk.kernel.debit_notices import in_time
from mahnwerk.kernel.target_days import target_day, target_days_after
from mahnwerk.records import facts as fact_records
from mahnwerk.records import mandates
from mahnwerk.records.models import Case, Creditor, DebitMandate, DebitNotice, DebitOrder, DebitStatus
from mahnwerk.usecases import clock
from mahnwerk.usecases.debit_history import LATE, History, Told
from mahnwerk.usecases.debit_targets import Target, targets
from mahnwerk.usecases.direct_debits import ONCE, News, notify, quiet
from mahnwerk.usecases.opening import OpenBook

AHEAD: Final = dt.timedelta(days=14)
"""Collections up to so far ahead go into a file."""
UNTOLD: Final = (
    "its announcement has not left yet: `mahnwerk run-day` and `mahnwerk send` write it; told by "
    "hand, say so with direct-debit announce --told-by"
)


@dataclass(frozen=True)
class Chosen:
    """An order to be: what is collected, and what it rests on. The end-to-end id is not given yet."""

    mandate: DebitMandate
    notice: DebitNotice
    collection: Collection


@dataclass(frozen=True)
class Choice:
    """The orders of a file; what is left out and why; what is collected later than planned and why."""

    chosen: list[Chosen]
    skipped: list[str]
    moved: list[str]


def choose(book: OpenBook, creditor: Creditor, known: Mapping[int, DebitMandate], day: dt.date) -> Choice:
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
    _told_by_plans(book, found.targets, known, history, day)
    chooser = _Chooser.of(book, creditor, list(known.values()), day)
    for target in found.targets:
        notice = history.last_of(target)
        if notice is None or notice.id in history.orders:
            continue
        if history.is_untold(target, found.told):
            chooser.skip(target, known[target.case_id], UNTOLD)
            continue
        due = _day(notice, known[target.case_id], found.told)
        if due <= day + AHEAD:
            chooser.take(target, known[target.case_id], notice, due)
    facts = [fact for one in chooser.chosen for fact in _later(one)]
    if facts:
        fact_records.append(book.tenant_id, facts, recorded_at=clock.now())
    return Choice(chooser.in_sequence(), chooser.skipped, chooser.moved)


def _day(notice: DebitNotice, mandate: DebitMandate, told: Told) -> dt.date:
    """The day that may be collected on: as told, and as many days after telling as agreed."""
    if notice.id not in told:
        return notice.collect_on
    left_on, debit_on = told[notice.id]
    return in_time(max(notice.collect_on, debit_on), left_on, mandate.notice_days)


def _later(one: Chosen) -> list[dict[str, Any]]:
    """What is collected later than planned is kept quiet and free of interest until then."""
    moved = one.collection.collect_on > one.notice.collect_on
    return quiet(one.notice, one.collection.collect_on) if moved else []


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
            by_plan = DebitNotice.ToldBy.PLAN.value
            news.append(News(target, mandate, target.told_on, collect_on, by_plan))
    notify(book, news, history)


class _Chooser:
    """Everything an order depends on, read at once, and what becomes of each target."""

    def __init__(self) -> None:
        self.chosen: list[Chosen] = []
        self.skipped: list[str] = []
        self.moved: list[str] = []
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

    def take(self, target: Target, mandate: DebitMandate, notice: DebitNotice, due: dt.date) -> None:
        """Choose a target whose day has come, or say why it is not collected."""
        collection = self._collection(target, mandate, notice, due)
        if not isinstance(collection, Collection):
            self.skip(target, mandate, collection)
            return
        self.chosen.append(Chosen(mandate, notice, collection))
        self.used.add(mandate.id)
        if due > notice.collect_on:
            why = f"on {due} instead of {notice.collect_on}: its announcement left later than planned"
            self.moved.append(f"{self._name(target, mandate)}: {why}")

    def in_sequence(self) -> list[Chosen]:
        """The chosen; the earliest under a mandate that was never collected under is its first (FRST)."""
        first: dict[int, int] = {}
        for place, one in enumerate(self.chosen):
            if one.mandate.sequence in (*ONCE, "RCUR") or one.mandate.id in self.collected:
                continue
            known = first.setdefault(one.mandate.id, place)
            if one.collection.collect_on < self.chosen[known].collection.collect_on:
                first[one.mandate.id] = place
        for place in first.values():
            one = self.chosen[place]
            self.chosen[place] = replace(one, collection=replace(one.collection, sequence="FRST"))
        return self.chosen

    def skip(self, target: Target, mandate: DebitMandate, reason: str) -> None:
        """Leave a target out, and say why."""
        self.skipped.append(f"{self._name(target, mandate)}: {reason}")

    def _name(self, target: Target, mandate: DebitMandate) -> str:
        return f"{self.cases[target.case_id].case_reference}, {target.what}, mandate {mandate.reference}"

    def _collection(
        self, target: Target, mandate: DebitMandate, notice: DebitNotice, due: dt.date
    ) -> Collection | str:
        case = self.cases[target.case_id]
        if due + LATE < self.earliest:
            return f"announced for {due}, too long ago: direct-debit announce does it anew"
        if mandate.id not in self.details:
            return "the person was erased"
        if mandate.sequence in ONCE and mandate.id in self.used:
            return "its mandate is for one collection only"
        if case.currency != "EUR":
            return f"the case is kept in {case.currency}, and a SEPA direct debit collects euro only"
        reason = self._identifier(mandate)
        if reason:
            return reason
        collection = Collection(
            end_to_end_id="",
            amount_cents=min(target.amount_cents, notice.amount_cents),
            name=self.details[mandate.id]["name"],
            iban=self.details[mandate.id]["iban"],
            mandate_id=mandate.reference,
            mandate_signed_on=mandate.signed_on,
            collect_on=max(self.earliest, due),
            text=case.rf_reference,
            sequence=mandate.sequence if mandate.sequence in ONCE else "RCUR",
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
