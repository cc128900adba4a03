"""MT940 and MT942 (SWIFT), with the German subfields: bytes in, a checked `BankFile` out.

Written for what banks send rather than what the manual asks: SWIFT envelopes or none, several
encodings, tags and fields broken over lines, 30 February, `RC`/`RD` reversals, and the remittance text
cut into `?20`…`?29` at 27 characters. What cannot be understood is refused with its line.

Sources
-------
SWIFT category 9 message reference; the field list of the German banks (DK, DFÜ-Abkommen Anlage 3).
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mahnwerk.formats.bank import (
    BankFile,
    BankFileError,
    Draft,
    Entry,
    decode,
    finish,
    minor_units,
    number_in,
)
from mahnwerk.formats.mt940_details import Details, read_details

_TAG = re.compile(r"^:(\d{2}[A-Z]?|NS):", re.MULTILINE)
_BALANCE = re.compile(r"^(?P<mark>[CD])(?P<day>\d{6})(?P<currency>[A-Z]{3})?(?P<amount>[\d,. ]+)$")
_LINE = re.compile(
    r"^(?P<value>\d{6})(?P<booked>\d{4})?\s*(?P<mark>R?[CD]|E[CD])(?P<funds>[A-Z])?\s*"
    r"(?P<amount>\d{1,15}(?:[,.]\d{0,3})?)"
    r"(?P<type>[A-Z][A-Z0-9 ]{3})?(?P<rest>.*)$",
    re.DOTALL,
)
# No body reaches past the next envelope: else each opening would search the rest of the file for its end.
_ENVELOPE = re.compile(r"\{4:[ \t]*\r?\n((?:(?!\{4:).)*?)\r?\n-\}", re.DOTALL)
_OPENING, _CLOSING = ("60F", "60M"), ("62F", "62M")


@dataclass
class _Message:
    """One SWIFT message: its fields in order, each with the line it began on."""

    fields: list[tuple[str, str, int]] = field(default_factory=list)


def read(data: bytes, *, source: str = "MT940 file") -> BankFile:
    """Read all statements of an MT940/MT942 file.

    Raises
    ------
    BankFileError : no statement in it, a line that cannot be read, balances that do not add up.
    """
    text = _decode(data)
    messages = list(_messages(text, source))
    if not messages:
        raise BankFileError(
            "no SWIFT field was found, so this is not an MT940 or MT942 file",
            source,
            "Export the statement as MT940, or as camt.053",
        )
    notes: list[str] = []
    problems: list[str] = []
    drafts = [
        _statement(message, f"{source}, statement {no}", notes, problems)
        for no, message in enumerate(messages, 1)
    ]
    is_interim = any(
        tag in ("34F", "13D", "90C", "90D") for message in messages for tag, _, _ in message.fields
    )
    if not is_interim:
        problems += [
            f"{source}, statement {draft.statement_id or no}: its opening or closing balance is missing,"
            " so this is only a piece of it"
            for no, draft in enumerate(drafts, 1)
            if draft.opening_cents is None or draft.closing_cents is None
        ]
    kind = "mt942" if is_interim else "mt940"
    return finish(kind, [d.done() for d in drafts], notes, problems=problems, source=source)


def _decode(data: bytes) -> str:
    text = decode(data).replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").rstrip("\x1a\n ")
    # Some exports break the tag itself: a colon alone, the number on the next line.
    return re.sub(r"(?m)^:\n(?=\d{2}[A-Z]?:)", ":", text)


def _messages(text: str, source: str) -> Iterator[_Message]:
    # Lines are counted on from body to body: counting each from the start would grow with the square.
    place, line = 0, 1
    outside = _ENVELOPE.sub("", text)
    if outside != text and (left := _TAG.search(outside)):
        raise BankFileError(
            f"field :{left.group(1)}: stands outside a complete SWIFT message: a file cut off, or two in one",
            source,
            "Fetch it from the bank again",
        )
    for body in _ENVELOPE.findall(text) or [text]:
        start = text.find(body, place)
        line += text.count("\n", place, start)
        place = start
        yield from _split(body, line)


def _split(body: str, first_line: int) -> Iterator[_Message]:
    """Cut one body into messages: a new one begins at each :20:, or at a :60F: after a :62F:."""
    marks = list(_TAG.finditer(body))
    current = _Message()
    closed = False
    ends = [*(mark.start() for mark in marks[1:]), len(body)]
    place, line = 0, first_line
    for mark, end in zip(marks, ends, strict=False):
        tag = mark.group(1)
        line += body.count("\n", place, mark.start())
        place = mark.start()
        value = body[mark.end() : end]
        starts = tag == "20" or (closed and tag in ("25", "28", "28C", *_OPENING))
        if starts and current.fields:
            yield current
            current = _Message()
            closed = False
        closed = closed or tag in _CLOSING
        current.fields.append((tag, _without_end(value), line))
    if any(tag != "NS" for tag, _, _ in current.fields):
        yield current


def _without_end(value: str) -> str:
    """A field's text without the message end (a line of its own with `-`) and trailing line ends."""
    return re.sub(r"\n-\}?\s*$|\n-\n.*$", "", value.rstrip("\n"), flags=re.DOTALL).rstrip("\n")


