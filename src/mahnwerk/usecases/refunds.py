"""Paying a debtor's credit back by transfer: never more than is there, once per wish, to the account it
came from unless two people say otherwise.

The refund and its fact are one commit, so the credit is gone the moment it is ordered. What the bank refuses
or sends back voids the fact: the credit is there again as of the old day.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
from django.db import transaction
from django.db.models import Max
from schwifty import IBAN
from schwifty.exceptions import SchwiftyException

from mahnwerk.formats import amounts
from mahnwerk.frames import FactKind
from mahnwerk.records import facts as fact_records
from mahnwerk.records import load
from mahnwerk.records import refunds as records
from mahnwerk.records.models import (
    BankEntry,
    Case,
    EntryState,
    Fact,
    ProviderPayment,
    ProviderRefund,
    Refund,
    Tenant,
)
from mahnwerk.usecases import clock, four_eyes, provider_refunds
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.cases import case_id_of, decided, viewing_day
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.failpoints import reached
from mahnwerk.usecases.opening import OpenBook

DEBIT_RETURN: Final = dt.timedelta(days=56)
"""A direct debit may be returned without a reason for eight weeks; a refund before that is a risk."""
REFERENCE_MAX: Final = 100
CANCELLED: Final = "cancelled"
SHOWN_MAX: Final = 200


@dataclass(frozen=True)
class Credit:
    """A case in which more came in than is owed."""

    case_reference: str
    creditor: str
    credit_cents: int
    currency: str
    has_account: bool


@dataclass(frozen=True)
class RefundView:
    """One refund and where it stands: planned, ordered, in_file or undone; the IBAN is masked."""

    case_reference: str
    end_to_end_id: str
    reference: str
    amount_cents: int
    currency: str
    ordered_on: dt.date
    state: str
    message_id: str
    iban: str
    undone_reason: str
    is_known: bool
    warnings: list[str]
    entry: int | None = None
    """Number of the bank entry, of a refund of money nobody placed; it has no case."""


def credits(book: OpenBook, on: dt.date | None = None, *, creditor: str = "") -> list[Credit]:
    """Cases with a credit on a day, the largest first."""
    day, found = viewing_day(book, on), []
    keys = {row["creditor_id"]: row["key"] for row in load.creditors(book.tenant_id).values()}
    for shard in load.shards(book.tenant_id):
        cases = load.book(book.tenant_id, case_range=shard, on=day)
        balances = decided(book, day, cases).plan.balances
        sums = balances.group_by("case_id").agg(pl.col("surplus_cents").first())
        found.append(sums.filter(pl.col("surplus_cents") > 0))
    frame = pl.concat(found).sort("surplus_cents", "case_id", descending=[True, False]) if found else None
    if frame is None or frame.is_empty():
        return []
    rows = {row.id: row for row in Case.objects.filter(tenant_id=book.tenant_id, id__in=frame["case_id"])}
    people = load.persons(book.tenant_id, frame["case_id"].to_list())
    undone = records.undone_facts(book.tenant_id, frame["case_id"].to_list())
    entries = BankEntry.objects.filter(
        tenant_id=book.tenant_id, state=EntryState.BOOKED, amount_cents__gt=0, case_id__in=frame["case_id"]
    )
    paid = {pair[0] for pair in entries.values_list("case_id", "fact_no") if pair not in undone}
    return [
        Credit(
            rows[case_id].case_reference,
            keys[rows[case_id].creditor_id],
            cents,
            rows[case_id].currency,
            case_id in paid or bool(_own_account(people.get(case_id))),
        )
        for case_id, cents in frame.iter_rows()
        if not creditor or keys[rows[case_id].creditor_id] == creditor
    ]


def order(
    book: OpenBook,
    case: str,
    amount: str = "",
    *,
    iban: str = "",
    name: str = "",
    reference: str = "",
    approved_by: str = "",
    on: dt.date | None = None,
    dry_run: bool = False,
) -> RefundView:
    """Order the refund of a case's credit; `refund file` writes it for the bank.

    Parameters
    ----------
    amount : as people write it; "" = the whole credit
    iban, name : another account than the payment came from; takes a second person
    reference : the same reference in a case is one refund; "" = one per day and amount, so that a second
        click is harmless
    approved_by : the second person, where the account is given by hand

    Raises
    ------
    NotFound, BadInput
        No such case; more than the credit; no account known; the reference was used for another amount.
    """
    case_id, day, wanted = case_id_of(book, case), viewing_day(book, on), _cents(amount)
    wish = _reference(reference) or f"{day:%Y-%m-%d} {'all' if wanted is None else wanted}"
    with transaction.atomic():
        row = Case.objects.select_for_update().get(tenant_id=book.tenant_id, id=case_id)
        known = Refund.objects.filter(tenant_id=book.tenant_id, case_id=case_id, reference=wish).first()
        if known is not None:
            if wanted is not None and known.amount_cents != wanted:
                raise BadInput(
                    f"case {row.case_reference}: the refund {wish!r} is about {_money(known.amount_cents)}.",
                    "Use another reference for another refund.",
                )
            return view(known, row.case_reference, is_known=True)
        _check(book, row)
        cents = _within(row, credit_of(book, case_id, day), wanted)
        account, approval = _account(book, row, cents, iban, name, approved_by)
        warnings = _warnings(book, case_id, day)
        if dry_run:
            return _planned(row, wish, cents, account, day, warnings)
        made = _record(book, row, wish, cents, account, day)
        note(book, "refund_order", on=day, case_id=case_id, detail={"refund_id": made.id, **approval})
    reached("refund ordered")
    return view(made, row.case_reference, warnings=warnings)


def credit_of(book: OpenBook, case_id: int, day: dt.date) -> int:
    """What can be paid back: the credit of the day, or what is left of it by all that is known since."""
    told = Fact.objects.filter(tenant_id=book.tenant_id, case_id=case_id)
    last = told.aggregate(last=Max("effective_on"))["last"] or day
    left = []
    for on in {day, max(day, last), max(day, clock.today())}:
        cases = load.book(book.tenant_id, case_ids=[case_id], on=on)
        left.append(int(decided(book, on, cases).plan.balances["surplus_cents"].max() or 0))
    return max(0, min(left) - _under_way(book, case_id))


def _under_way(book: OpenBook, case_id: int) -> int:
    """Refunds through a provider that no fact tells of yet: they may use the credit up any moment."""
    asked = ProviderRefund.objects.filter(
        tenant_id=book.tenant_id, payment__case_id=case_id, state__in=provider_refunds.OPEN_STATES
    )
    return sum(
        row.amount_cents
        for row in asked.select_related("payment")
        if not row.payment.refunds.get(row.refund_id or "", {}).get("on")
    )


def _check(book: OpenBook, row: Case) -> None:
    """Refuse what could be paid back twice, or never."""
    if row.currency != "EUR":
        raise BadInput(
            f"case {row.case_reference} is kept in {row.currency}; the file for the bank takes EUR only.",
            "Pay it back by hand, then: mahnwerk fact add … refund_paid.",
        )
    undone = records.undone_facts(book.tenant_id, [row.id])
    mine = Refund.objects.filter(tenant_id=book.tenant_id, case_id=row.id, undone_on__isnull=True)
    for one in mine.filter(file__isnull=False):
        if (row.id, one.fact_no) in undone:
            raise BadInput(
                f"case {row.case_reference}: {one.end_to_end_id} went to the bank in a file; its fact was "
                "voided, but the money may have left.",
                "Wait for the bank's report: mahnwerk refund status FILE.",
            )


def _within(row: Case, credit: int, wanted: int | None) -> int:
    cents = credit if wanted is None else wanted
    if credit <= 0:
        raise BadInput(
            f"case {row.case_reference}: there is no credit that could be paid back.",
            "A credit is what came in beyond what is owed; what was ordered before is used up: "
            "`mahnwerk refund list`.",
        )
    if not 0 < cents <= credit:
        raise BadInput(
            f"case {row.case_reference}: {_money(cents)} cannot be paid back of {_money(credit)}.",
            "Never more goes back than the credit; refunds ordered before count. `mahnwerk refund list`.",
        )
    return cents


def _account(
    book: OpenBook, row: Case, cents: int, iban: str, name: str, approved_by: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Where the money goes, and what the audit trail keeps of the second person."""
    person = load.persons(book.tenant_id, [row.id]).get(row.id)
    if person is None or person.payload is None:
        raise BadInput(f"case {row.case_reference}: the person was erased.", "Nothing can be sent to them.")
    known = records.last_account(book.tenant_id, row.id, cents) or _own_account(person)
    known = known if known is not None and is_iban(known["iban"]) else None
    wanted = iban.replace(" ", "").upper()
    if not wanted or (known is not None and wanted == known["iban"]):
        if known is None:
            raise BadInput(
                f"case {row.case_reference}: no account is known from which {_money(cents)} came.",
                "Name it with --iban and --name, and a second person with --approved-by.",
            )
        return known, {}
    if not is_iban(wanted):
        raise BadInput(f"case {row.case_reference}: the IBAN is not valid.", "Check its digits.")
    approval = four_eyes.second(book, approved_by, "refund: the account is not the one the money came from")
    return {"name": name or _name(person.payload), "iban": wanted}, approval


