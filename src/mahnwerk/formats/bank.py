"""What every bank file becomes: statements with balances, entries with a sign.

A reader (`camt`, `mt940`, `bank_csv`) makes `Entry` and `Statement`; `finish` holds them against each
other and turns them into a `BankFile`. A statement whose opening balance and entries do not give its
closing balance is refused whole: half a bank file is worse than none, since it looks like one.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl

AMOUNT_CENTS_MAX = 10**15
_DECIMALS = {
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3, "CLF": 4, "UYW": 4,
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0,
    "RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
}  # fmt: skip
"""Decimals of the currencies that do not have two (ISO 4217), not as people write them: nobody pays with
fillér, but Hungarian banks book them."""
_DOS_UMLAUT = re.compile(rb"\x81|(?<=[A-Za-z])[\x84\x94](?=[A-Za-z])")
_WINDOWS_UMLAUT = re.compile(rb"[\xe4\xf6\xfc\xc4\xd6\xdc\xdf]")


class BankFileError(ValueError):
    """The file, or one statement in it, cannot be taken in. Says what, where, why, what to do."""

    def __init__(self, problem: str, where: str = "", remedy: str = "") -> None:
        super().__init__(". ".join(part.rstrip(".") for part in (where, problem, remedy) if part) + ".")
        self.problem, self.where, self.remedy = problem, where, remedy


@dataclass(frozen=True)
class Entry:
    """One movement: a booking, or one part of a batch booking.

    `amount_cents` is signed: money in is positive. `kind` is one of `KINDS`.
    """

    booked_on: dt.date
    value_on: dt.date
    amount_cents: int
    currency: str
    kind: str
    counterparty_name: str = ""
    counterparty_iban: str = ""
    remittance: str = ""
    structured_reference: str = ""
    end_to_end_id: str = ""
    mandate_id: str = ""
    bank_reference: str = ""
    return_reason: str = ""
    charges_cents: int = 0
    original_amount_cents: int | None = None
    original_currency: str = ""
    booking_text: str = ""
    batch_no: int = 0
    is_pending: bool = False
    batch_reference: str = ""  # of a part: how the bank calls the whole booking


KINDS = (
    "transfer_in",
    "transfer_out",
    "direct_debit_in",  # we collected
    "direct_debit_out",  # somebody collected from us
    "return",  # a direct debit or transfer came back
    "reversal",  # the bank corrects its own booking
    "card",
    "cash",
    "charge",
    "interest",
    "other",
)


@dataclass(frozen=True)
class Statement:
    """One statement of one account; balances are signed and None where the file gives none."""

    account: str
    currency: str
    statement_id: str = ""
    number: int | None = None
    from_on: dt.date | None = None
    to_on: dt.date | None = None
    opening_cents: int | None = None
    closing_cents: int | None = None
    is_interim: bool = False
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Gap:
    """Between two statements of an account something is missing."""

    account: str
    after: str
    before: str
    difference_cents: int


@dataclass(frozen=True)
class BankFile:
    """What a bank file says, checked."""

    format: str
    statements: tuple[Statement, ...]
    gaps: tuple[Gap, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """Why this file must not be booked; empty for a good one."""

    def accepted(self) -> BankFile:
        """This file, or `BankFileError` when anything forbids to book it: a file counts whole or not."""
        if self.problems:
            raise BankFileError("; ".join(self.problems), remedy="Fetch the file from the bank again")
        return self

    def entries(self) -> pl.DataFrame:
        """All entries as a frame: `ENTRY_COLUMNS`, in file order."""
        rows = [
            {"statement_no": number, "entry_no": index, "account": statement.account, **asdict(entry)}
            for number, statement in enumerate(self.statements, 1)
            for index, entry in enumerate(statement.entries, 1)
        ]
        return pl.DataFrame(rows, schema=dict(ENTRY_COLUMNS), orient="row")

    def as_json(self) -> dict[str, Any]:
        """A plain structure for `bank parse --json`."""
        return {
            "format": self.format,
            "statements": [_statement_json(statement) for statement in self.statements],
            "gaps": [asdict(gap) for gap in self.gaps],
            "warnings": list(self.warnings),
            "problems": list(self.problems),
        }


ENTRY_COLUMNS: dict[str, Any] = {
    "statement_no": pl.Int32,
    "entry_no": pl.Int32,
    "account": pl.String,
    "booked_on": pl.Date,
    "value_on": pl.Date,
    "amount_cents": pl.Int64,
    "currency": pl.String,
    "kind": pl.String,
    "counterparty_name": pl.String,
    "counterparty_iban": pl.String,
    "remittance": pl.String,
    "structured_reference": pl.String,
    "end_to_end_id": pl.String,
    "mandate_id": pl.String,
    "bank_reference": pl.String,
    "return_reason": pl.String,
    "charges_cents": pl.Int64,
    "original_amount_cents": pl.Int64,
    "original_currency": pl.String,
    "booking_text": pl.String,
    "batch_no": pl.Int32,
    "is_pending": pl.Boolean,
}


def decode(data: bytes) -> str:
    """The text of a bank file: UTF-8, UTF-16 with its mark, Windows, or DOS where its umlauts tell so."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    is_dos = _DOS_UMLAUT.search(data) and not _WINDOWS_UMLAUT.search(data)
    for encoding in ("utf-8-sig", "cp850" if is_dos else "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def number_in(text: str) -> int | None:
    """A statement's number; None where the bank writes no plain number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def minor_units(text: str, currency: str, where: str) -> int:
    """The amount in minor units of its currency; refused, never rounded, never 0 for the unreadable."""
    cleaned = text.strip().replace(",", ".")
    try:
        amount = Decimal(cleaned)
    except InvalidOperation:
        raise BankFileError(f"amount {text!r} cannot be read", where) from None
    if not amount.is_finite():
        raise BankFileError(f"amount {text!r} is not a number", where)
    digits = _DECIMALS.get(currency, 2)
    scaled = amount.scaleb(digits)
    if scaled != scaled.to_integral_value():
        raise BankFileError(
            f"amount {text!r} has more decimals than {currency} has ({digits})",
            where,
            "Ask the bank for a corrected file",
        )
    cents = int(scaled)
    if abs(cents) > AMOUNT_CENTS_MAX:
        raise BankFileError(f"amount {text!r} is larger than any this software books", where)
    return cents


def finish(
    kind: str,
    statements: Iterable[Statement],
    warnings: Sequence[str] = (),
    *,
    problems: Sequence[str] = (),
    source: str = "",
) -> BankFile:
    """Hold each statement's entries against its balances, and statements against each other.

    What forbids booking the file (no account, mixed currencies, opening + entries ≠ closing) is listed
    in `problems`, after those the reader found, so that `bank parse` can still show what the file says;
    `accepted` refuses it.
    """
    checked = tuple(statements)
    notes, found = list(warnings), list(problems)
    for number, statement in enumerate(checked, 1):
        where = f"{source or kind}, statement {statement.statement_id or number}"
        problem = _problem(statement)
        if problem:
            found.append(f"{where}: {problem}")
        elif statement.opening_cents is None or statement.closing_cents is None:
            notes.append(f"{where}: no opening and closing balance, so completeness cannot be checked")
    return BankFile(kind, checked, tuple(_gaps(checked)), tuple(notes), tuple(found))


def _problem(statement: Statement) -> str:
    if not statement.account:
        return "no account is named"
    if statement.opening_cents is None or statement.closing_cents is None:
        return ""
    booked = [entry for entry in statement.entries if not entry.is_pending]
    foreign = sorted({entry.currency for entry in booked} - {statement.currency})
    if foreign:
        return f"entries in {', '.join(foreign)} on an account in {statement.currency}"
    total = sum(entry.amount_cents for entry in booked)
    difference = statement.opening_cents + total - statement.closing_cents
    if difference:
        opening, entries, sum_, closing, apart = (
            _shown(cents, statement.currency)
            for cents in (
                statement.opening_cents,
                total,
                statement.opening_cents + total,
                statement.closing_cents,
                difference,
            )
        )
        return (
            f"opening {opening} + entries {entries} = {sum_}, but the closing balance is {closing}"
            f" (difference {apart})"
        )
    return ""


def _shown(cents: int, currency: str) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100},{abs(cents) % 100:02d} {currency}".strip()


def _gaps(statements: Sequence[Statement]) -> Iterable[Gap]:
    by_account: dict[tuple[str, str], list[Statement]] = {}
    for statement in statements:
        if statement.opening_cents is not None and not statement.is_interim:
            by_account.setdefault((statement.account, statement.currency), []).append(statement)
    for (account, _), chain in by_account.items():
        for before, after in itertools.pairwise(chain):
            if before.closing_cents is not None and after.opening_cents != before.closing_cents:
                yield Gap(
                    account,
                    before.statement_id,
                    after.statement_id,
                    (after.opening_cents or 0) - before.closing_cents,
                )


def _statement_json(statement: Statement) -> dict[str, Any]:
    plain = asdict(statement)
    for key in ("from_on", "to_on"):
        plain[key] = plain[key].isoformat() if plain[key] else None
    for entry in plain["entries"]:
        entry["booked_on"] = entry["booked_on"].isoformat()
        entry["value_on"] = entry["value_on"].isoformat()
    plain["opening_balance_cents"] = plain.pop("opening_cents")
    plain["closing_balance_cents"] = plain.pop("closing_cents")
    return plain


@dataclass
class Draft:
    """A statement while it is being read."""

    account: str = ""
    currency: str = ""
    statement_id: str = ""
    number: int | None = None
    from_on: dt.date | None = None
    to_on: dt.date | None = None
    opening_cents: int | None = None
    closing_cents: int | None = None
    is_interim: bool = False
    entries: list[Entry] = field(default_factory=list)

    def done(self) -> Statement:
        values = {**self.__dict__, "entries": tuple(self.entries)}
        return Statement(**values)