def _statement(message: _Message, where: str, notes: list[str], problems: list[str]) -> Draft:
    draft = Draft()
    currencies: set[str] = set()
    for tag, value, line in message.fields:
        here = f"{where}, line {line}"
        if tag == "25":
            draft.account, currency = _account(value)
            draft.currency = draft.currency or currency
        elif tag in ("28", "28C"):
            draft.statement_id = value.strip()
            number = value.strip().split("/")[0]
            draft.number = number_in(number)
        elif tag in _OPENING and draft.opening_cents is None:
            draft.opening_cents, draft.currency, draft.from_on = _balance(value, draft.currency, here, notes)
            currencies.add(draft.currency)
            draft.is_interim = tag == "60M"
        elif tag in _CLOSING:
            draft.closing_cents, draft.currency, draft.to_on = _balance(value, draft.currency, here, notes)
            currencies.add(draft.currency)
        elif tag == "34F":
            draft.currency = draft.currency or value.strip()[:3]
            draft.is_interim = True
    if len(currencies) > 1:
        problems.append(f"{where}: balances in {' and '.join(sorted(currencies))}")
    draft.currency = draft.currency or "EUR"
    draft.entries = list(_entries(message, draft.currency, where, notes))
    return draft


def _account(value: str) -> tuple[str, str]:
    """The account as given; an IBAN may carry its currency glued on."""
    account = value.strip().replace(" ", "")
    match = re.fullmatch(r"([A-Z]{2}\d{2}[A-Z0-9]{11,30}?)([A-Z]{3})?", account)
    if match and match.group(2):
        return match.group(1), match.group(2)
    return account, ""


def _balance(value: str, currency: str, where: str, notes: list[str]) -> tuple[int, str, dt.date | None]:
    """Sign, day, currency and amount; some banks leave the currency out after the opening balance."""
    match = _BALANCE.match(value.strip().replace("\n", ""))
    if not match or not (match["currency"] or currency):
        raise BankFileError(f"balance {value.strip()[:40]!r} cannot be read", where)
    currency = match["currency"] or currency
    cents = minor_units(match["amount"].replace(" ", ""), currency, where)
    day: dt.date | None = None
    try:
        day = _date(match["day"], where, notes)
    except BankFileError:
        # The day of a balance decides nothing; its amount does.
        notes.append(f"{where}: the balance's date {match['day']!r} does not exist")
    return (-cents if match["mark"] == "D" else cents), currency, day


def _entries(message: _Message, currency: str, where: str, notes: list[str]) -> Iterator[Entry]:
    fields = message.fields
    for index, (tag, value, line) in enumerate(fields):
        if tag != "61":
            continue
        details: list[str] = []
        following = index + 1
        while following < len(fields) and fields[following][0] in ("86", "NS"):
            details.append(fields[following][1])
            following += 1
        yield _entry(value, "\n".join(details), currency, f"{where}, line {line}", notes)


