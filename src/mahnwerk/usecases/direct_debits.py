"""SEPA direct debits: told before, collected once, taken back when the bank says so.

Notice → order → booked, refused or returned. A claim or instalment has one open notice at a time; another
attempt needs another notice, and only after the last was refused or returned.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q

from mahnwerk.formats import creditor_identifier as identifiers
from mahnwerk.formats.mandates_csv import REFERENCE
from mahnwerk.frames import FactKind
from mahnwerk.kernel.calendar import plus_months
from mahnwerk.kernel.debit_notices import HOLD_AFTER, HOLD_CODE, in_time
from mahnwerk.records import facts as fact_records
from mahnwerk.records import mandates
from mahnwerk.records.models import (
    Case,
    Creditor,
    DebitMandate,
    DebitNotice,
    DebitOrder,
    DebitStatus,
)
from mahnwerk.usecases import clock
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.cases import case_id_of, viewing_day
from mahnwerk.usecases.debit_history import History
from mahnwerk.usecases.debit_targets import Target, targets
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.opening import OpenBook

NOTICE_DAYS: Final = 14
"""Pre-notification, unless the mandate agrees on a shorter time."""
BY_MESSAGE: Final = DebitNotice.ToldBy.MESSAGE.value
TOLD_BY: Final = tuple(word.value for word in DebitNotice.ToldBy if word != DebitNotice.ToldBy.PLAN)
"""By what a debtor is told: the run's message, or a person."""
ONCE: Final = ("OOFF", "FNAL")
"""Sequences under which there is one more collection and no other."""
UNUSED_MONTHS: Final = 36
"""A mandate not used for so long has expired by the scheme's rules."""


@dataclass(frozen=True)
class Announced:
    """What a debtor is to be told before money is collected."""

    case_reference: str
    what: str
    amount_cents: int
    collect_on: dt.date
    mandate: str
    creditor_identifier: str
    text: str
    told_by: str = ""
    """message = the run writes it; else by hand, or on record as told."""


def creditor_of(book: OpenBook, key: str) -> Creditor:
    """The creditor of this key."""
    found = Creditor.objects.filter(tenant_id=book.tenant_id, key=key).first()
    if found is None:
        raise NotFound(f"there is no creditor {key!r}.", "`mahnwerk creditor list` shows them.")
    return found


@dataclass(frozen=True)
class Misfit:
    """Why a case cannot be collected from under a creditor identifier."""

    reason: str
    remedy: str
    is_identifier: bool


def misfit(case: Case, identifier: str) -> Misfit | None:
    """What stands against a mandate of this case; None = nothing.

    SEPA direct debits move euro only, and a mandate given to somebody else is none of this creditor's.
    """
    if case.currency != "EUR":
        reason = f"the case is kept in {case.currency}, and a SEPA direct debit collects euro only"
        return Misfit(reason, "Ask for another way to pay.", is_identifier=False)
    own = case.creditor.profile.get("creditor_identifier", "")
    if own and identifiers.party(own) != identifiers.party(identifier):
        reason = f"the mandate was given to {identifier}, not to {own}, as the creditor's file has it"
        remedy = "Correct the identifier here or in the creditor's file."
        return Misfit(reason, remedy, is_identifier=True)
    return None


def add_mandate(
    book: OpenBook,
    case: str,
    *,
    reference: str,
    creditor_identifier: str,
    signed_on: dt.date,
    iban: str = "",
    name: str = "",
    notice_days: int = NOTICE_DAYS,
) -> DebitMandate:
    """Keep a signed mandate of a case's debtor; IBAN and name default to what is known of the person.

    Raises
    ------
    BadInput
        A wrong IBAN or identifier, or one of another creditor, a case that is not in euro, a signature in
        the future, another open mandate in the case, a reference that is there already: a mandate is never
        amended, so no file has to tell the bank of an amendment (AmdmntInfDtls).
    """
    from mahnwerk.records import load

    case_id, day = case_id_of(book, case), clock.today()
    person = load.persons(book.tenant_id, [case_id]).get(case_id)
    if person is None or person.payload is None:
        raise BadInput(f"case {case}: the person was erased.", "No mandate can be kept for them.")
    payload = person.payload
    iban = (iban or payload["iban"]).replace(" ", "").upper()
    holder = name or payload["company"] or f"{payload['first_name']} {payload['last_name']}".strip()
    identifier = identifiers.compact(creditor_identifier)
    _check_terms(case, reference, identifier, iban, notice_days)
    if signed_on > day:
        raise BadInput(f"the mandate would be signed in the future ({signed_on}).", "Check the date.")
    row = Case.objects.select_related("creditor").get(tenant_id=book.tenant_id, id=case_id)
    amiss = misfit(row, identifier)
    if amiss is not None:
        raise BadInput(f"case {case}: {amiss.reason}.", amiss.remedy)
    every = DebitMandate.objects.filter(tenant_id=book.tenant_id)
    if every.filter(case_id=case_id, ended_on__isnull=True).exists():
        raise BadInput(f"case {case} has an open mandate.", "`mandate end` first.")
    if every.filter(creditor_identifier=identifier, reference=reference).exists():
        raise BadInput(
            f"a mandate {reference!r} of {identifier} is there already, and mandates are never changed.",
            "For another account or a new signature, give a new mandate its own reference.",
        )
    with transaction.atomic():
        made = mandates.add(
            book.tenant_id,
            case_id,
            person.person_id,
            reference=reference,
            creditor_identifier=identifier,
            signed_on=signed_on,
            notice_days=notice_days,
            name=holder,
            iban=iban,
            recorded_at=clock.now(),
        )
        note(book, "mandate_add", on=day, case_id=case_id, detail={"mandate_id": made.id})
    return made