def is_iban(text: str) -> bool:
    """Whether an IBAN can be right."""
    try:
        IBAN(text)
    except SchwiftyException:
        return False
    return True


def _own_account(person: Any) -> dict[str, str] | None:
    payload = person.payload if person is not None else None
    if payload is None or not payload["iban"]:
        return None
    return {"name": _name(payload), "iban": payload["iban"].replace(" ", "").upper()}


def _name(payload: dict[str, str]) -> str:
    return payload["company"] or f"{payload['first_name']} {payload['last_name']}".strip()


def _record(
    book: OpenBook, row: Case, wish: str, cents: int, account: dict[str, str], day: dt.date
) -> Refund:
    """The refund and its fact."""
    now = clock.now()
    number = Refund.objects.filter(tenant_id=book.tenant_id, case_id=row.id).count() + 1
    tenant = Tenant.objects.get(id=book.tenant_id)
    end_to_end_id = f"MW-RF-{tenant.number}-{row.case_reference}-{number}"
    added = fact_records.append(
        book.tenant_id,
        [
            {
                "case_id": row.id,
                "kind": FactKind.REFUND_PAID,
                "effective_on": day,
                "amount_cents": cents,
                "currency": row.currency,
                "source_key": f"refund|{end_to_end_id}",
            }
        ],
        recorded_at=now,
    )
    person_id = load.persons(book.tenant_id, [row.id])[row.id].person_id
    return records.add(
        book.tenant_id,
        row.id,
        person_id,
        reference=wish,
        end_to_end_id=end_to_end_id,
        amount_cents=cents,
        currency=row.currency,
        ordered_on=day,
        fact_no=int(added["fact_no"][0]),
        recorded_at=now,
        **account,
    )


