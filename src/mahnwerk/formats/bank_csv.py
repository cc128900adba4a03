"""Bank statements as CSV, by profiles: one YAML file per bank and layout, chosen by the header.

A CSV export has no balances to check (some name a closing balance, which the account's next import is
held against), so what it says is only as complete as the person who exported it.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from io import StringIO
from typing import Any

import polars as pl

from mahnwerk.formats import amounts, dates
from mahnwerk.formats.bank import BankFile, BankFileError, Draft, Entry, decode, finish
from mahnwerk.formats.mt940_details import REASON, read_details
from mahnwerk.formats.text import plain
from mahnwerk.law.strict_yaml import StrictYamlError, load

PREAMBLE_LINES_MAX = 40
_KEYS = {"name", "title", "header", "dates", "account", "closing", "columns", "pending"}
_FIELDS = {
    "account", "booked_on", "value_on", "amount", "currency", "name", "name_in", "name_out", "iban", "text",
    "end_to_end_id", "mandate_id", "bank_reference", "booking_text", "status", "charges", "original_amount",
}  # fmt: skip
_RETURN = re.compile(r"r(ue|ü)ck(lastschrift|belastung|buchung|gabe)|retoure|\breturn", re.IGNORECASE)
"""In the bank's own words, or of money that leaves: who pays may write of goods he sent back."""
_REFERENCES = re.compile(r"(End-to-End-Ref|Mandatsref)\.?: *(\S+)")
"""As Commerzbank writes them into its text."""
_DEBIT = re.compile(r"lastschrift|direct debit", re.IGNORECASE)
_SEPA_TEXT = re.compile(r"(EREF|MREF|CRED|SVWZ)\+")


@dataclass(frozen=True)
class Profile:
    """How one bank writes one CSV layout."""

    name: str
    title: str
    header: tuple[str, ...]  # titles that must be there
    dates: str
    columns: Mapping[str, tuple[str, ...]]  # field → titles to try, or to join (text)
    account: str = ""  # pattern over the lines before the header
    closing: str = ""
    pending: tuple[str, ...] = ()

    def fits(self, header: Sequence[str]) -> bool:
        """Whether every title this profile needs is in the header."""
        present = {plain(title) for title in header}
        return all(plain(title) in present for title in self.header)


def parse_profile(text: str, where: str) -> Profile:
    """Read an own or shipped profile.

    Raises
    ------
    BankFileError : broken YAML, unknown keys or fields, nothing to find date or amount by.
    """
    try:
        data = load(text, where)
    except StrictYamlError as error:
        raise BankFileError(str(error)) from None
    if not isinstance(data, dict) or not {"name", "header", "columns"} <= set(data):
        raise BankFileError("a profile needs name, header and columns", where)
    unknown = sorted((set(data) - _KEYS) | (set(data["columns"]) - _FIELDS))
    if unknown:
        raise BankFileError(
            f"unknown: {', '.join(unknown)}", where, f"Known fields: {', '.join(sorted(_FIELDS))}"
        )
    columns = {
        field: tuple(titles) if isinstance(titles, list) else (str(titles),)
        for field, titles in data["columns"].items()
    }
    if not {"booked_on", "amount"} <= set(columns):
        raise BankFileError("columns must name booked_on and amount", where)
    return Profile(
        name=str(data["name"]),
        title=str(data.get("title", data["name"])),
        header=tuple(data["header"]),
        dates={"iso": "iso"}.get(str(data.get("dates", "")), str(data.get("dates", ""))),
        columns=columns,
        account=str(data.get("account", "")),
        closing=str(data.get("closing", "")),
        pending=tuple(data.get("pending", ())),
    )


@cache
def shipped_profiles() -> tuple[Profile, ...]:
    """The profiles that come with the project, the most demanding header first."""
    folder = resources.files("mahnwerk.formats") / "bank_profiles"
    found = [
        parse_profile(file.read_text("utf-8"), file.name)
        for file in sorted(folder.iterdir(), key=lambda f: f.name)
        if file.name.endswith(".yaml")
    ]
    return tuple(sorted(found, key=lambda profile: -len(profile.header)))


