"""`statement`: what is owed in a case on a day, on the screen and as a letter."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mahnwerk.frames import ClaimKind, Role
from mahnwerk.law import load_laws
from mahnwerk.letters.model import Item, Letter, LetterError
from mahnwerk.records import load
from mahnwerk.records.models import Case
from mahnwerk.usecases import letter_data, rendering
from mahnwerk.usecases.accounts import Account, accounts
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.cases import case_id_of, decided, viewing_day
from mahnwerk.usecases.errors import BadInput
from mahnwerk.usecases.letter_data import Incomplete
from mahnwerk.usecases.opening import OpenBook


def view(book: OpenBook, case: str, on: dt.date | None = None) -> Account:
    """The account of a case on a day; None = the day of the last run, else today.

    Raises
    ------
    NotFound
        There is no such case.
    BadInput
        The case's data are broken, so that nothing can be said for certain.
    """
    case_id = case_id_of(book, case)
    day = viewing_day(book, on)
    loaded = load.book(book.tenant_id, case_ids=[case_id], on=day)
    balances = decided(book, day, loaded).plan.balances
    if balances.is_empty():
        raise BadInput(f"{case}: its data contradict each other.", f"`mahnwerk why {case}` says where.")
    return accounts(loaded, balances, load_laws(), day, [case_id])[case_id]


def write_pdf(book: OpenBook, account: Account, path: Path) -> Path:
    """Write the statement of account as a letter to the debtor.

    Raises
    ------
    BadInput
        The creditor or the debtor lacks something a letter needs, or the file cannot be written.
    """
    row = Case.objects.get(tenant_id=book.tenant_id, case_reference=account.case_reference)
    person = load.persons(book.tenant_id, [row.id]).get(row.id)
    if person is None or person.payload is None:
        raise BadInput(f"{account.case_reference}: the debtor was erased; there is nobody to write to.")
    creditor = load.creditors(book.tenant_id)[row.creditor_id]
    try:
        letter = _letter(account, row, person.payload, creditor)
        rendered = rendering.render_one(letter)
    except (Incomplete, LetterError) as error:
        raise BadInput(f"{account.case_reference}: {error}.", letter_data.REMEDY) from error
    if isinstance(rendered, str):
        raise BadInput(f"{account.case_reference}: {rendered}", letter_data.REMEDY)
    try:
        path.write_bytes(rendered.pdf)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror}.") from error
    note(book, "statement_pdf", on=account.on, case_id=row.id)
    return path


def _letter(account: Account, row: Case, person: dict[str, str], creditor: dict[str, object]) -> Letter:
    role, subject = Role(row.role), letter_data.subject_of(creditor)
    contracts = load.contract_dates(row.tenant_id, [row.id])
    items = tuple(_item(claim, account.language, subject, contracts) for claim in account.claims)
    return Letter(
        template="statement_of_account",
        sender=letter_data.sender(creditor),
        recipient=letter_data.recipient(person),
        dated_on=account.on,
        as_of_on=account.on,
        case_reference=account.case_reference,
        rf_reference=row.rf_reference,
        items=items,
        demand_cents=sum(item.open_cents for item in items),
        language=account.language,
        currency=account.currency,
        role=role,
        is_consumer=row.is_consumer,
        creditor=letter_data.client(creditor, role),
        registration=letter_data.registration(creditor),
        lines=(*letter_data.lines(account, ()), *letter_data.not_asked(account)),
        interest_rows=tuple(letter_data.interest_rows(account)),
        payments=tuple(letter_data.payments(account)),
        surplus_cents=account.surplus_cents,
        is_consumer_credit=letter_data.is_consumer_credit(account),
        day_count=account.day_count,
    )


def _item(claim: dict[str, Any], language: str, subject: str, contracts: Mapping[int, dt.date]) -> Item:
    """A claim as the statement lists it: what is disputed stands apart from what is open."""
    principal, interest, costs = letter_data.disputed_parts(claim)
    return Item(
        invoice_number=claim["invoice_number"],
        issued_on=claim["issued_on"] or claim["due_on"],
        due_on=claim["due_on"],
        original_cents=claim["original_cents"],
        principal_open_cents=claim["principal_open_cents"] - principal,
        interest_open_cents=claim["interest_open_cents"] - interest,
        costs_open_cents=claim["costs_open_cents"] - costs,
        disputed_cents=principal + interest + costs,
        ground=letter_data.ground(claim["kind"], language, subject),
        contract_on=contracts.get(claim["claim_id"]),
        is_contract=claim["kind"] != ClaimKind.DAMAGES,
        default_since=claim["default_began_on"],
        default_source=claim["default_source"],
    )
