"""The terms of a plan as a document for the debtor: of an offer not yet agreed, or of a plan that runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from mahnwerk.frames import ClaimKind, Role
from mahnwerk.kernel.plans import hash_of
from mahnwerk.letters.model import LANGUAGES, Item, Letter, PlannedInstalment, PlanTerms, Rendered
from mahnwerk.records import load
from mahnwerk.records import plans as plan_records
from mahnwerk.records.models import Case
from mahnwerk.usecases import letter_data, plans, rendering
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.cases import case_id_of, decided, viewing_day
from mahnwerk.usecases.debit_letters import Mandates
from mahnwerk.usecases.errors import BadInput
from mahnwerk.usecases.letter_data import Incomplete
from mahnwerk.usecases.opening import OpenBook
from mahnwerk.usecases.plan_run import as_signed

TEMPLATE: Final = "plan_document"
REMEDY: Final = "Complete the creditor file or the claim and import it again."
TEXT: Final = ".txt"
"""A file of this ending gets the plain text; any other the PDF."""


@dataclass(frozen=True)
class PlanDocument:
    """A document drawn. plan_no: 0 for an offer; offer_id: "" for a plan; sha256: of the PDF."""

    case_reference: str
    plan_no: int
    offer_id: str
    terms_hash: str
    language: str
    text: str
    sha256: str
    path: str


@dataclass(frozen=True)
class _Subject:
    """What the document is about: terms as kept, the claims with what each owed on the first day."""

    plan_no: int
    offer_id: str
    starts_on: dt.date
    answer_by: dt.date | None
    values: Mapping[str, Any]
    terms_hash: str
    claims: list[dict[str, Any]]


def draw(
    book: OpenBook,
    case: str,
    path: Path,
    *,
    offer_id: str = "",
    language: str = "",
    to_sign: bool | None = None,
    on: dt.date | None = None,
) -> PlanDocument:
    """Write the terms of an offer, or of the plan that runs, as the debtor should have them.

    Parameters
    ----------
    path : where to; `.txt` = plain text, anything else PDF
    offer_id : a kept offer; "" = the plan that runs
    language : de or en; "" = the case's own
    to_sign : print a place for signatures; None = on an offer only
    on : the day the document bears

    Raises
    ------
    BadInput, NotFound
        There is no such case, offer or running plan, the offer stands no longer, the plan's record is not
        what was agreed, something a letter needs is missing, or the file cannot be written.

    Guarantees
    ----------
    Sends nothing and records nothing about the case; only that it was drawn, by whom, is noted.
    """
    case_id, day = case_id_of(book, case), viewing_day(book, on)
    row = Case.objects.get(tenant_id=book.tenant_id, id=case_id)
    if language and language not in LANGUAGES:
        raise BadInput(f"--language: {language!r} is not known.", f"Known: {', '.join(LANGUAGES)}.")
    subject = _offered(book, row, offer_id, day) if offer_id else _agreed(book, row, day)
    signed = subject.answer_by is not None if to_sign is None else to_sign
    letter = _letter(book, row, subject, day, language or row.language, to_sign=signed)
    rendered = _checked(row, letter)
    try:
        if path.suffix.lower() == TEXT:
            path.write_text(rendered.text, encoding="utf-8")
        else:
            path.write_bytes(rendered.pdf)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror}.") from error
    detail = {"plan_no": subject.plan_no, "terms_hash": subject.terms_hash}
    note(book, "plan_document", on=day, case_id=case_id, detail=detail)
    return PlanDocument(
        case_reference=row.case_reference,
        plan_no=subject.plan_no,
        offer_id=subject.offer_id,
        terms_hash=subject.terms_hash,
        language=letter.language,
        text=rendered.text,
        sha256=rendered.sha256,
        path=str(path),
    )


def _offered(book: OpenBook, row: Case, offer_id: str, day: dt.date) -> _Subject:
    kept, made = plans.binding(book, row.id, offer_id, day)
    return _Subject(
        plan_no=0,
        offer_id=kept.public_id,
        starts_on=kept.offered_on,
        answer_by=kept.offered_on + plans.OFFER_VALID,
        values=kept.terms,
        terms_hash=kept.terms_hash,
        claims=_claims(book, row.id, made.claim_ids, kept.offered_on, made.last_fact_no),
    )


def _agreed(book: OpenBook, row: Case, day: dt.date) -> _Subject:
    plan = plans.running(book, row.id, day)
    if plan is None:
        raise BadInput(
            f"case {row.case_reference} has no plan that runs on {day}.",
            "Name a kept offer: mahnwerk plan document CASE OFFER. `mahnwerk plan show` lists its plans.",
        )
    if not as_signed(book, [plan.id]) or hash_of(plan.terms) != plan.terms_hash:
        raise BadInput(
            f"case {row.case_reference}: the record of plan {plan.plan_no} has another hash than its terms "
            "when they were agreed.",
            "It is not executed either. Restore it from a backup.",
        )
    return _Subject(
        plan_no=plan.plan_no,
        offer_id="",
        starts_on=plan.agreed_on,
        answer_by=None,
        values=plan.terms,
        terms_hash=plan.terms_hash,
        claims=_claims(
            book,
            row.id,
            plan_records.claims_of(book.tenant_id, plan.id),
            plan.agreed_on,
            plan_records.known_when_agreed(plan),
        ),
    )


def _claims(
    book: OpenBook, case_id: int, claim_ids: Sequence[int], on: dt.date, known: int
) -> list[dict[str, Any]]:
    """The claims covered with what each owed on the plan's first day, as known when it was made.

    known : number of the last fact that was known
    """
    loaded = load.book(book.tenant_id, case_ids=[case_id], on=on)
    loaded = replace(loaded, facts=loaded.facts.filter(pl.col("fact_no") <= known))
    owed = decided(book, on, loaded).plan.balances.drop("case_id")
    mine = loaded.claims.filter(pl.col("claim_id").is_in(list(claim_ids)))
    return mine.join(owed, on="claim_id", how="left").sort("claim_id").to_dicts()


def _letter(
    book: OpenBook, row: Case, subject: _Subject, day: dt.date, language: str, *, to_sign: bool
) -> Letter:
    person = load.persons(book.tenant_id, [row.id]).get(row.id)
    if person is None or person.payload is None:
        raise BadInput(f"{row.case_reference}: the debtor was erased; there is nobody to write to.")
    creditor = load.creditors(book.tenant_id)[row.creditor_id]
    role = Role(row.role)
    terms = replace(_terms(book, row, subject), to_sign=to_sign)
    try:
        return Letter(
            template=TEMPLATE,
            sender=letter_data.sender(creditor),
            recipient=letter_data.recipient(person.payload),
            dated_on=day,
            as_of_on=subject.starts_on,
            case_reference=row.case_reference,
            rf_reference=row.rf_reference,
            items=_items(book, row, subject, language, letter_data.subject_of(creditor)),
            demand_cents=terms.total_cents,
            language=language,
            currency=row.currency,
            role=role,
            is_consumer=row.is_consumer,
            creditor=letter_data.client(creditor, role),
            registration=letter_data.registration(creditor),
            terms=terms,
        )
    except Incomplete as error:
        raise BadInput(f"{row.case_reference}: {error}.", REMEDY) from error


def _terms(book: OpenBook, row: Case, subject: _Subject) -> PlanTerms:
    """The terms as they are kept; beside them only the mandate that is open now."""
    values = subject.values
    mandates = Mandates.of(book.tenant_id, [row.id])
    mandate = mandates.of_case.get(row.id)
    ends = mandates.account_ends.get(mandate.id, "") if mandate else ""
    return PlanTerms(
        starts_on=subject.starts_on,
        instalments=tuple(
            PlannedInstalment(
                one["number"],
                dt.date.fromisoformat(one["due_on"]),
                one["amount_cents"],
                one["interest_cents"],
                one["left_cents"],
            )
            for one in values["instalments"]
        ),
        open_cents=values["open_cents"],
        interest_cents=values["interest_cents"],
        total_cents=values["total_cents"],
        rate_ppm=values["rate_ppm"],
        grace_days=values["grace_days"],
        clauses=tuple(values["clauses"]),
        terms_hash=subject.terms_hash,
        answer_by=subject.answer_by,
        mandate=mandate.reference if mandate and ends else "",
        creditor_identifier=mandate.creditor_identifier if mandate and ends else "",
        account_end=ends,
    )


def _items(book: OpenBook, row: Case, subject: _Subject, language: str, about: str) -> tuple[Item, ...]:
    """The claims by what each owed; only by their numbers where that no longer comes to the terms' sum."""
    contracts = load.contract_dates(book.tenant_id, [row.id])
    is_known = sum(one["open_cents"] or 0 for one in subject.claims) == subject.values["open_cents"]
    return tuple(
        Item(
            invoice_number=one["invoice_number"],
            issued_on=one["issued_on"] or one["due_on"],
            due_on=one["due_on"],
            original_cents=one["principal_cents"],
            principal_open_cents=one["principal_open_cents"] if is_known else 0,
            interest_open_cents=one["interest_open_cents"] if is_known else 0,
            costs_open_cents=one["costs_open_cents"] if is_known else 0,
            step=TEMPLATE,
            is_demanded=False,
            ground=letter_data.ground(one["kind"], language, about),
            contract_on=contracts.get(one["claim_id"]),
            is_contract=one["kind"] != ClaimKind.DAMAGES,
        )
        for one in subject.claims
    )


def _checked(row: Case, letter: Letter) -> Rendered:
    """The finished document, if the check of letters lets it go."""
    rendered = rendering.render_one(letter)
    if isinstance(rendered, str):
        raise BadInput(f"{row.case_reference}: {rendered}", REMEDY)
    faults = rendering.faults(letter, rendered, by_post=False)
    if faults:
        raise BadInput(f"{row.case_reference}: {'; '.join(faults[:3])}", REMEDY)
    return rendered
