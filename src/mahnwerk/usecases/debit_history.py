"""What debtors were told of collections, and what became of them, read at once for all of a creditor."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Max

from mahnwerk.frames import FactKind
from mahnwerk.kernel.notices import DEBIT_NOTICE
from mahnwerk.records.models import (
    Creditor,
    DebitMandate,
    DebitNotice,
    DebitOrder,
    DebitStatus,
    Fact,
    Message,
)
from mahnwerk.usecases.debit_targets import Target
from mahnwerk.usecases.opening import OpenBook

Told = Mapping[int, tuple[dt.date, dt.date]]
LATE: Final = dt.timedelta(days=5)
"""A collection told for a day that has passed by more is announced anew."""


@dataclass
class History:
    """Notices and orders of the cases with an open mandate."""

    last: dict[tuple[int | None, int | None], DebitNotice]
    """claim, instalment → the latest notice"""
    orders: dict[int, DebitOrder]
    """notice_id → its order"""
    back: set[int]
    """Orders refused or returned, by a status report or by the bank statement."""
    written: dict[int, dt.date]
    """case_id → day of its last message that announced a direct debit"""

    @classmethod
    def of(cls, book: OpenBook, creditor: Creditor) -> History:
        """Read it.

        Guarantees
        ----------
        A number of queries that does not depend on how many cases, notices and orders there are.
        """
        mine = {"tenant_id": book.tenant_id, "case_id__in": _cases(book, creditor)}
        last = {
            (one.claim_id, one.instalment_id): one
            for one in DebitNotice.objects.filter(**mine).order_by("attempt")
        }
        orders = DebitOrder.objects.filter(
            tenant_id=book.tenant_id, notice__case_id__in=_cases(book, creditor)
        ).select_related("notice")
        gone = set(
            DebitStatus.objects.filter(tenant_id=book.tenant_id, order__in=orders)
            .exclude(word=DebitStatus.Word.BOOKED)
            .values_list("order_id", flat=True)
        )
        returns = _returns(book, creditor)
        back = {one.id for one in orders if one.id in gone or _is_among(one, returns[one.notice.case_id])}
        messages = Message.objects.filter(**mine, step_id=DEBIT_NOTICE, sealed_on__isnull=False)
        written = dict(messages.values_list("case_id").annotate(last=Max("sealed_on")))
        return cls(last, {one.notice_id: one for one in orders}, back, written)

    def last_of(self, target: Target) -> DebitNotice | None:
        """The latest notice about a claim or instalment."""
        return self.last.get((target.claim_id, target.instalment_id))

    def is_free(self, target: Target, told: Told, on: dt.date) -> bool:
        """Whether a target may be announced (again): not before, or the last came back or was let pass.

        Parameters
        ----------
        told : as `debit_targets.Found.told`
        """
        last = self.last_of(target)
        if last is None:
            return True
        order = self.orders.get(last.id)
        if order is not None:
            return order.id in self.back
        days = (last.collect_on, *told.get(last.id, ())[1:])
        return not self.is_untold(target, told) and max(days) + LATE < on

    def is_untold(self, target: Target, told: Told) -> bool:
        """Whether a message is to tell of the target and has not left yet."""
        last = self.last_of(target)
        by_message = last is not None and last.told_by == DebitNotice.ToldBy.MESSAGE
        return last is not None and by_message and last.id not in told and last.id not in self.orders

    def add(self, notice: DebitNotice) -> None:
        """Take in a notice just recorded."""
        self.last[notice.claim_id, notice.instalment_id] = notice


def _cases(book: OpenBook, creditor: Creditor) -> Any:
    """The cases with an open mandate, as a subquery."""
    return DebitMandate.objects.filter(
        tenant_id=book.tenant_id, ended_on__isnull=True, case__creditor_id=creditor.id
    ).values("case_id")


def _returns(book: OpenBook, creditor: Creditor) -> dict[int, list[tuple[dt.date, int]]]:
    """case_id → day and cents of each payment that came back since."""
    cases = _cases(book, creditor)
    returned = Fact.objects.filter(
        tenant_id=book.tenant_id, case_id__in=cases, kind=FactKind.PAYMENT_RETURNED
    )
    numbers = {
        (case_id, fact_no): on
        for case_id, fact_no, on in returned.values_list("case_id", "voids_fact_no", "effective_on")
    }
    found: dict[int, list[tuple[dt.date, int]]] = defaultdict(list)
    paid = Fact.objects.filter(
        tenant_id=book.tenant_id, case_id__in=returned.values("case_id"), amount_cents__isnull=False
    )
    for case_id, fact_no, on, cents in paid.values_list("case_id", "fact_no", "effective_on", "amount_cents"):
        if (case_id, fact_no) in numbers:
            found[case_id].append((min(on, numbers[case_id, fact_no]), cents))
    return found


def _is_among(order: DebitOrder, returns: list[tuple[dt.date, int]]) -> bool:
    return any(cents == order.amount_cents and on >= order.collect_on for on, cents in returns)
