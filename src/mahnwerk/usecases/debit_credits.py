"""Credits of direct debits on the bank statement: a file, a group of it or one order, booked once.

A bank credits what it collected order by order, or as one sum for a file or for each group of it (one
sequence and day). The credit is known by a name of ours in its texts and by the exact sum; without a name by
sum and day together. What could be several, or bears our name and another sum, waits for a person.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction

from mahnwerk.kernel.target_days import target_days_after
from mahnwerk.records import bank
from mahnwerk.records.bank_read import EntryRow
from mahnwerk.records.models import BankEntry, DebitOrder, DebitStatus, EntryState
from mahnwerk.usecases import debit_files
from mahnwerk.usecases.bank_booking import lift_hold
from mahnwerk.usecases.failpoints import reached
from mahnwerk.usecases.opening import OpenBook

REASON: Final = "direct_debit"
UNSURE: Final = "direct_debit_unclear"
NEAR: Final = dt.timedelta(days=14)
"""A credit that bears our name is booked within so long of the collection."""
TARGET_DAYS: Final = 2
"""One that bears none is booked on the day of collection, or at most so many TARGET days later."""
_OURS: Final = re.compile(r"MW\s?-\s?DD\s?-\s?\d{8}\s?-\s?\d{3,}(?:\s?-\s?\d+)?(?!\d)")
"""A message id, payment id or end-to-end id of ours; a bank may break it where a line ends."""


@dataclass(frozen=True)
class Credit:
    """What a bank may credit as one sum: orders that were not refused, and the names it bears."""

    about_id: int
    """Of the file, or of the first order of a group."""
    names: frozenset[str]
    orders: Sequence[DebitOrder]
    creditor_id: int
    file_id: int

    @property
    def cents(self) -> int:
        """The sum."""
        return sum(order.amount_cents for order in self.orders)

    def is_day(self, day: dt.date, *, is_named: bool) -> bool:
        """Whether a credit of a day can be this one."""
        days = [order.collect_on for order in self.orders]
        first, last = min(days), max(days)
        until = last + NEAR if is_named else target_days_after(last, TARGET_DAYS)
        return first - dt.timedelta(days=1 if is_named else 0) <= day <= until


class Credits:
    """Credits that are still to come, of all files, found by name or by sum."""

    def __init__(self, waiting: Sequence[Credit]) -> None:
        self.waiting: dict[int, Credit] = dict(enumerate(waiting))
        self.by_name: dict[str, list[int]] = defaultdict(list)
        self.by_cents: dict[int, list[int]] = defaultdict(list)
        for place, one in self.waiting.items():
            for name in one.names:
                self.by_name[name].append(place)
            if len(one.orders) > 1:
                self.by_cents[one.cents].append(place)

    @classmethod
    def of(cls, book: OpenBook) -> Credits:
        """Read them, with a number of queries that does not depend on how many there are.

        A file booked by hand is among them until its credit is on a statement.
        """
        mine = DebitOrder.objects.filter(tenant_id=book.tenant_id)
        orders = mine.select_related("file", "notice").order_by("end_to_end_id")
        refused = set(mine.filter(statuses__word=DebitStatus.Word.REFUSED).values_list("id", flat=True))
        told = set(
            BankEntry.objects.filter(tenant_id=book.tenant_id, reason=REASON).values_list(
                "about_id", flat=True
            )
        )
        files: dict[int, list[DebitOrder]] = defaultdict(list)
        for order in orders:
            files[order.file_id].append(order)
        return cls([one for every in files.values() for one in _credits(every, refused, told)])

    def take(self, book: OpenBook, entry: EntryRow) -> bool:
        """Book a credit, or leave it to a person where it is not sure which; False = it is none."""
        row = entry.row
        if row.amount_cents <= 0 or row.currency != "EUR" or not self.waiting:
            return False
        told = " ".join(entry.texts[name] for name in _TEXTS)
        names = ["".join(found.split()) for found in _OURS.findall(told)]
        named = self._mine(entry, [place for name in names for place in self.by_name[name]])
        exact = [one for one in named if one.cents == row.amount_cents]
        fitting = [one for one in exact if one.is_day(row.value_on, is_named=True)]
        if named:
            only_one = all(len(one.orders) == 1 for one in named)
            # A payer's own transfer may quote one order of ours; a sum that bears our name is ours.
            return self._settle(book, entry, fitting) if fitting or not only_one else False
        if names or (entry.texts["iban"] and row.kind != "direct_debit_in"):
            return False
        same = self._mine(entry, self.by_cents[row.amount_cents])
        fitting = [one for one in same if one.is_day(row.value_on, is_named=False)]
        return self._settle(book, entry, fitting) if fitting else False

    def _mine(self, entry: EntryRow, places: Iterable[int]) -> list[Credit]:
        """Those of these places that still wait and can be credited on the entry's account."""
        found = (self.waiting[place] for place in dict.fromkeys(places) if place in self.waiting)
        return [one for one in found if entry.creditor_id in (None, one.creditor_id)]

    def _settle(self, book: OpenBook, entry: EntryRow, fitting: list[Credit]) -> bool:
        row = entry.row
        if len({frozenset(order.id for order in one.orders) for one in fitting}) != 1:
            bank.settle(book.tenant_id, row.id, EntryState.SUSPENSE, reason=UNSURE)
            return True
        chosen = fitting[0]
        with transaction.atomic():
            if not bank.lock(book.tenant_id, [row.id]):
                return True
            debit_files.book_orders(book, chosen.orders, row.value_on)
            first = chosen.orders[0]
            # Of one order the entry is its payment, so that a return finds it as any other.
            paid = debit_files.facts_of(book, chosen.orders) if len(chosen.orders) == 1 else {}
            fact_no = next((number for _, number in paid.values()), None)
            state = EntryState.IGNORED if fact_no is None else EntryState.BOOKED
            done = bank.settle(
                book.tenant_id, row.id, state,
                reason=REASON, about_id=chosen.about_id, case_id=first.notice.case_id, fact_no=fact_no,
            )  # fmt: skip
            if not done:
                transaction.set_rollback(True)
                return True
            lift_hold(book, row)
            bank.drop_proposals(book.tenant_id, [row.id])
        gone = {order.id for order in chosen.orders}
        for place, one in list(self.waiting.items()):
            if one.file_id == chosen.file_id and gone & {order.id for order in one.orders}:
                del self.waiting[place]
        reached("debit credit booked")
        return True