def _check_terms(case: str, reference: str, identifier: str, iban: str, notice_days: int) -> None:
    """Whether a mandate is written as SEPA wants it."""
    from schwifty import IBAN
    from schwifty.exceptions import SchwiftyException

    try:
        IBAN(iban)
    except SchwiftyException as error:
        raise BadInput(f"case {case}: the IBAN of the mandate is not valid ({error}).", "") from None
    wrong = identifiers.wrong(identifier)
    if wrong:
        raise BadInput(f"creditor identifier {identifier!r} {wrong}.", "It looks like DE98ZZZ09999999999.")
    if not re.fullmatch(REFERENCE, reference) or not 1 <= notice_days <= NOTICE_DAYS * 4:
        raise BadInput(
            "a mandate reference has 1 to 35 letters, digits or + ? / : ( ) . , ' -; "
            "its notice has 1 to 56 days.",
            "Write it as it stands on the signed mandate.",
        )


def end_mandate(book: OpenBook, case: str, on: dt.date | None = None) -> int:
    """End the open mandate of a case (revoked, account closed); returns how many were."""
    case_id, day = case_id_of(book, case), on or clock.today()
    with transaction.atomic():
        rows = DebitMandate.objects.filter(tenant_id=book.tenant_id, case_id=case_id, ended_on__isnull=True)
        count = rows.update(ended_on=day)
        if count:
            note(book, "mandate_end", on=day, case_id=case_id)
    return count


def open_mandates(book: OpenBook, creditor: Creditor, on: dt.date) -> dict[int, DebitMandate]:
    """case_id → mandate that may be collected under on a day."""
    rows = DebitMandate.objects.filter(
        tenant_id=book.tenant_id, ended_on__isnull=True, signed_on__lte=on, case__creditor_id=creditor.id
    )
    orders = DebitOrder.objects.filter(tenant_id=book.tenant_id, mandate__in=rows)
    last = dict(orders.values_list("mandate_id").annotate(last=Max("collect_on")))
    gone = orders.filter(statuses__word__in=[DebitStatus.Word.REFUSED, DebitStatus.Word.RETURNED])
    spent = set(
        orders.filter(mandate__sequence__in=ONCE).exclude(id__in=gone).values_list("mandate_id", flat=True)
    )
    found = {}
    for row in rows.order_by("case_id"):
        taken_over = row.recorded_at.date() if row.sequence == "RCUR" else row.signed_on
        used = last.get(row.id) or taken_over
        if on <= plus_months(used, UNUSED_MONTHS) and row.id not in spent:
            found[row.case_id] = row
    return found


def announce(
    book: OpenBook,
    creditor_key: str,
    on: dt.date | None = None,
    *,
    told_by: str = BY_MESSAGE,
    cases: Sequence[str] = (),
) -> list[Announced]:
    """Decide what will be collected and when, and have the debtors told; until then nobody is dunned for it.

    Claims under an open mandate that are due by the collection day, and instalments whose last collection
    came back. The first collection of an instalment needs no notice beside its plan, which names every
    day and sum. The next run plans a message of each, and sending sends it at most once. Run again on the
    same day, it records nothing twice and gives the day's texts again.

    Parameters
    ----------
    told_by : message = the run writes; email, post, phone = a person told these texts on this day, also of
        what a message was to tell and has not
    cases : only these, by reference; empty = all of the creditor

    Raises
    ------
    BadInput, NotFound
        No way to tell; no such creditor or case.
    """
    if told_by not in TOLD_BY:
        raise BadInput(f"{told_by!r} is no way to tell.", f"Use one of {', '.join(TOLD_BY)}.")
    creditor, day = creditor_of(book, creditor_key), viewing_day(book, on)
    only = {case_id_of(book, case) for case in cases}
    with transaction.atomic():
        one_at_a_time(creditor)
        known = open_mandates(book, creditor, day)
        history, found, news = History.of(book, creditor), targets(book, known, day), []
        for target in found.targets:
            if only and target.case_id not in only:
                continue
            last, mandate = history.last_of(target), known[target.case_id]
            is_left_to_hand = told_by != BY_MESSAGE and history.is_untold(target, found.told)
            is_free = history.is_free(target, found.told, day) or is_left_to_hand
            if (target.instalment_id is not None and last is None) or not is_free:
                continue
            if target.instalment_id is not None and history.written.get(target.case_id) == day:
                continue  # the message of this day told of others; which ones must stay beyond doubt
            collect_on = in_time(target.due_on, day, mandate.notice_days)
            news.append(News(target, mandate, day, collect_on, told_by))
        notify(book, news, history)
    told = [row for row in _told_on(book, creditor, day) if not only or row.case_id in only]
    ends = mandates.ibans(book.tenant_id, [row.mandate for row in told])
    return [_announced(row, creditor, ends.get(row.mandate_id, "")) for row in told]


