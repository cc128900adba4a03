"""Whose claims these are: creditors from their files, and stand-ins where no file came yet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl
from django.db import transaction
from django.db.models import Count

from mahnwerk.formats.creditor_yaml import CreditorFile, parse_creditor
from mahnwerk.formats.rejects import FormatError
from mahnwerk.frames import Role
from mahnwerk.kernel.message_fees import CAPS
from mahnwerk.law import LawGap, load_laws
from mahnwerk.records.models import Creditor, Feed, Mandate
from mahnwerk.usecases import clock, procedures
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.opening import OpenBook

DEFAULT_PROCEDURES: Final = {"consumer": "consumers", "business": "businesses"}
LENDERS: Final = {"consumer": "lenders"}
"""What a creditor of the role `lender` gets instead, where its file names none."""
LOGO_BYTES_MAX: Final = 300_000
LOGO_TYPES: Final = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@dataclass(frozen=True)
class CreditorAdded:
    """What became of a creditor file. `outcome` is new, changed or same."""

    key: str
    name: str
    outcome: str
    warnings: list[str] = field(default_factory=list)


def overview(book: OpenBook) -> list[dict[str, Any]]:
    """The creditors of a book, with the number of their cases."""
    rows = Creditor.objects.filter(tenant_id=book.tenant_id).annotate(case_count=Count("cases"))
    roles = dict(
        Mandate.objects.filter(tenant_id=book.tenant_id)
        .order_by("given_on")
        .values_list("creditor_id", "role")
    )
    return [
        {
            "key": row.key,
            "name": row.name,
            "role": Role(roles.get(row.id, Role.OWN)).name.lower(),
            "procedure": row.procedure or "–",
            "cases": row.case_count,
        }
        for row in rows.order_by("key")
    ]


def add_file(book: OpenBook, path: Path, *, dry_run: bool = False) -> list[CreditorAdded]:
    """Add the creditor of a file, or bring a known one (same `key`) up to date.

    A changed role or right to deduct input tax is a new mandate from today on; earlier letters keep theirs.

    Raises
    ------
    BadInput
        Everything that is wrong with the file, each with its key and what to write.
    """
    try:
        told = parse_creditor(path.read_text(encoding="utf-8"), path.name)
    except (FormatError, UnicodeDecodeError) as error:
        raise BadInput(str(error)) from error
    except OSError as error:
        raise NotFound(f"{path}: cannot be read: {error.strerror}.", "Check the name.") from error
    logo, logo_type = _logo(path, told.logo)
    chosen = _procedures(book, told.procedures, LENDERS if told.is_lender else {})
    columns = {
        "name": told.name[:200],
        "iban": told.iban,
        "vat_id": told.vat_id,
        "language": told.language,
        "procedure": chosen["consumer"],
        "profile": _profile(told, chosen),
        "logo": logo,
        "logo_type": logo_type,
    }
    with transaction.atomic():
        outcome = _save(book, told, columns)
        if dry_run:
            transaction.set_rollback(True)
    return [CreditorAdded(told.key, told.name, outcome, _warnings(told, clock.today()))]


def _save(book: OpenBook, told: CreditorFile, columns: Mapping[str, Any]) -> str:
    known = Creditor.objects.filter(tenant_id=book.tenant_id, key=told.key).first()
    if known is None:
        known = Creditor.objects.create(tenant_id=book.tenant_id, key=told.key, **columns)
        outcome = "new"
    else:
        same = all(_value(getattr(known, name)) == value for name, value in columns.items())
        outcome = "same" if same else "changed"
        if not same:
            Creditor.objects.filter(id=known.id).update(**columns)
    if _save_mandate(book, known.id, told) and outcome == "same":
        outcome = "changed"
    for feed in told.feeds:
        Feed.objects.update_or_create(
            tenant_id=book.tenant_id,
            creditor_id=known.id,
            name=feed.name[:100],
            defaults={"max_age_days": feed.max_age_days},
            create_defaults={"max_age_days": feed.max_age_days, "checked_on": clock.today()},
        )
    if outcome != "same":
        note(book, f"creditor_{outcome}", detail={"creditor_id": known.id})
    return outcome


def _value(stored: Any) -> Any:
    return bytes(stored) if isinstance(stored, memoryview) else stored


def _save_mandate(book: OpenBook, creditor_id: int, told: CreditorFile) -> bool:
    """Add a mandate if it differs from the latest; whether one was added."""
    registration = {}
    if told.registration is not None:
        registration = {
            "number": told.registration.number,
            "authority": told.registration.authority,
            "authority_address": list(told.registration.authority_address),
            "authority_contact": told.registration.authority_contact,
        }
    wanted = {
        "role": int(told.role),
        "input_tax_deductible": told.is_input_tax_deductible,
        "registration": registration,
    }
    mine = Mandate.objects.filter(tenant_id=book.tenant_id, creditor_id=creditor_id)
    latest = mine.order_by("given_on").last()
    if latest is not None and all(getattr(latest, name) == value for name, value in wanted.items()):
        return False
    given_on = told.mandate_given_on or clock.today()
    mine.update_or_create(
        given_on=given_on, defaults={**wanted, "tenant_id": book.tenant_id, "creditor_id": creditor_id}
    )
    return True


def _procedures(
    book: OpenBook, wanted: Mapping[str, str], of_role: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Debtor kind → procedure key; the file's word, else the role's, else the shipped default."""
    known, of_role = procedures.of_book(book.place), of_role or {}
    return {
        kind: procedures.find(known, wanted.get(kind) or of_role.get(kind) or default).key
        for kind, default in DEFAULT_PROCEDURES.items()
    }


