"""Bank files in: whose account, what is new, what is missing in between; then the matcher looks at it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mahnwerk.formats.bank import BankFile, BankFileError, Entry, Statement
from mahnwerk.formats.text import visible
from mahnwerk.records import bank, bank_read, crypto, load
from mahnwerk.records.models import BankAccount, Feed, ImportedFile
from mahnwerk.usecases import bank_details, clock
from mahnwerk.usecases.audit import note
from mahnwerk.usecases.bank_files import parse, refusal
from mahnwerk.usecases.bank_matching import MatchSummary, match_open
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.failpoints import reached
from mahnwerk.usecases.opening import OpenBook

KIND: Final = "bank"
ANNOUNCEMENTS: Final = ("camt.052", "camt.054", "mt942")
"""Reports that tell movements before the statement does; the statement tells them again."""
BANK_FEED: Final = re.compile(r"bank|giro|konto|account", re.IGNORECASE)


@dataclass
class BankFileSummary:
    """What one file gave."""

    file: str
    format: str = ""
    is_repeat: bool = False
    statements: int = 0
    entries: int = 0
    new: int = 0
    known: int = 0
    pending: int = 0
    announced: int = 0
    warnings: list[str] = field(default_factory=list)


@dataclass
class BankImport:
    """What an import of bank files gave: files, gaps in the chain of balances, and what was matched."""

    files: list[BankFileSummary]
    gaps: list[dict[str, Any]]
    matched: MatchSummary

    @property
    def needs_person(self) -> bool:
        """Something is missing between statements, or entries are waiting for an answer."""
        return bool(self.gaps or self.matched.proposed or self.matched.suspense)


def import_files(
    book: OpenBook,
    files: Sequence[Path],
    *,
    creditor: str = "",
    account: str = "",
    with_announcements: bool = False,
    on: dt.date | None = None,
) -> BankImport:
    """Take in bank files of any known format, match what is open, and book what is certain.

    A file counts whole or not at all. The same file, an overlapping one, or one that was cut off before
    add nothing twice.

    Parameters
    ----------
    creditor : key; files of an account of another creditor are refused then
    account : IBAN, where the file (CSV) does not say
    with_announcements : also take movements of camt.052, camt.054 and MT942, which the statement repeats
    on : the day for the matcher's balances; None = the newest value date

    Raises
    ------
    NotFound, BadInput
        No such file, not readable, balances that do not add up, an account of nobody in this book.
    """
    accounts, read = _accepted(book, files, creditor, account)
    summaries = [_Import(book, accounts, with_announcements).run(path, members) for path, members in read]
    bank_details.join(book, _told)
    matched = match_open(book, on=on)
    return BankImport(summaries, gaps_of(book), matched)


def preview(
    book: OpenBook,
    files: Sequence[Path],
    *,
    creditor: str = "",
    account: str = "",
    with_announcements: bool = False,
) -> list[BankFileSummary]:
    """What `import_files` would take in: read, balances and accounts checked, new entries counted.

    Records nothing and matches nothing; it refuses what the import refuses.
    """
    accounts, read = _accepted(book, files, creditor, account)
    counter = _Import(book, accounts, with_announcements, dry_run=True)
    return [counter.run(path, members) for path, members in read]


_Read = list[tuple[Path, list[tuple[str, BankFile]]]]


def _accepted(book: OpenBook, files: Sequence[Path], creditor: str, account: str) -> tuple[_Accounts, _Read]:
    """The files as read, each whole and of an account of the book."""
    accounts = _Accounts.of(book, creditor)
    read = [(path, parse(path, account=account)) for path in files]
    for path, members in read:
        for name, told in members:
            _accept(name, told)
            for statement in told.statements:
                accounts.find(statement.account, path.name)
    return accounts, read


def _accept(name: str, told: BankFile) -> None:
    try:
        told.accepted()
    except BankFileError as error:
        raise refusal(name, error, "Nothing of this import was taken in.") from error


def gaps_of(book: OpenBook) -> list[dict[str, Any]]:
    """Gaps in the balances of all accounts of the book, with the account's number and its IBAN, shortened."""
    return [
        {"account": row.number, "iban": _shortened(bank.iban_of(book.tenant_id, row)), **gap}
        for row in BankAccount.objects.filter(tenant_id=book.tenant_id).order_by("number")
        for gap in bank_read.gaps(book.tenant_id, row.id)
    ]


def _shortened(account: str) -> str:
    return f"{account[:4]}…{account[-4:]}" if len(account) > 10 else account