def _entry(value: str, details_text: str, currency: str, where: str, notes: list[str]) -> Entry:
    match = _LINE.match(value) or _LINE.match(value.replace("\n", ""))
    if not match:
        raise BankFileError(f"field :61: {value!r} cannot be read", where)
    value_on = _date(match["value"], where, notes)
    booked_on = _booked(match["booked"], value_on, where, notes)
    cents = minor_units(match["amount"].rstrip(",."), currency, where)
    mark = match["mark"]
    # RC takes a credit back, RD takes a debit back; EC/ED are only expected (MT942).
    signed = -cents if mark in ("D", "RC", "ED") else cents
    customer, bank, supplement = _references(match["rest"])
    details = read_details(details_text)
    is_reversal = mark in ("RC", "RD")
    return Entry(
        booked_on=booked_on,
        value_on=value_on,
        amount_cents=signed,
        currency=currency,
        kind=_kind(signed, details, match["type"] or "", is_reversal),
        counterparty_name=details.name,
        counterparty_iban=details.account,
        remittance=details.remittance or supplement,
        end_to_end_id="" if details.end_to_end_id in ("NOTPROVIDED", "NONREF") else details.end_to_end_id,
        structured_reference=_structured(details.remittance),
        mandate_id=details.mandate_id,
        bank_reference=bank or ("" if customer == "NONREF" else customer),
        return_reason=details.return_reason,
        charges_cents=_tagged(details.charges, currency, where),
        original_amount_cents=_tagged(details.original_amount, details.original_currency, where) or None,
        original_currency=details.original_currency,
        booking_text=details.booking_text,
        is_pending=mark in ("EC", "ED"),
    )


def _tagged(amount: str, currency: str, where: str) -> int:
    return minor_units(amount, currency or "EUR", where) if amount else 0


def _references(rest: str) -> tuple[str, str, str]:
    first, _, supplement = rest.partition("\n")
    customer, _, bank = first.partition("//")
    return customer.strip(), bank.strip(), " ".join(supplement.split())


def _structured(remittance: str) -> str:
    match = re.search(r"\bRF\d{2}(?: ?[A-Z0-9]){1,21}\b", remittance)
    return match.group(0).replace(" ", "") if match else ""


def _date(text: str, where: str, notes: list[str]) -> dt.date:
    """A six-digit date. Banks count 30-day months: a day past the month's end is its last day."""
    year, month, day = int(text[:2]), int(text[2:4]), int(text[4:6])
    year += 1900 if year >= 80 else 2000
    if not 1 <= month <= 12 or not 1 <= day <= 31:
        raise BankFileError(f"date {text!r} does not exist", where)
    last = calendar.monthrange(year, month)[1]
    if day > last:
        notes.append(f"{where}: {text} does not exist; taken as {year}-{month:02}-{last}")
    return dt.date(year, month, min(day, last))


def _booked(text: str | None, value_on: dt.date, where: str, notes: list[str]) -> dt.date:
    """The booking day has no year: take the year that brings it closest to the value date."""
    if not text:
        return value_on
    candidates = [
        _date(f"{year % 100:02}{text}", where, notes if year == value_on.year else [])
        for year in (value_on.year - 1, value_on.year, value_on.year + 1)
    ]
    return min(candidates, key=lambda day: abs((day - value_on).days))


_RETURN_GVC = ("108", "109", "159", "181", "182", "183", "184")
_BY_GVC = {
    "104": "direct_debit_out", "105": "direct_debit_out", "106": "card", "107": "card",
    "171": "direct_debit_in", "174": "direct_debit_in", "192": "direct_debit_in", "194": "direct_debit_in",
    "082": "cash", "083": "cash", "805": "charge", "808": "charge", "814": "interest",
}  # fmt: skip
_BY_TYPE = {"RTI": "return", "CHG": "charge", "INT": "interest", "CHK": "other"}


def _kind(cents: int, details: Details, swift_type: str, is_reversal: bool) -> str:
    if details.return_reason or details.code in _RETURN_GVC:
        return "return"
    if is_reversal:
        return "reversal"
    if details.code in _BY_GVC:
        return _BY_GVC[details.code]
    if swift_type[1:].strip() in _BY_TYPE:
        return _BY_TYPE[swift_type[1:].strip()]
    return "transfer_in" if cents > 0 else "transfer_out"