def one_at_a_time(creditor: Creditor) -> None:
    """Wait until nobody else announces, collects or books for this creditor; call it in a transaction."""
    Creditor.objects.select_for_update().get(tenant_id=creditor.tenant_id, id=creditor.id)


def _told_on(book: OpenBook, creditor: Creditor, day: dt.date) -> Iterable[DebitNotice]:
    """Notices of a day under mandates that still run, without those a plan gave."""
    rows = DebitNotice.objects.filter(
        tenant_id=book.tenant_id,
        notified_on=day,
        mandate__case__creditor_id=creditor.id,
        mandate__ended_on__isnull=True,
    ).exclude(instalment__isnull=False, attempt=1)
    same = Q(claim_id=OuterRef("claim_id")) | Q(instalment_id=OuterRef("instalment_id"))
    later = rows.filter(same, attempt__gt=OuterRef("attempt"))
    rows = rows.exclude(Exists(later))
    return rows.select_related("mandate", "case", "claim", "instalment").order_by("case_id", "id")


@dataclass(frozen=True)
class News:
    """What is to be recorded as told about a target."""

    target: Target
    mandate: DebitMandate
    notified_on: dt.date
    collect_on: dt.date
    told_by: str


def notify(book: OpenBook, news: Sequence[News], history: History) -> None:
    """Record notices, and keep their claims from being dunned meanwhile; the history knows them then."""
    rows = []
    for one in news:
        last = history.last_of(one.target)
        rows.append(
            DebitNotice(
                tenant_id=book.tenant_id,
                mandate_id=one.mandate.id,
                case_id=one.target.case_id,
                claim_id=one.target.claim_id,
                instalment_id=one.target.instalment_id,
                attempt=last.attempt + 1 if last else 1,
                amount_cents=one.target.amount_cents,
                notified_on=one.notified_on,
                collect_on=one.collect_on,
                told_by=one.told_by,
            )
        )
    if not rows:
        return
    facts = [fact for row in rows for fact in quiet(row, row.collect_on)]
    with transaction.atomic():
        DebitNotice.objects.bulk_create(rows, batch_size=500)
        if facts:
            fact_records.append(book.tenant_id, facts, recorded_at=clock.now())
    for row in rows:
        history.add(row)


def quiet(row: DebitNotice, until: dt.date) -> list[dict[str, Any]]:
    """We chose the day: until then the debtor may wait, and no interest runs against him.

    Facts of a claim; an instalment is kept quiet by its plan. A later day than the notice's has its own.
    """
    if row.claim_id is None:
        return []
    about = {"case_id": row.case_id, "claim_id": row.claim_id, "effective_on": row.notified_on}
    name = f"{row.id}" if until == row.collect_on else f"{row.id}|{until}"
    return [
        {**about, "kind": kind, "until_on": last, "code": HOLD_CODE, "source_key": f"{word}|{name}"}
        for kind, last, word in (
            (FactKind.DEFERRAL_GRANTED, until, "debit-deferral"),
            (FactKind.HOLD_SET, until + HOLD_AFTER, "debit-notice"),
        )
    ]


def _announced(notice: DebitNotice, creditor: Creditor, iban: str) -> Announced:
    mandate, case = notice.mandate, notice.case
    what = f"Rechnung {notice.claim.invoice_number}" if notice.claim else f"Rate {notice.instalment.number}"
    whole, part = divmod(notice.amount_cents, 100)
    text = (
        f"Wir ziehen {what} über {whole},{part:02d} € am {notice.collect_on:%d.%m.%Y} von Ihrem Konto "
        f"(IBAN endet auf {iban[-4:]}) ein. Gläubiger-ID {mandate.creditor_identifier}, Mandat "
        f"{mandate.reference}. Stimmt etwas nicht oder passt der Tag nicht, sagen Sie uns vorher Bescheid. "
        f"{creditor.name}"
    )
    return Announced(
        case.case_reference,
        what,
        notice.amount_cents,
        notice.collect_on,
        mandate.reference,
        mandate.creditor_identifier,
        text,
        notice.told_by or "",
    )


def lift_holds(book: OpenBook, notices: Iterable[DebitNotice], on: dt.date) -> list[dict[str, Any]]:
    """Facts that end the holds of these notices: the collection came to nothing."""
    return [
        {
            "case_id": notice.case_id,
            "claim_id": notice.claim_id,
            "kind": FactKind.HOLD_LIFTED,
            "effective_on": on,
            "code": HOLD_CODE,
            "source_key": f"debit-notice-over|{notice.id}",
        }
        for notice in notices
        if notice.claim_id is not None
    ]