def _profile(told: CreditorFile, chosen: Mapping[str, str]) -> dict[str, Any]:
    """What letters need of the creditor, as plain values."""
    names = [
        "street",
        "address_extra",
        "postcode",
        "city",
        "country",
        "creditor_identifier",
        "bic",
        "account_holder",
        "bank_name",
        "register",
        "website",
        "privacy",
        "contact_person",
        "phone",
        "email",
        "hours",
    ]
    plain = {name: getattr(told, name) for name in names}
    client = asdict(told.client) if told.client is not None else {}
    costs = {channel.value: cents for channel, cents in told.letter_cost_cents.items()}
    return {**plain, "client": client, "procedures": dict(chosen), "letter_cost_cents": costs}


def _warnings(told: CreditorFile, on: dt.date) -> list[str]:
    found = []
    for channel, cents in told.letter_cost_cents.items():
        try:
            cap = load_laws()["de"].cents(CAPS[channel], on)
        except LawGap as gap:
            found.append(str(gap))
            continue
        if cents > cap:
            found.append(
                f"letter_cost_cents.{channel}: {cents} is above the cap of {cap} "
                f"({CAPS[channel]}), which will be asked for"
            )
    if told.role in (Role.AGENCY, Role.ASSIGNEE) and not told.privacy:
        found.append("privacy is missing: the first message must lead to all that Art. 14 GDPR asks for")
    if not told.email:
        found.append("contact.email is missing: without a sender's address no e-mails can be written")
    return found


def _logo(path: Path, name: str) -> tuple[bytes | None, str]:
    """Bytes and media type of the logo beside the creditor file."""
    if not name:
        return None, ""
    place = (path.parent / name).resolve()
    if path.parent.resolve() not in place.parents:
        raise BadInput(f"logo {name!r} lies outside the folder of {path.name}.", "Put it beside the file.")
    try:
        content = place.read_bytes()
    except OSError as error:
        raise BadInput(f"logo {place}: cannot be read: {error.strerror}.") from error
    kind = next((kind for magic, kind in LOGO_TYPES.items() if content.startswith(magic)), "")
    if not kind or len(content) > LOGO_BYTES_MAX:
        raise BadInput(f"logo {name!r}: must be PNG or JPEG of at most {LOGO_BYTES_MAX // 1000} kB.")
    return content, kind


def add_stand_in(book: OpenBook, key: str, claims: pl.DataFrame) -> str:
    """A creditor of whom only the claims' file tells: its name, VAT id and account, if at all.

    Nothing can be sent in its name until its own file came; letters need a contact and an account.
    """
    chosen = _procedures(book, {})
    first = claims.row(0, named=True)
    name = first["creditor_name"] or key or book.place.name
    row = Creditor.objects.create(
        tenant_id=book.tenant_id,
        key=(key or book.place.name)[:100],
        name=name[:200],
        iban=first["creditor_iban"] or "",
        vat_id=first["creditor_vat_id"] or "",
        procedure=chosen["consumer"],
        profile={"procedures": chosen},
    )
    Mandate.objects.create(
        tenant_id=book.tenant_id,
        creditor_id=row.id,
        role=Role.OWN,
        given_on=clock.today(),
        input_tax_deductible=True,
    )
    note(book, "creditor_stand_in", detail={"creditor_id": row.id})
    return row.key