_TEXTS: Final = ("end_to_end_id", "remittance", "structured_reference", "bank_reference", "booking_text")


def _credits(every: list[DebitOrder], refused: set[int], told: set[Any]) -> list[Credit]:
    """A file as a whole, its groups, its orders; none of what the statement has told already."""
    file = every[0].file
    left = [order for order in every if order.id not in refused and order.id not in told]
    if file.id in told or not left:
        return []
    groups: dict[str, list[DebitOrder]] = defaultdict(list)
    for order, name in zip(every, debit_files.group_names(file.message_id, every), strict=True):
        groups[name].append(order)
    found = []
    for name, mine in groups.items():
        if mine[0].id in told and len(mine) > 1:
            continue  # the group, or its first order by itself: a person sees which
        rest = [order for order in mine if order.id not in refused and order.id not in told]
        if rest and len(groups) > 1 and not any(order.id in told for order in mine):
            found.append(_credit(mine[0].id, rest, name))
        found += [_credit(order.id, [order], order.end_to_end_id) for order in rest]
    if not any(order.id in told for order in every):
        names = [file.message_id, *(groups if len(groups) == 1 else ())]
        found.append(_credit(file.id, left, *names))
    return found


def _credit(about_id: int, orders: list[DebitOrder], *names: str) -> Credit:
    file = orders[0].file
    return Credit(about_id, frozenset(names), orders, file.creditor_id, file.id)