def read(
    data: bytes, *, account: str = "", profile: Profile | None = None, source: str = "bank CSV file"
) -> BankFile:
    """Read a bank's CSV export.

    Parameters
    ----------
    data : the file, in an encoding `bank.decode` knows.
    account : the account it belongs to, where the file does not say.
    profile : an own layout; else chosen by the header.

    Raises
    ------
    BankFileError : no known layout, a row whose date or amount cannot be read, no account.
    """
    rows, chosen, preamble = _table(_lines(data), profile, source)
    header, body = rows[0], rows[1:]
    width = len(header)
    columns = zip(
        *((row if len(row) == width else [*row, *[""] * width][:width]) for row in body), strict=True
    )
    frame = pl.DataFrame(
        list(columns) or None, schema={str(index): pl.String for index in range(width)}, orient="col"
    )
    places = _places(chosen, header)
    draft = Draft(currency="EUR", is_interim=True)
    found = re.search(chosen.account, preamble) if chosen.account else None
    cells = frame[str(places["account"][0])].to_list() if "account" in places else []
    draft.account = _account(account, [found.group(1)] if found else cells, source)
    draft.entries = _entries(frame, places, chosen, source)
    closing = re.search(chosen.closing, preamble) if chosen.closing else None
    if closing:
        draft.closing_cents = amounts.parse(pl.Series([closing.group(1)]), amounts.AmountStyle.COMMA)[
            "cents"
        ][0]
    if draft.entries:
        draft.currency = draft.entries[0].currency
        days = [entry.booked_on for entry in draft.entries]
        draft.from_on, draft.to_on = min(days), max(days)
    return finish(f"csv:{chosen.name}", [draft.done()], source=source)


def knows(head: bytes) -> bool:
    """Whether the header of a shipped profile stands in the first bytes of a file."""
    try:
        return _header(_lines(head), shipped_profiles(), "") is not None
    except BankFileError:
        return False


def _lines(data: bytes) -> list[str]:
    return decode(data).replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _table(lines: list[str], profile: Profile | None, source: str) -> tuple[list[list[str]], Profile, str]:
    """Rows from the header on, the profile that knows this header, and what stands before it."""
    candidates = (profile,) if profile else shipped_profiles()
    found = _header(lines, candidates, source)
    if found:
        number, delimiter, chosen = found
        body = _rows(StringIO("\n".join(lines[number:])), delimiter, source)
        rows = [row for row in body if any(cell.strip() for cell in row)]
        return rows, chosen, "\n".join(lines[:number])
    known = ", ".join(known.title for known in candidates)
    raise BankFileError(
        f"no row within the first {PREAMBLE_LINES_MAX} lines is the header of a known layout ({known})",
        source,
        "Export as camt.053 or MT940, or write a profile (docs/reference/bank-files.md)",
    )


def _header(
    lines: Sequence[str], candidates: Sequence[Profile], source: str
) -> tuple[int, str, Profile] | None:
    """Number of the line that is a header one of the profiles knows, its delimiter, and the profile."""
    for number, line in enumerate(lines[:PREAMBLE_LINES_MAX]):
        for delimiter in (";", ",", "\t"):
            header = _rows([line], delimiter, source)[0] if line else []
            chosen = next((known for known in candidates if known.fits(header)), None)
            if chosen and len(header) > 1:
                return number, delimiter, chosen
    return None


def _rows(lines: Iterable[str], delimiter: str, source: str) -> list[list[str]]:
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        return list(reader)
    except csv.Error as error:
        raise BankFileError(f"line {reader.line_num} is no CSV: {error}", source) from None


def _account(given: str, named: Iterable[str], source: str) -> str:
    """The account the file names, which must be the one given if one is; old exports have the number only.

    Names without a number ("Hauptkonto") do not tell which account it is.
    """
    given = given.replace(" ", "").upper()
    found = sorted({cell.replace(" ", "").upper() for cell in named if re.search(r"\d", cell)})
    if len(found) > 1:
        raise BankFileError(f"rows of {len(found)} accounts", source, "Export one account at a time")
    if found and given and not given.endswith(found[0].lstrip("0")):
        raise BankFileError(f"the file is of account {found[0]}, not of {given}", source)
    return given or (found[0] if found else "")


