"""Files of direct debits: made once from what was announced, the same bytes again, status reports read."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from mahnwerk.formats import pain, pain002
from mahnwerk.formats.bank import BankFileError
from mahnwerk.formats.pain import Account, Collection, SepaError
from mahnwerk.formats.xml_door import XmlRefused
from mahnwerk.frames import FactKind
from mahnwerk.records import crypto, mandates
from mahnwerk.records import facts as fact_records
from mahnwerk.records.models import (
    Creditor,
    DebitFile,
    DebitMandate,
    DebitOrder,
    DebitStatus,
    Fact,
    Tenant,
)
from mahnwerk.usecases import clock
from mahnwerk.usecases.audit import note, note_cases
from mahnwerk.usecases.cases import viewing_day
from mahnwerk.usecases.debit_choice import Chosen, choose
from mahnwerk.usecases.direct_debits import creditor_of, lift_holds, one_at_a_time, open_mandates
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.opening import OpenBook

MANDATE_OVER: Final = frozenset({"AC01", "AC04", "AC06", "MD01", "MD02", "MD07", "SL01"})
"""Reasons after which nothing more is collected under the mandate until a person looked."""


@dataclass(frozen=True)
class DebitFileView:
    """A file of direct debits; `content` are its bytes, always the same.

    `others`: files made before, whose collections still lie ahead. `moved`: what is collected later than
    planned, since its announcement left late.
    """

    message_id: str
    made_on: dt.date
    order_count: int
    sum_cents: int
    is_new: bool
    skipped: list[str]
    content: bytes
    others: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)


def create(book: OpenBook, creditor_key: str, on: dt.date | None = None) -> DebitFileView:
    """Collect what was announced and is due: one new file, or, if nothing is new, the day's last again.

    Every order is asked about once more: the mandate is open, the case is not held, no more than is open
    and no more than was announced is collected, on a TARGET day, not before the day told.

    Raises
    ------
    BadInput
        There is nothing to collect, or an order the official schema refuses.
    """
    creditor, day = creditor_of(book, creditor_key), viewing_day(book, on)
    with transaction.atomic():
        one_at_a_time(creditor)
        known = open_mandates(book, creditor, day)
        choice = choose(book, creditor, known, day)
        skipped = choice.skipped
        if choice.chosen:
            row = _record(book, creditor, choice.chosen, day)
            detail = {"message_id": row.message_id, "orders": len(choice.chosen)}
            note(book, "direct_debit_create", on=day, detail=detail)
            return replace(_view(book, row, is_new=True, skipped=skipped), moved=choice.moved)
    last = DebitFile.objects.filter(tenant_id=book.tenant_id, creditor_id=creditor.id, made_on=day)
    known_row = last.order_by("-message_id").first()
    if known_row is None:
        raise BadInput(
            f"creditor {creditor_key}: nothing to collect on {day}"
            + (f" ({'; '.join(skipped)})." if skipped else "."),
            "`mahnwerk direct-debit announce` first; the notice time must have passed."
            + "".join(f" Made before: {name} (--again {name})." for name in _ahead(book, creditor, day)),
        )
    return _view(book, known_row, is_new=False, skipped=skipped)


def _record(book: OpenBook, creditor: Creditor, chosen: list[Chosen], day: dt.date) -> DebitFile:
    Tenant.objects.select_for_update().get(id=book.tenant_id)  # files of a day are numbered in it
    number = DebitFile.objects.filter(tenant_id=book.tenant_id, made_on=day).count() + 1
    message_id = f"MW-DD-{day:%Y%m%d}-{number:03d}"
    now = clock.now().replace(microsecond=0)
    orders = [
        DebitOrder(
            tenant_id=book.tenant_id,
            notice_id=one.notice.id,
            mandate_id=one.mandate.id,
            end_to_end_id=f"{message_id}-{position:05d}",
            sequence=one.collection.sequence,
            amount_cents=one.collection.amount_cents,
            collect_on=one.collection.collect_on,
        )
        for position, one in enumerate(chosen, start=1)
    ]
    collections = [
        replace(one.collection, end_to_end_id=order.end_to_end_id)
        for one, order in zip(chosen, orders, strict=True)
    ]
    content = _bytes(creditor, message_id, now, collections, chosen[0].mandate.creditor_identifier)
    row = DebitFile.objects.create(
        tenant_id=book.tenant_id,
        creditor_id=creditor.id,
        message_id=message_id,
        made_on=day,
        recorded_at=now,
        content_mark=crypto.keyed_hash(book.tenant_id, "debit file", content, length=32),
    )
    for order in orders:
        order.file_id = row.id
    DebitOrder.objects.bulk_create(orders, batch_size=500)
    return row


def _bytes(
    creditor: Creditor, message_id: str, at: dt.datetime, collections: list[Collection], identifier: str
) -> bytes:
    """The file, from the orders alone: the same orders give the same bytes."""
    account = Account(creditor.name, creditor.iban, creditor_id=identifier)
    try:
        return pain.direct_debits(account, collections, message_id, at)
    except SepaError as error:
        raise BadInput(
            f"creditor {creditor.key}: {error}.", "Correct the data, then create again."
        ) from error


def _content(book: OpenBook, creditor: Creditor, row: DebitFile, orders: list[DebitOrder]) -> bytes:
    """The bytes of a file that was recorded, made again."""
    details = mandates.details(book.tenant_id, [order.mandate for order in orders])
    if any(order.mandate_id not in details for order in orders):
        raise BadInput(f"{row.message_id}: a person of this file was erased.", "It cannot be made again.")
    collections = [
        Collection(
            end_to_end_id=order.end_to_end_id,
            amount_cents=order.amount_cents,
            name=details[order.mandate_id]["name"],
            iban=details[order.mandate_id]["iban"],
            mandate_id=order.mandate.reference,
            mandate_signed_on=order.mandate.signed_on,
            collect_on=order.collect_on,
            text=order.notice.case.rf_reference,
            sequence=order.sequence,
        )
        for order in orders
    ]
    identifier = orders[0].mandate.creditor_identifier
    return _bytes(creditor, row.message_id, row.recorded_at, collections, identifier)


def _view(book: OpenBook, row: DebitFile, *, is_new: bool, skipped: list[str]) -> DebitFileView:
    orders = list(row.orders.select_related("mandate", "notice__case").order_by("end_to_end_id"))
    creditor = Creditor.objects.get(tenant_id=book.tenant_id, id=row.creditor_id)
    content = _content(book, creditor, row, orders)
    if crypto.keyed_hash(book.tenant_id, "debit file", content, length=32) != bytes(row.content_mark):
        raise BadInput(
            f"{row.message_id} cannot be made again as it was: creditor or mandate data changed since.",
            "Use the file as it was written; nothing is collected twice.",
        )
    total = sum(order.amount_cents for order in orders)
    others = [name for name in _ahead(book, creditor, row.made_on) if name < row.message_id]
    return DebitFileView(row.message_id, row.made_on, len(orders), total, is_new, skipped, content, others)


def _ahead(book: OpenBook, creditor: Creditor, day: dt.date) -> list[str]:
    """Files made by a day whose collections still lie ahead."""
    orders = DebitOrder.objects.filter(tenant_id=book.tenant_id, collect_on__gte=day)
    files = DebitFile.objects.filter(id__in=orders.values("file_id"), creditor_id=creditor.id)
    return list(files.filter(made_on__lte=day).order_by("message_id").values_list("message_id", flat=True))


def again(book: OpenBook, message_id: str) -> DebitFileView:
    """A file made before, with the same bytes: for one that was recorded, but cut off before it was written.

    Raises
    ------
    NotFound
        There is none of this id.
    BadInput
        Creditor or mandate data changed since.
    """
    row = DebitFile.objects.filter(tenant_id=book.tenant_id, message_id=message_id).first()
    if row is None:
        raise NotFound(f"there is no file {message_id!r}.", "`mahnwerk direct-debit create` names them.")
    return _view(book, row, is_new=False, skipped=[])


def write(view: DebitFileView, path: Path) -> Path:
    """Write the file whole, or not at all."""
    crypto.write_durably(path, view.content)
    return path


@dataclass(frozen=True)
class StatusTaken:
    """What a status report changed."""

    message_id: str
    refused: int
    known: int
    mandates_ended: int
    unknown: list[str]


def take_status(book: OpenBook, path: Path, on: dt.date | None = None) -> StatusTaken:
    """Read a status report (pain.002): what the bank refused is open again, as if never collected.

    Raises
    ------
    BadInput
        Not a status report, or one about a file that is not of this book.
    """
    day = on or clock.today()
    try:
        statuses = pain002.read(path.read_bytes(), source=path.name)
    except (BankFileError, XmlRefused) as error:
        raise BadInput(f"{path}: {error}") from error
    except OSError as error:
        raise NotFound(f"{path}: cannot be read: {error.strerror}.", "Check the name.") from error
    message_id = statuses[0].message_id
    file = DebitFile.objects.filter(tenant_id=book.tenant_id, message_id=message_id).first()
    if file is None:
        raise BadInput(f"{path}: reports on file {message_id!r}, which is not of this book.", "")
    rows = list(file.orders.select_related("notice").order_by("end_to_end_id"))
    orders, groups = {order.end_to_end_id: order for order in rows}, defaultdict(list)
    for order, group in zip(rows, group_names(message_id, rows), strict=True):
        groups[group].append(order.end_to_end_id)
    told = pain002.refusals(statuses, list(orders), groups)
    unknown = [name for name in told if name not in orders]
    refused, ended = refuse_orders(
        book, file, {orders[n]: why for n, why in told.items() if n in orders}, day
    )
    return StatusTaken(message_id, refused, len(told) - len(unknown) - refused, ended, unknown)


def refuse_orders(
    book: OpenBook, file: DebitFile, reasons: Mapping[DebitOrder, str], on: dt.date
) -> tuple[int, int]:
    """Void orders: what was booked for them is taken back; returns how many are new, mandates ended.

    Guarantees
    ----------
    All or none; a number of queries that does not grow with the orders but by blocks of 500.
    """
    now = clock.now()
    with transaction.atomic():
        one_at_a_time(Creditor.objects.get(tenant_id=book.tenant_id, id=file.creditor_id))
        words: dict[int, set[str]] = defaultdict(set)
        known = DebitStatus.objects.filter(tenant_id=book.tenant_id, order__file_id=file.id)
        for order_id, word in known.values_list("order_id", "word"):
            words[order_id].add(word)
        news = [order for order in reasons if words[order.id] <= {DebitStatus.Word.BOOKED.value}]
        paid = facts_of(book, news)
        statuses, facts = [], lift_holds(book, [order.notice for order in news], on)
        for order in news:
            word = DebitStatus.Word.RETURNED if words[order.id] else DebitStatus.Word.REFUSED
            told = {"reason": reasons[order][:10], "on": on, "recorded_at": now}
            statuses.append(DebitStatus(tenant_id=book.tenant_id, order_id=order.id, word=word, **told))
            if payment_key(order) in paid:
                facts.append(_taken_back(order, paid[payment_key(order)], on))
        DebitStatus.objects.bulk_create(statuses, batch_size=500)
        if facts:
            fact_records.append(book.tenant_id, facts, recorded_at=now)
        over = [order.mandate_id for order in news if reasons[order] in MANDATE_OVER]
        ended = DebitMandate.objects.filter(tenant_id=book.tenant_id, id__in=over, ended_on__isnull=True)
        count = ended.update(ended_on=on)
        audited = [
            (order.notice.case_id, {"order": order.end_to_end_id, "word": row.word, "reason": row.reason})
            for order, row in zip(news, statuses, strict=True)
        ]
        note_cases(book, "direct_debit_status", audited, on=on)
    return len(news), count


def _taken_back(order: DebitOrder, paid: tuple[int, int], on: dt.date) -> dict[str, Any]:
    return {
        "case_id": paid[0],
        "kind": FactKind.PAYMENT_RETURNED,
        "effective_on": on,
        "voids_fact_no": paid[1],
        "source_key": f"direct-debit-back|{order.end_to_end_id}",
    }


def payment_key(order: DebitOrder) -> str:
    """The name of the payment an order brought."""
    return f"direct-debit|{order.end_to_end_id}"


def group_names(message_id: str, orders: Sequence[DebitOrder]) -> list[str]:
    """The payment id (PmtInfId) of each order of a whole file, in the order of its end-to-end ids."""
    numbers: dict[tuple[str, dt.date], int] = {}
    for order in orders:
        numbers.setdefault((order.sequence, order.collect_on), len(numbers) + 1)
    return [pain.payment_id(message_id, numbers[order.sequence, order.collect_on]) for order in orders]


def book_credit(book: OpenBook, message_id: str, value_on: dt.date) -> tuple[int, list[str]]:
    """Book the payments of a file that the bank credited as one sum; refused orders are left out.

    A payment the bank statement told by itself (same case, same sum, around that day) is not booked a
    second time; its order is named in the answer.
    """
    file = DebitFile.objects.filter(tenant_id=book.tenant_id, message_id=message_id).first()
    if file is None:
        raise NotFound(f"there is no file {message_id!r}.", "`mahnwerk direct-debit create` names it.")
    orders = list(file.orders.select_related("file", "notice").order_by("end_to_end_id"))
    return book_orders(book, orders, value_on)


def book_orders(book: OpenBook, orders: Sequence[DebitOrder], value_on: dt.date) -> tuple[int, list[str]]:
    """Book the payments of orders of one file, each once; as `book_credit`.

    Guarantees
    ----------
    A number of queries that does not grow with the orders but by blocks of 500.
    """
    file = orders[0].file
    with transaction.atomic():
        one_at_a_time(Creditor.objects.get(tenant_id=book.tenant_id, id=file.creditor_id))
        every = file.orders.select_related("notice")
        if len(orders) == 1:  # credited one by one: the rest of the file is not read each time
            every = every.filter(notice__case_id=orders[0].notice.case_id)
        statuses = DebitStatus.objects.filter(tenant_id=book.tenant_id, order__in=every)
        done = set(statuses.values_list("order_id", flat=True))
        open_orders = [order for order in orders if order.id not in done]
        told = _told_by_statement(book, every, value_on)
        fresh, there = [], []
        for order in open_orders:
            key = (order.notice.case_id, order.amount_cents)
            if told[key] > 0:
                told[key] -= 1
                there.append(order.end_to_end_id)
            else:
                fresh.append(order)
        if fresh:
            _book_payments(book, fresh, value_on)
            detail = {"message_id": file.message_id, "orders": len(fresh)}
            note(book, "direct_debit_book", on=value_on, detail=detail)
    return len(fresh), there


def _told_by_statement(
    book: OpenBook, every: QuerySet[DebitOrder], value_on: dt.date
) -> Counter[tuple[int, int]]:
    """Case, cents → payments of that sum around a day that none of these orders brought."""
    own = set(facts_of(book, list(every)).values())
    near = (value_on - dt.timedelta(days=3), value_on + dt.timedelta(days=7))
    rows = Fact.objects.filter(
        tenant_id=book.tenant_id,
        case_id__in=every.values("notice__case_id"),
        kind=FactKind.PAYMENT_RECEIVED,
        effective_on__range=near,
    ).values_list("case_id", "fact_no", "amount_cents")
    return Counter((case_id, cents) for case_id, fact_no, cents in rows if (case_id, fact_no) not in own)


def facts_of(book: OpenBook, orders: Sequence[DebitOrder]) -> dict[str, tuple[int, int]]:
    """payment key → case and number of the fact, of orders whose payment was booked as theirs."""
    return fact_records.numbers_of(book.tenant_id, [payment_key(order) for order in orders])


def _book_payments(book: OpenBook, orders: Sequence[DebitOrder], value_on: dt.date) -> None:
    now = clock.now()
    rows = [
        {
            "case_id": order.notice.case_id,
            "kind": FactKind.PAYMENT_RECEIVED,
            "effective_on": value_on,
            "amount_cents": order.amount_cents,
            "source_key": payment_key(order),
            "designated_claim_ids": [order.notice.claim_id] if order.notice.claim_id else None,
        }
        for order in orders
    ]
    fact_records.append(book.tenant_id, rows, recorded_at=now)
    DebitStatus.objects.bulk_create(
        [
            DebitStatus(
                tenant_id=book.tenant_id,
                order_id=order.id,
                word=DebitStatus.Word.BOOKED,
                on=value_on,
                recorded_at=now,
            )
            for order in orders
        ],
        batch_size=500,
    )


def returned_by_bank(book: OpenBook, order: DebitOrder, reason: str, on: dt.date) -> None:
    """Record that the bank statement told of a return, whose payment is taken back already.

    The claim may be dunned again, and after some reasons nothing more is collected under the mandate.
    """
    with transaction.atomic():
        _, is_new = DebitStatus.objects.get_or_create(
            tenant_id=book.tenant_id,
            order_id=order.id,
            word=DebitStatus.Word.RETURNED,
            defaults={"reason": reason[:10], "on": on, "recorded_at": clock.now()},
        )
        lifted = lift_holds(book, [order.notice], on)
        if is_new and lifted:
            fact_records.append(book.tenant_id, lifted, recorded_at=clock.now())
        if is_new and reason in MANDATE_OVER:
            DebitMandate.objects.filter(
                tenant_id=book.tenant_id, id=order.mandate_id, ended_on__isnull=True
            ).update(ended_on=on)