def add_account(book: OpenBook, iban: str, creditor: str = "") -> int:
    """Make an account known: of one creditor, or of the operator for all creditors; its number.

    Raises
    ------
    NotFound : no such creditor. BadInput : not an IBAN.
    """
    owner = None
    if creditor:
        keys = {row["key"]: row["creditor_id"] for row in load.creditors(book.tenant_id).values()}
        if creditor not in keys:
            raise NotFound(f"there is no creditor {creditor!r}.", f"Known: {', '.join(sorted(keys))}.")
        owner = keys[creditor]
    if len(bank.compact(iban)) < 5:
        raise BadInput(f"account {iban!r} is too short.", "Write the IBAN.")
    account_id = bank.ensure_account(book.tenant_id, iban, owner, at=clock.now())
    row = BankAccount.objects.get(tenant_id=book.tenant_id, id=account_id)
    note(book, "bank_account_add", detail={"account": row.number, "creditor_id": row.creditor_id})
    return int(row.number)


@dataclass(frozen=True)
class _Accounts:
    """Whose account a statement is of."""

    book: OpenBook
    owners: Mapping[str, set[tuple[str, int | None]]]  # any spelling → (IBAN, creditor or None)
    only: int | None
    only_key: str

    @classmethod
    def of(cls, book: OpenBook, creditor: str) -> _Accounts:
        owners: dict[str, set[tuple[str, int | None]]] = {}
        rows = list(load.creditors(book.tenant_id).values())
        by_iban: dict[str, list[int]] = {}
        for row in rows:
            if row["iban"]:
                by_iban.setdefault(bank.compact(row["iban"]), []).append(row["creditor_id"])
        for account in BankAccount.objects.filter(tenant_id=book.tenant_id):
            iban = bank.iban_of(book.tenant_id, account)
            by_iban.pop(iban, None)
            for name in spellings(iban):
                owners.setdefault(name, set()).add((iban, account.creditor_id))
        for iban, creditor_ids in by_iban.items():
            # One account of several creditors is the operator's: their claims are all looked at.
            owner = creditor_ids[0] if len(creditor_ids) == 1 else None
            for name in spellings(iban):
                owners.setdefault(name, set()).add((iban, owner))
        keys = {row["key"]: row["creditor_id"] for row in rows}
        if creditor and creditor not in keys:
            raise NotFound(f"there is no creditor {creditor!r}.", f"Known: {', '.join(sorted(keys))}.")
        return cls(book, owners, keys.get(creditor), creditor)

    def find(self, account: str, file: str) -> tuple[str, int | None]:
        """IBAN and creditor of an account as the file names it."""
        plain = bank.compact(account)
        found = self.owners.get(plain, set()) or self.owners.get(plain.lstrip("0"), set())
        if len(found) != 1:
            problem = "belongs to no creditor of this book" if not found else "may be one of several accounts"
            raise BadInput(
                f"{file}: account {_shortened(account)} {problem}; nothing was taken in.",
                "Write the IBAN into the creditor's file, or: mahnwerk bank account IBAN --creditor KEY.",
            )
        iban, owner = next(iter(found))
        if self.only is not None and owner is not None and owner != self.only:
            raise BadInput(
                f"{file}: the account is not one of creditor {self.only_key!r}; nothing was taken in.",
                "Leave --creditor out, or choose the right file.",
            )
        return iban, owner


def spellings(iban: str) -> set[str]:
    """How banks name an account: IBAN, or (Germany) bank code and account number, or the number alone."""
    found = {iban}
    if iban.startswith("DE") and len(iban) == 22:
        code, number = iban[4:12], iban[12:]
        found |= {code + number, code + number.lstrip("0"), number, number.lstrip("0")}
    return {name for name in found if len(name) >= 5}