def _places(profile: Profile, header: Sequence[str]) -> dict[str, tuple[int, ...]]:
    titles = [plain(title) for title in header]
    places = {}
    for field, names in profile.columns.items():
        found = tuple(titles.index(plain(name)) for name in names if plain(name) in titles)
        if found:
            places[field] = found
    return places


def _entries(
    frame: pl.DataFrame, places: Mapping[str, tuple[int, ...]], profile: Profile, source: str
) -> list[Entry]:
    def cells(field: str) -> pl.Series:
        if field not in places:
            return pl.Series([""] * frame.height, dtype=pl.String)
        return frame[str(places[field][0])].str.strip_chars()

    style = amounts.style_of(cells("amount"))
    read = amounts.parse(cells("amount"), style)
    charges, original = (
        amounts.parse(cells(name), style)["cents"].to_list() for name in ("charges", "original_amount")
    )
    cents, booked = read["cents"].to_list(), _days(cells("booked_on"), profile)
    days, value = booked["day"].to_list(), _days(cells("value_on"), profile)["day"].to_list()
    pending = {plain(word) for word in profile.pending}
    parts = [frame[str(place)].to_list() for place in places.get("text", ())]
    columns = [cells(field).to_list() for field in places]
    untold = dict.fromkeys(_FIELDS, "")
    entries = []
    for row, told_cells in enumerate(zip(*columns, strict=True)):
        told: dict[str, Any] = {**untold, **dict(zip(places, told_cells, strict=True))}
        if told["status"] and plain(told["status"]) in pending:
            continue
        if cents[row] is None:
            reason = read["reason"][row] or "is missing"
            raise BankFileError(f"amount {told['amount']!r} {reason}", _where(source, row))
        if days[row] is None:
            reason = booked["reason"][row]
            raise BankFileError(f"booking date {told['booked_on']!r} {reason}", _where(source, row))
        text = " ".join(" ".join(part[row].split()) for part in parts)
        told |= {"charges": charges[row], "original_amount": original[row]}
        entries.append(_entry(told, text, cents[row], days[row], value[row]))
    return entries


def _where(source: str, row: int) -> str:
    return f"{source}, row {row + 2} of the table"


def _days(cells: pl.Series, profile: Profile) -> pl.DataFrame:
    if profile.dates == "d.m.y":
        # Banks write 02.03.18: of a bank statement the century is never in doubt.
        cells = cells.str.replace(r"^(\d{1,2}\.\d{1,2})\.(\d{2})$", "$1.20$2")
    return dates.parse(cells, profile.dates)


def _entry(row: Mapping[str, Any], text: str, cents: int, booked: dt.date, value: dt.date | None) -> Entry:
    tagged = read_details("166?20" + text) if "+" in text and _SEPA_TEXT.search(text) else None
    name = row["name"] or (row["name_in"] if cents > 0 else row["name_out"])
    booking_text = row["booking_text"]
    returned = bool(_RETURN.search(booking_text) or (cents < 0 and _RETURN.search(text)))
    reason = REASON.search(text) if returned else None
    told = dict(_REFERENCES.findall(text))
    if returned:
        kind = "return"
    elif _DEBIT.search(booking_text):
        kind = "direct_debit_in" if cents > 0 else "direct_debit_out"
    else:
        kind = "transfer_in" if cents > 0 else "transfer_out"
    end_to_end = (
        row["end_to_end_id"] or (tagged.end_to_end_id if tagged else "") or told.get("End-to-End-Ref", "")
    )
    return Entry(
        booked_on=booked,
        value_on=value or booked,
        amount_cents=cents,
        currency=row["currency"] or "EUR",
        kind=kind,
        counterparty_name=name,
        counterparty_iban=row["iban"].replace(" ", ""),
        remittance=tagged.remittance if tagged and tagged.remittance else text,
        end_to_end_id="" if end_to_end in ("NOTPROVIDED", "NONREF") else end_to_end,
        mandate_id=row["mandate_id"] or (tagged.mandate_id if tagged else "") or told.get("Mandatsref", ""),
        return_reason=reason.group(1) if reason else "",
        charges_cents=abs(row["charges"] or 0),
        original_amount_cents=row["original_amount"] and abs(row["original_amount"]),
        original_currency=(row["currency"] or "EUR") if row["original_amount"] else "",
        bank_reference=row["bank_reference"],
        booking_text=booking_text,
    )
