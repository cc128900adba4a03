"""Forgetting a person: restricted while the law wants the data kept, erased for good afterwards.

Inside the retention periods (§ 147 AO, § 257 HGB) and while money is owed, the data stay, restricted to
that purpose (Art. 17(3), 18 GDPR). After that the person's key is destroyed: name, address, sealed letters,
direct debit mandates and search tokens are gone in every copy, and so is what banks and payment providers
told of the person as a payer. Facts, claims and balances stay, nameless.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, Final

from django.db.models import Max

from mahnwerk.formats.rejects import FormatError
from mahnwerk.formats.text import survey
from mahnwerk.frames import PERSON
from mahnwerk.law import load_laws
from mahnwerk.records import crypto, load, persons
from mahnwerk.records.models import (
    BlindIndex,
    Case,
    CaseParticipant,
    Claim,
    Fact,
    Message,
    Person,
)
from mahnwerk.usecases import erasing_money, file_kinds
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.cases import case_id_of, decided, viewing_day
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.file_kinds import FileKind
from mahnwerk.usecases.opening import OpenBook

OPEN: Final = "claim_open"
VOUCHERS: Final = "booking_documents"
LETTERS: Final = "business_letters"
REASONS: Final = {
    OPEN: "money is still owed or held (Art. 17(3)(e) GDPR)",
    VOUCHERS: "booking documents must be kept (Art. 17(3)(b) GDPR, § 147 AO, § 257 HGB)",
    LETTERS: "business letters must be kept (Art. 17(3)(b) GDPR, § 147 AO, § 257 HGB)",
}
"""Why a person is kept for now; the closed words of `persons.restricted_because`."""
_PERIODS: Final = {
    VOUCHERS: "retention.booking_documents_years",
    LETTERS: "retention.business_letters_years",
}


@dataclass
class Erasure:
    """What became, or would become, of one person.

    `state` is erased, restricted or already_erased; `because` and `until` say why and how long a
    restricted person is kept (until is None while money is owed).
    """

    case_references: list[str]
    state: str
    because: str = ""
    until: dt.date | None = None
    is_dry_run: bool = True
    files: int = 0
    payers: int = 0
    entries: int = 0
    """Texts of bank entries of other payers that spoke of the person."""
    events: int = 0
    """Bodies of provider events."""
    warnings: list[str] = field(default_factory=list)


def erase(
    book: OpenBook,
    *,
    case: str = "",
    customer_number: str = "",
    on: dt.date | None = None,
    dry_run: bool = True,
) -> list[Erasure]:
    """Erase the debtors of a case, or all persons of a customer number; or restrict who must be kept.

    Parameters
    ----------
    case, customer_number : exactly one of them
    on : the day retention periods are looked at; None = the day of the last run, else today

    Returns
    -------
    One Erasure per person.

    Raises
    ------
    BadInput, NotFound
        Neither or both were named, or nobody is found. The customer number is not repeated.

    Guarantees
    ----------
    Started again after a crash it finishes what was left undone. The audit trail gets ids and counts only.
    """
    day = viewing_day(book, on)
    return [_one(book, person_id, day, dry_run) for person_id in _people(book, case, customer_number)]


def _people(book: OpenBook, case: str, customer_number: str) -> list[int]:
    if bool(case) == bool(customer_number):
        raise BadInput("name either a case or a customer number.", "mahnwerk person erase M-000001")
    if case:
        rows = CaseParticipant.objects.filter(tenant_id=book.tenant_id, case_id=case_id_of(book, case))
        return sorted(set(rows.values_list("person_id", flat=True)))
    kind = BlindIndex.Kind.CUSTOMER_NUMBER
    wanted = sorted(pair for pair in persons.tokens({"customer_number": customer_number}) if pair[0] == kind)
    hashes = crypto.keyed_hashes(book.tenant_id, "blind index", [f"{int(k)}|{text}" for k, text in wanted])
    tokens = BlindIndex.objects.filter(tenant_id=book.tenant_id, kind=kind, token__in=hashes)
    found = sorted(set(tokens.values_list("person_id", flat=True)))
    if not found:
        raise NotFound("nobody in this book has this customer number.", "An erased person has none any more.")
    return found


def _one(book: OpenBook, person_id: int, on: dt.date, dry_run: bool) -> Erasure:
    tenant_id = book.tenant_id
    mine = CaseParticipant.objects.filter(tenant_id=tenant_id, person_id=person_id)
    cases = dict(
        Case.objects.filter(tenant_id=tenant_id, id__in=mine.values("case_id")).values_list(
            "id", "case_reference"
        )
    )
    people = _versions(tenant_id, person_id)
    traces = erasing_money.find(book, sorted(cases), people)
    because, until = _kept_for(book, sorted(cases), on, traces)
    result = Erasure(sorted(cases.values()), "restricted" if because else "erased", because, until, dry_run)
    needles, numbers = _needles(people)
    if not needles and not because:
        result.state = "already_erased"
    if dry_run:
        return result
    if because:
        persons.restrict(tenant_id, person_id, because)
    else:
        result.files = _forget_files(book, sorted(cases.values()), needles, numbers)
        erasing_money.forget(book, sorted(cases), traces)
        result.payers, result.entries = len(traces.payers), len(traces.texts)
        result.events = len(traces.events)
        persons.erase(tenant_id, person_id)
    counts = {name: getattr(result, name) for name in ("files", "payers", "entries", "events")}
    detail = {"person_id": person_id, "because": because, **counts}
    note(book, f"person_{result.state}", on=on, case_id=next(iter(sorted(cases)), None), detail=detail)
    result.warnings.append("Files outside the book (imports, exports, printed letters) are yours to delete.")
    return result


def _kept_for(
    book: OpenBook, case_ids: list[int], on: dt.date, traces: erasing_money.Traces
) -> tuple[str, dt.date | None]:
    """The weightiest reason to keep the person on this day, and its last day; ("", None) = none."""
    if traces.is_waiting:  # money of this person nobody has placed yet
        return OPEN, None
    for case_id in case_ids:
        loaded = load.book(book.tenant_id, case_range=(case_id, case_id), on=on)
        balances = decided(book, on, loaded).plan.balances
        if balances.height < loaded.claims.height:  # a case that cannot be worked out is not settled
            return OPEN, None
        if balances.filter((balances["open_cents"] != 0) | (balances["surplus_cents"] != 0)).height:
            return OPEN, None
    mine = {"tenant_id": book.tenant_id, "case_id__in": case_ids}
    issued = Claim.objects.filter(**mine).aggregate(last=Max("issued_on"), recorded=Max("recorded_on"))
    told = Fact.objects.filter(**mine).aggregate(last=Max("effective_on"))
    letters = Message.objects.filter(**mine).aggregate(last=Max("sealed_on"))
    lasts = {
        VOUCHERS: max(filter(None, [*issued.values(), told["last"], traces.last_on]), default=None),
        LETTERS: letters["last"],
    }
    law = load_laws()["de"]
    ends = {
        reason: dt.date(last.year + law.years(_PERIODS[reason], last), 12, 31)
        for reason, last in lasts.items()
        if last is not None
    }
    kept = [(end, reason) for reason, end in ends.items() if on <= end]
    return (max(kept)[1], max(kept)[0]) if kept else ("", None)


def _versions(tenant_id: int, person_id: int) -> list[dict[str, Any]]:
    """All that was ever known of a person, decrypted; nothing once it is erased."""
    key = crypto.person_keys(tenant_id, [person_id]).get(person_id)
    return [
        json.loads(crypto.decrypt(key, row.payload, crypto.payload_aad(tenant_id, person_id, row.version)))
        for row in Person.objects.filter(tenant_id=tenant_id, person_id=person_id)
        if key is not None and row.state != Person.State.SHREDDED
    ]


def _needles(people: list[dict[str, Any]]) -> tuple[list[tuple[str, ...]], set[str]]:
    """What tells that a file speaks of this person: any of these, each with all its words.

    And their customer numbers: by themselves they tell only in a cell of their own.
    """
    found: set[tuple[str, ...]] = set()
    numbers: set[str] = set()
    for told in people:
        numbers |= {told["customer_number"]} if told.get("customer_number") else set()
        for columns in (("email",), ("iban",), ("phone",), ("last_name", "street"), ("company", "street"),
                        ("customer_number", "last_name"), ("customer_number", "company")):  # fmt: skip
            words = tuple(told.get(column, "") for column in columns)
            if all(words):
                found.add(words)
    return sorted(found), numbers


def _forget_files(
    book: OpenBook, references: list[str], needles: list[tuple[str, ...]], numbers: set[str]
) -> int:
    """Take the person out of kept originals and rejected rows, and delete their letters; files touched.

    A table is kept without the person's rows; any other file that speaks of them is deleted.
    """
    touched = 0
    for path, content, text in _readable(book):
        rest = _without(content, path, needles, numbers)
        if rest == content or (rest is None and not _speaks_of(text, needles)):
            continue
        if rest and path.suffix == ".sealed":
            crypto.keep_file(book.tenant_id, path.parent.name, rest)
        elif rest:
            crypto.write_durably(path, rest)
        if not rest or path.suffix == ".sealed":
            path.unlink(missing_ok=True)
        touched += 1
    for reference in references:
        for letter in book.place.outbox.glob(f"{reference}_*"):
            letter.unlink(missing_ok=True)
            touched += 1
    return touched


def _speaks_of(text: str, needles: list[tuple[str, ...]]) -> bool:
    return any(all(word in text for word in words) for words in needles)


def _without(content: bytes, path: Path, needles: list[tuple[str, ...]], numbers: set[str]) -> bytes | None:
    """A table without the records that speak of the person, b"" if none is left; None: not a table."""
    if path.suffix != ".csv" and path.parent.name not in (FileKind.CLAIMS, FileKind.FACTS):
        return None
    try:
        encoding = survey(BytesIO(content)).encoding
        text = content.decode(encoding)
    except (FormatError, UnicodeDecodeError):
        return None
    records: list[str] = []
    for line in StringIO(text, newline=""):
        if records and records[-1].count('"') % 2:
            records[-1] += line  # a line break inside quotes
        else:
            records.append(line)
    cells = re.compile(r"[;,\t\r\n\"]+")
    kept = records[:1] + [
        record
        for record in records[1:]
        if not _speaks_of(record, needles) and numbers.isdisjoint(cells.split(record))
    ]
    return "".join(kept).encode(encoding) if len(kept) > 1 else b""


def _readable(book: OpenBook) -> Iterator[tuple[Path, bytes, str]]:
    for path in sorted((book.place.folder / "files").glob("*/*.sealed")):
        kind, mark = path.parent.name, bytes.fromhex(path.stem)
        content = crypto.open_file(book.tenant_id, kind, mark)
        text = _text(content)
        if kind == FileKind.INVOICE:  # a PDF hides its words
            rows: list[dict[str, Any]] = file_kinds.read_invoice(content, "").claims.to_dicts()
            text += "\n".join(str(row.get(name) or "") for row in rows for name in PERSON)
        yield path, content, text
    for path in sorted(book.place.rejects.glob("*.csv")):
        content = path.read_bytes()
        yield path, content, _text(content)


def _text(content: bytes) -> str:
    """The content however it may be encoded: better one file too many than one too few."""
    return "\n".join(content.decode(encoding, "ignore") for encoding in ("utf-8", "cp1252", "utf-16"))