def _planned(
    row: Case, wish: str, cents: int, account: dict[str, str], day: dt.date, warnings: list[str]
) -> RefundView:
    """What an order would be; nothing of it is recorded."""
    return RefundView(
        case_reference=row.case_reference,
        end_to_end_id="",
        reference=wish,
        amount_cents=cents,
        currency=row.currency,
        ordered_on=day,
        state="planned",
        message_id="",
        iban=masked(account["iban"]),
        undone_reason="",
        is_known=False,
        warnings=warnings,
    )


def masked(iban: str) -> str:
    """An IBAN as people are shown it."""
    return f"{iban[:4]}…{iban[-4:]}" if iban else ""


def cancel(book: OpenBook, end_to_end_id: str, on: dt.date | None = None) -> RefundView:
    """Take back a refund that is in no file yet.

    Raises
    ------
    NotFound, BadInput
        No such refund; it is in a file, or undone before.
    """
    found = Refund.objects.filter(tenant_id=book.tenant_id, end_to_end_id=end_to_end_id)
    row = found.select_related("case").first()
    if row is None:
        raise NotFound(f"there is no refund {end_to_end_id!r}.", "`mahnwerk refund list` names them.")
    day = max(viewing_day(book, on), row.ordered_on)
    with transaction.atomic():
        Tenant.objects.select_for_update().get(id=book.tenant_id)
        row.refresh_from_db()
        if row.file_id is not None or not undo(book, row, CANCELLED, day):
            raise BadInput(
                f"{end_to_end_id} cannot be cancelled: it is in a file for the bank, or over.",
                "What the bank refused: mahnwerk refund status FILE.",
            )
    row.refresh_from_db()
    return view(row, row.case.case_reference)