class _Import:
    """Takes in one file after another, or only counts what is new in them (`dry_run`)."""

    def __init__(
        self, book: OpenBook, accounts: _Accounts, with_announcements: bool, *, dry_run: bool = False
    ) -> None:
        self.book, self.accounts, self.with_announcements = book, accounts, with_announcements
        self.dry_run = dry_run
        self.counted: set[bytes] = set()

    def run(self, path: Path, members: Sequence[tuple[str, BankFile]]) -> BankFileSummary:
        summary = BankFileSummary(path.name, format=", ".join(dict.fromkeys(f.format for _, f in members)))
        content = path.read_bytes()
        mark = crypto.keyed_hash(self.book.tenant_id, "bytes hmac", content)
        done = ImportedFile.objects.filter(tenant_id=self.book.tenant_id, kind=KIND, content_hmac=mark)
        summary.is_repeat = done.exists()
        for name, told in members:
            summary.warnings += [f"{name}: {text}" if len(members) > 1 else text for text in told.warnings]
            for statement in told.statements:
                self._statement(told.format, statement, summary, path.name)
        if self.dry_run:
            return summary
        if not self.with_announcements and any(bank_details.has_parts(told) for _, told in members):
            crypto.keep_file(self.book.tenant_id, bank_details.KIND, content)
        if not summary.is_repeat:
            self._keep(content, mark, summary)
        return summary

    def _statement(self, kind: str, statement: Statement, summary: BankFileSummary, file: str) -> None:
        booked = [entry for entry in statement.entries if not entry.is_pending]
        summary.statements += 1
        summary.entries += len(booked)
        summary.pending += len(statement.entries) - len(booked)
        if kind in ANNOUNCEMENTS and not self.with_announcements:
            summary.announced += len(booked)
            text = f"{kind} announces what the statement tells again: not taken in (--with-announcements)"
            summary.warnings += [text] if text not in summary.warnings else []
            return
        iban, owner = self.accounts.find(statement.account, file)
        if self.dry_run:
            self._count(iban, _head(kind, statement), [_told(entry) for entry in booked], summary)
            return
        at = clock.now()
        account_id = bank.ensure_account(self.book.tenant_id, iban, owner, at=at)
        recorded = bank.record_statement(
            self.book.tenant_id, account_id, _head(kind, statement), [_told(entry) for entry in booked], at=at
        )
        reached("statement recorded")
        summary.new += recorded.new
        summary.known += recorded.known
        days = [entry.booked_on for entry in booked]
        told_until = statement.to_on or max(days, default=None)
        if told_until is not None:
            self._refresh_feeds(owner, told_until)

    def _count(
        self, iban: str, head: dict[str, Any], told: list[dict[str, Any]], summary: BankFileSummary
    ) -> None:
        fresh = bank.new_keys(self.book.tenant_id, iban, head, told) - self.counted
        self.counted |= fresh
        summary.new += len(fresh)
        summary.known += len(told) - len(fresh)

    def _refresh_feeds(self, creditor_id: int | None, told_until: dt.date) -> None:
        """The bank spoke until this day: the creditor's bank feed is that fresh."""
        feeds = Feed.objects.filter(tenant_id=self.book.tenant_id)
        rows = list(feeds.filter(creditor_id=creditor_id) if creditor_id is not None else feeds)
        chosen = [row for row in rows if BANK_FEED.search(row.name)]
        if not chosen and creditor_id is not None and len(rows) == 1:
            chosen = rows
        for row in chosen:
            feeds.filter(id=row.id, checked_on__lt=told_until).update(checked_on=told_until)

    def _keep(self, content: bytes, mark: bytes, summary: BankFileSummary) -> None:
        crypto.keep_file(self.book.tenant_id, KIND, content)
        counts = {"entries": summary.entries, "new": summary.new, "statements": summary.statements}
        note(self.book, "bank_import", detail=counts)
        if summary.announced:
            return  # taken in for real later, perhaps
        ImportedFile.objects.get_or_create(
            tenant_id=self.book.tenant_id,
            kind=KIND,
            content_hmac=mark,
            defaults={"imported_at": clock.now(), "counts": counts},
        )


def _head(kind: str, statement: Statement) -> dict[str, Any]:
    days = [entry.booked_on for entry in statement.entries]
    return {
        "format": kind[:30],
        "statement_id": statement.statement_id[:60],
        "statement_no": statement.number,
        "currency": statement.currency,
        "from_on": statement.from_on,
        "to_on": statement.to_on or max(days, default=None),
        "opening_cents": statement.opening_cents,
        "closing_cents": statement.closing_cents,
    }


def _told(entry: Entry) -> dict[str, Any]:
    original = entry.original_amount_cents if entry.original_currency in ("", entry.currency) else None
    return {
        "name": visible(entry.counterparty_name),
        "iban": visible(entry.counterparty_iban),
        "remittance": visible(entry.remittance),
        "structured_reference": visible(entry.structured_reference),
        "end_to_end_id": visible(entry.end_to_end_id),
        "mandate_id": visible(entry.mandate_id),
        "bank_reference": visible(entry.bank_reference),
        "booking_text": visible(entry.booking_text),
        "booked_on": entry.booked_on,
        "value_on": entry.value_on,
        "amount_cents": entry.amount_cents,
        "currency": entry.currency,
        "kind": entry.kind,
        "return_reason": entry.return_reason[:10],
        "charges_cents": entry.charges_cents,
        "original_cents": abs(original) if original is not None else None,
    }
