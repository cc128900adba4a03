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


DEBTORS_NO: Final = frozenset({"MD01", "MD06", "MS02", "SL01"})
"""Codes of the bank for a debit its debtor refused, had taken back, or says he never allowed: collected
again only if a person says so. Some of them end the mandate, too (`debit_files.MANDATE_OVER`)."""
_CODE: Final = "return."


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
    noes: dict[int, str]
    """order_id → code of the bank, one of DEBTORS_NO, with which it came back"""

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
        gone = DebitStatus.objects.filter(tenant_id=book.tenant_id, order__in=orders).exclude(
            word=DebitStatus.Word.BOOKED
        )
        reasons: dict[int, set[str]] = defaultdict(set)
        for order_id, reason in gone.values_list("order_id", "reason"):
            reasons[order_id].add(reason)
        returns = _returns(book, creditor)
        for one in orders:
            told = _codes(one, returns[one.notice.case_id])
            if told:
                reasons[one.id] |= told
        back = set(reasons)
        noes = {order_id: min(told & DEBTORS_NO) for order_id, told in reasons.items() if told & DEBTORS_NO}
        messages = Message.objects.filter(**mine, step_id=DEBIT_NOTICE, sealed_on__isnull=False)
        written = dict(messages.values_list("case_id").annotate(last=Max("sealed_on")))
        return cls(last, {one.notice_id: one for one in orders}, back, written, noes)

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

    def no_of_debtor(self, target: Target, mandate: DebitMandate) -> str:
        """With which of DEBTORS_NO its last collection under this mandate came back; "" = none."""
        last = self.last_of(target)
        order = self.orders.get(last.id) if last is not None else None
        return self.noes.get(order.id, "") if order is not None and order.mandate_id == mandate.id else ""

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


def _returns(book: OpenBook, creditor: Creditor) -> dict[int, list[tuple[dt.date, int, str]]]:
    """case_id → day, cents and code of the bank, "" if none, of each payment that came back since."""
    cases = _cases(book, creditor)
    returned = Fact.objects.filter(
        tenant_id=book.tenant_id, case_id__in=cases, kind=FactKind.PAYMENT_RETURNED
    )
    numbers = {
        (case_id, fact_no): (on, (code or "").removeprefix(_CODE).upper())
        for case_id, fact_no, on, code in returned.values_list(
            "case_id", "voids_fact_no", "effective_on", "code"
        )
    }
    found: dict[int, list[tuple[dt.date, int, str]]] = defaultdict(list)
    paid = Fact.objects.filter(
        tenant_id=book.tenant_id, case_id__in=returned.values("case_id"), amount_cents__isnull=False
    )
    for case_id, fact_no, on, cents in paid.values_list("case_id", "fact_no", "effective_on", "amount_cents"):
        if (case_id, fact_no) in numbers:
            returned_on, code = numbers[case_id, fact_no]
            found[case_id].append((min(on, returned_on), cents, code))
    return found


def _codes(order: DebitOrder, returns: list[tuple[dt.date, int, str]]) -> set[str]:
    """The codes of the returns that can be this order's."""
    return {code for on, cents, code in returns if cents == order.amount_cents and on >= order.collect_on}