def undo(book: OpenBook, refund: Refund, reason: str, on: dt.date) -> bool:
    """The money did not arrive: void the fact, so that the credit is there again; False if it was undone."""
    with transaction.atomic():
        mine = Refund.objects.filter(tenant_id=book.tenant_id, id=refund.id, undone_on__isnull=True)
        if not mine.update(undone_on=on, undone_reason=reason[:10]):
            return False
        detail = {"refund_id": refund.id, "reason": reason[:10]}
        note(book, "refund_undone", on=on, case_id=refund.case_id, detail=detail)
        if (refund.case_id, refund.fact_no) in records.undone_facts(book.tenant_id, [refund.case_id]):
            return True  # somebody voided it by hand
        fact = {
            "case_id": refund.case_id,
            "kind": FactKind.VOIDED,
            "effective_on": on,
            "voids_fact_no": refund.fact_no,
            "code": "refund_back",
            "source_key": f"refund-back|{refund.end_to_end_id}",
        }
        fact_records.append(book.tenant_id, [fact], recorded_at=clock.now())
    return True


def of_book(book: OpenBook, *, creditor: str = "") -> list[RefundView]:
    """The last refunds, newest first."""
    rows = Refund.objects.filter(tenant_id=book.tenant_id).select_related("case", "file")
    if creditor:
        rows = rows.filter(case__creditor__key=creditor)
    return [view(row, row.case.case_reference) for row in rows.order_by("-ordered_on", "-id")[:SHOWN_MAX]]


def view(
    row: Refund, case_reference: str, *, is_known: bool = False, warnings: list[str] | None = None
) -> RefundView:
    """A refund for people: the account masked, the state in a word."""
    details = records.bank_details(row)
    return RefundView(
        case_reference=case_reference,
        end_to_end_id=row.end_to_end_id,
        reference=row.reference,
        amount_cents=row.amount_cents,
        currency=row.currency,
        ordered_on=row.ordered_on,
        state="undone" if row.undone_on else "in_file" if row.file_id else "ordered",
        message_id=row.file.message_id if row.file else "",
        iban=masked(details["iban"] if details else ""),
        undone_reason=row.undone_reason,
        is_known=is_known,
        warnings=warnings or [],
    )


def _warnings(book: OpenBook, case_id: int, day: dt.date) -> list[str]:
    """What a careful clerk would look at before the file goes to the bank."""
    found = []
    if ProviderPayment.objects.filter(tenant_id=book.tenant_id, case_id=case_id, kept_cents__gt=0).exists():
        found.append("a payment came through a provider: `provider refund` pays back the way it came")
    debits = BankEntry.objects.filter(
        tenant_id=book.tenant_id,
        case_id=case_id,
        kind="direct_debit_in",
        state=EntryState.BOOKED,
        value_on__gt=day - DEBIT_RETURN,
    )
    newest = debits.order_by("-value_on").first()
    if newest is not None:
        found.append(
            f"a direct debit of this case can still come back until {newest.value_on + DEBIT_RETURN}"
        )
    mine = Fact.objects.filter(tenant_id=book.tenant_id, case_id=case_id)
    if mine.filter(kind__in=[FactKind.INSOLVENCY_OPENED, FactKind.DEBTOR_DECEASED]).exists():
        found.append("insolvency or a death is on record: check who may receive the money")
    return found


def _cents(amount: str) -> int | None:
    if not amount:
        return None
    cents = amounts.parse(pl.Series([amount])).row(0, named=True)["cents"]
    if cents is None or cents <= 0:
        raise BadInput(f"amount {amount!r} cannot be read as a sum above 0.", "Write 50,00 or 50.")
    return int(cents)


def _reference(text: str) -> str:
    if len(text) > REFERENCE_MAX:
        raise BadInput(
            f"a reference has at most {REFERENCE_MAX} characters.", "Name the refund, not the person."
        )
    return text


def _money(cents: int) -> str:
    return f"{cents // 100},{cents % 100:02d}"
