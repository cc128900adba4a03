"""Money that went back: a returned direct debit, a transfer called back, a booking the bank corrects.

The payment it undoes is found by its end-to-end id, its mandate, its payer or the case its text names, always
with the amount. The claim is open again as of the old date by replay; no level moves. The bank's own charge
becomes a cost of the case by its rule, unless the reason shows that the fault was the creditor's.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction

from mahnwerk.frames import FactKind
from mahnwerk.kernel.plan_states import CREDITORS_FAULT
from mahnwerk.records import bank, facts
from mahnwerk.records.bank_read import EntryRow
from mahnwerk.records.models import BankEntry, Case, DebitOrder, Designation, EntryState, Fact
from mahnwerk.usecases import clock, debit_files
from mahnwerk.usecases.bank_booking import discount_key, source_key
from mahnwerk.usecases.failpoints import reached
from mahnwerk.usecases.opening import OpenBook

LOOK_BACK: Final = dt.timedelta(days=400)
"""By the rules of the scheme an unauthorised direct debit may come back for 13 months."""
CHARGE_CENTS_MAX: Final = 2_000
"""A difference larger than this between what came in and what went back is no charge."""
CHARGE_RULE: Final = "costs.bank_return_charge"
_REASON: Final = re.compile(r"[A-Z]{2}\d{2}")
_PAID: Final = (FactKind.PAYMENT_RETURNED, FactKind.VOIDED)


@dataclass(frozen=True)
class Original:
    """The payment that came back."""

    case_id: int
    fact_no: int
    amount_cents: int
    currency: str


def take_back(book: OpenBook, entry: EntryRow) -> bool:
    """Undo the payment this entry returns; False, and the entry waits, if it cannot be told which one."""
    row = entry.row
    order = _order(book, entry)
    original = (order and _of_order(book, row, order)) or find_original(book, entry)
    if original is None or original.currency != row.currency:
        bank.settle(book.tenant_id, row.id, EntryState.SUSPENSE, reason="return_without_payment")
        return False
    charge = charge_cents(row, original.amount_cents)
    told: list[dict[str, Any]] = [
        {
            "case_id": original.case_id,
            "kind": FactKind.PAYMENT_RETURNED,
            "effective_on": row.value_on,
            "amount_cents": original.amount_cents,
            "currency": row.currency,
            "voids_fact_no": original.fact_no,
            "code": _code(row),
            "source_key": source_key(row),
        }
    ]
    if charge:
        told.append(
            {
                "case_id": original.case_id,
                "claim_id": _only_claim(book, original),
                "kind": FactKind.COST_INCURRED,
                "effective_on": row.value_on,
                "amount_cents": charge,
                "currency": row.currency,
                "code": CHARGE_RULE,
                "source_key": source_key(row, "charge"),
            }
        )
    told += discounts_lost(book, row, original)
    with transaction.atomic():
        if not bank.lock(book.tenant_id, [row.id]):
            return False
        Case.objects.select_for_update().get(tenant_id=book.tenant_id, id=original.case_id)
        if not _is_live(book, original.case_id, original.fact_no):
            return False  # another return took it back meanwhile: the next matching looks anew
        added = facts.append(book.tenant_id, told, recorded_at=clock.now())
        done = bank.settle(
            book.tenant_id, row.id, EntryState.BOOKED,
            case_id=original.case_id, fact_no=int(added["fact_no"][0]), reason="payment_returned",
        )  # fmt: skip
        if not done:
            transaction.set_rollback(True)
            return False
        if order is not None:
            debit_files.returned_by_bank(book, order, row.return_reason.upper(), row.value_on)
    reached("return booked")
    return True


def _order(book: OpenBook, entry: EntryRow) -> DebitOrder | None:
    """The direct debit of ours that came back, by the end-to-end id we gave it."""
    told = entry.texts["end_to_end_id"].strip()
    orders = DebitOrder.objects.filter(tenant_id=book.tenant_id, end_to_end_id=told) if told else None
    order = orders.select_related("file", "notice").first() if orders is not None else None
    return order if order is not None and entry.creditor_id in (None, order.file.creditor_id) else None


def _of_order(book: OpenBook, row: BankEntry, order: DebitOrder) -> Original | None:
    """The payment an order brought, credited in one sum with others."""
    for case_id, fact_no in debit_files.facts_of(book, [order]).values():
        if _fits(row, order.amount_cents) and _is_live(book, case_id, fact_no):
            return Original(case_id, fact_no, order.amount_cents, "EUR")
    return None


def _only_claim(book: OpenBook, original: Original) -> int | None:
    """The claim a payment was for, if one: what its return costs is a cost of that claim and no other."""
    named = Designation.objects.filter(
        tenant_id=book.tenant_id, case_id=original.case_id, fact_no=original.fact_no
    ).values_list("claim_id", flat=True)
    return int(named[0]) if len(named) == 1 else None


def discounts_lost(book: OpenBook, row: BankEntry, original: Original) -> list[dict[str, Any]]:
    """Counter-facts for discounts recorded with the payment: who did not pay took none."""
    case = {"tenant_id": book.tenant_id, "case_id": original.case_id}
    named = Designation.objects.filter(**case, fact_no=original.fact_no).values("claim_id")
    live = Fact.objects.filter(**case, kind=FactKind.EARLY_PAYMENT_DISCOUNT, claim_id__in=named).exclude(
        fact_no__in=Fact.objects.filter(**case, voids_fact_no__isnull=False).values("voids_fact_no")
    )
    claim_of = dict(live.values_list("fact_no", "claim_id"))
    if not claim_of:
        return []
    # A person's own discount has no key of an entry, and stays that person's to take back.
    entries = BankEntry.objects.filter(**case, state=EntryState.BOOKED, amount_cents__gt=0)
    keys = [discount_key(entry, claim_id) for entry in entries for claim_id in set(claim_of.values())]
    recorded = {fact_no for _, fact_no in facts.numbers_of(book.tenant_id, keys).values()}
    return [
        {
            "case_id": original.case_id,
            "kind": FactKind.VOIDED,
            "effective_on": row.value_on,
            "voids_fact_no": fact_no,
            "code": "discount_lost",
            "source_key": source_key(row, f"discount_lost|{fact_no}"),
        }
        for fact_no in sorted(recorded & claim_of.keys())
    ]


def _code(row: BankEntry) -> str | None:
    if row.kind == "reversal":
        return "bank_reversal"
    reason = row.return_reason.upper()
    return f"return.{reason.lower()}" if _REASON.fullmatch(reason) else None


def charge_cents(row: BankEntry, paid_cents: int) -> int:
    """What the bank took for the return: named by it, or what went back beyond the payment."""
    if row.kind == "reversal" or row.return_reason.upper() in CREDITORS_FAULT:
        return 0
    beyond = -row.amount_cents - paid_cents
    charge = row.charges_cents or beyond
    return charge if 0 < charge <= CHARGE_CENTS_MAX else 0


def find_original(book: OpenBook, entry: EntryRow) -> Original | None:
    """The one live payment this entry can mean; among equals of the same reference the latest."""
    row = entry.row
    earlier = BankEntry.objects.filter(
        tenant_id=book.tenant_id,
        account_id=row.account_id,
        state=EntryState.BOOKED,
        amount_cents__gt=0,
        currency=row.currency,
        value_on__lte=row.value_on,
        value_on__gte=row.value_on - LOOK_BACK,
    )
    for column in ("reference_token", "mandate_token", "payer_id"):
        value = getattr(row, column)
        if value is None:
            continue
        fitting = [
            paid
            for paid in earlier.filter(**{column: value}).order_by("-value_on", "-entry_no")
            if _fits(row, paid.amount_cents) and _is_live(book, paid.case_id, paid.fact_no)
        ]
        if fitting:
            if column == "payer_id" and len({paid.amount_cents for paid in fitting}) > 1:
                fitting = [paid for paid in fitting if paid.amount_cents == -row.amount_cents]
            if fitting:
                paid = fitting[0]
                return Original(paid.case_id, paid.fact_no, paid.amount_cents, paid.currency)
    return _by_case(book, entry)


def _fits(row: BankEntry, paid_cents: int) -> bool:
    """Whether a payment of this amount can be what came back, with or without a charge."""
    back = -row.amount_cents
    if row.original_cents is not None and row.original_cents == paid_cents:
        return True
    if row.charges_cents and back - row.charges_cents == paid_cents:
        return True
    return 0 <= back - paid_cents <= (0 if row.kind == "reversal" else CHARGE_CENTS_MAX)


def _is_live(book: OpenBook, case_id: int | None, fact_no: int | None) -> bool:
    return (
        case_id is not None
        and not Fact.objects.filter(
            tenant_id=book.tenant_id, case_id=case_id, kind__in=_PAID, voids_fact_no=fact_no
        ).exists()
    )


def _by_case(book: OpenBook, entry: EntryRow) -> Original | None:
    """A payment of another source (file, provider, hand) in the case that the text names."""
    text = bank.compact(" ".join(entry.texts[name] for name in ("remittance", "end_to_end_id", "mandate_id")))
    named = [
        case
        for case in _cases_named(book, text)
        if entry.creditor_id is None or case.creditor_id == entry.creditor_id
    ]
    if len(named) != 1:
        return None
    payments = Fact.objects.filter(
        tenant_id=book.tenant_id, case_id=named[0].id, kind=FactKind.PAYMENT_RECEIVED,
        effective_on__lte=entry.row.value_on,
    ).order_by("-effective_on", "-fact_no")  # fmt: skip
    fitting = [
        fact
        for fact in payments
        if _fits(entry.row, fact.amount_cents or 0) and _is_live(book, named[0].id, fact.fact_no)
    ]
    if not fitting or len({fact.amount_cents for fact in fitting}) > 1:
        return None
    fact = fitting[0]
    return Original(named[0].id, fact.fact_no, fact.amount_cents or 0, named[0].currency)


def _cases_named(book: OpenBook, text: str) -> list[Case]:
    """Cases whose RF or case reference stands in a text (letters and digits only)."""
    starts = [match.start() for match in re.finditer(r"RF\d\d", text)]
    pieces = {text[start : start + width] for start in starts for width in range(8, 26)}
    cases = Case.objects.filter(tenant_id=book.tenant_id)
    found = list(cases.filter(rf_reference__in=sorted(pieces)))
    if found:
        return found
    numbers = re.findall(r"M(\d{6,})", text)
    return list(cases.filter(case_reference__in=[f"M-{number}" for number in numbers]))
