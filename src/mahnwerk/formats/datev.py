"""DATEV files: EXTF 700, posting batches (category 21, version 13) and debtor masters (16, version 5).

Own writer: no kept library writes the format. Text in Windows-1252, fields divided by `;`, lines by CR LF;
the first line is the header, the second names the columns. Equal input gives equal bytes.

Sources: the format description of DATEV's developer portal (names of columns and headers as in its samples,
confidence B: no program of DATEV was at hand to read the files; try the first in the accountant's).
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from mahnwerk.formats.datev_columns import BATCH_COLUMNS, DEBTOR_COLUMNS
from mahnwerk.frames import Schema, check_frame

MAX_ROWS: Final = 99_999
"""Postings one batch may hold."""
EXTF_VERSION: Final = 700
AMOUNT_CENTS_MAX: Final = 10**12 - 1
"""Ten digits before the comma."""
BATCH_ROWS: Final[Schema] = {
    "amount_cents": pl.Int64,  # > 0
    "debit_number": pl.String,
    "credit_number": pl.String,
    "posted_on": pl.Date,
    "document": pl.String,  # invoice number or payout reference
    "text": pl.String,
    "case_reference": pl.String,  # "" = none
    "value_on": pl.Date,
    "is_final": pl.Boolean,  # its period is closed
}
DEBTOR_ROWS: Final[Schema] = {
    "number": pl.String,
    "company": pl.String,
    "first_name": pl.String,
    "last_name": pl.String,
    "title": pl.String,
    "salutation": pl.String,
    "street": pl.String,
    "postcode": pl.String,
    "city": pl.String,
    "country": pl.String,
    "address_extra": pl.String,
    "phone": pl.String,
    "email": pl.String,
    "iban": pl.String,
    "customer_number": pl.String,
    "language": pl.String,
    "short_name": pl.String,
}
_SPELLED: Final = str.maketrans(
    {
        "ł": "l", "Ł": "L", "ı": "i", "İ": "I", "đ": "d", "Đ": "D", "ħ": "h", "Ħ": "H", "ŧ": "t", "Ŧ": "T",
        "ẞ": "SS", "ŋ": "n", "Ŋ": "N", "ə": "e", "Ə": "E", "‑": "-", "−": "-", "\u202f": " ", "\u2009": " ",
        "ﬁ": "fi", "ﬂ": "fl", "☓": "x", "′": "'", "″": '"',
    }
)  # fmt: skip
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_NOT_IN_DOCUMENT: Final = r"[^A-Za-z0-9$&%*+\-/]"
_LANGUAGES: Final = {"de": "1", "en": "5"}


class DatevError(ValueError):
    """A file cannot be written; says which value and why."""


@dataclass(frozen=True)
class Batch:
    """What the header of a file says beside the constants."""

    created_at: dt.datetime
    consultant: int  # Beraternummer 1001..9999999
    client: int  # Mandantennummer 1..99999
    fiscal_year_on: dt.date  # first day of the fiscal year
    account_length: int  # 4..8
    skr: str
    first_on: dt.date
    last_on: dt.date
    title: str = "Mahnwerk"
    exported_by: str = "Mahnwerk"
    currency: str = "EUR"
    is_final: bool = False


def cp1252_text(text: str, length: int) -> str:
    """The text in characters Windows-1252 has, one line, at most `length` characters.

    Umlauts stay. Accents the code page lacks are taken off (ş → s, ě → e), some letters are spelled out
    (ł → l), and what has no Latin twin becomes `?`, so that a reader sees something stood there.
    """
    spelled = unicodedata.normalize("NFC", _CONTROL.sub(" ", text)).translate(_SPELLED)
    made = []
    for sign in spelled:
        if _fits(sign):
            made.append(sign)
            continue
        plain = "".join(c for c in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(c))
        made.append(plain if plain and _fits(plain) else "?")
    return " ".join("".join(made).split())[:length].strip()


def _fits(text: str) -> bool:
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def quoted(text: str) -> str:
    """A text field: in quotes, quotes doubled."""
    return '"' + text.replace('"', '""') + '"'


def header(batch: Batch, category: int, name: str, version: int) -> str:
    """The 31 fields of the first line.

    Raises
    ------
    DatevError : a number out of its bounds, or a period outside the fiscal year.
    """
    _check(batch)
    is_batch = category == 21
    at = batch.created_at
    fields = [
        quoted("EXTF"),
        str(EXTF_VERSION),
        str(category),
        quoted(name),
        str(version),
        f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}",
        "",  # imported, DATEV's own
        quoted("RE"),
        quoted(cp1252_text(batch.exported_by, 25)),
        quoted(""),
        str(batch.consultant),
        str(batch.client),
        f"{batch.fiscal_year_on:%Y%m%d}",
        str(batch.account_length),
        f"{batch.first_on:%Y%m%d}" if is_batch else "",
        f"{batch.last_on:%Y%m%d}" if is_batch else "",
        quoted(cp1252_text(batch.title, 30)) if is_batch else quoted(""),
        quoted(""),  # dictation mark
        "1" if is_batch else "",  # financial accounting
        "0" if is_batch else "",  # for every accounting purpose
        str(int(batch.is_final)) if is_batch else "",
        quoted(batch.currency) if is_batch else quoted(""),
        "",
        quoted(""),
        "",
        "",
        quoted(batch.skr),
        "",
        "",
        quoted(""),
        quoted("Mahnwerk"),
    ]
    return ";".join(fields)


def _check(batch: Batch) -> None:
    for name, value, lowest, highest in (
        ("consultant", batch.consultant, 1001, 9_999_999),
        ("client", batch.client, 1, 99_999),
        ("account_length", batch.account_length, 4, 8),
    ):
        if not lowest <= value <= highest:
            raise DatevError(f"{name}: must be {lowest} to {highest}, is {value}")
    if batch.last_on < batch.first_on:
        raise DatevError(f"the period ends on {batch.last_on}, before it begins on {batch.first_on}")
    next_year = _year_later(batch.fiscal_year_on)
    if not batch.fiscal_year_on <= batch.first_on <= batch.last_on < next_year:
        raise DatevError(
            f"{batch.first_on} to {batch.last_on} is not inside the fiscal year that begins on "
            f"{batch.fiscal_year_on}: a batch belongs to one fiscal year"
        )


def _year_later(day: dt.date) -> dt.date:
    if (day.month, day.day) == (2, 29):
        return dt.date(day.year + 1, 3, 1)
    return day.replace(year=day.year + 1)


def posting_batch(rows: pl.DataFrame, batch: Batch) -> bytes:
    """Write a posting batch.

    Every row is one posting: amount, debit account as account with `S`, credit account as contra account.
    The document day is the posting day; the day of the fact stands in the additional information.

    Parameters
    ----------
    rows : BATCH_ROWS, at most MAX_ROWS, all of the batch's period and currency

    Raises
    ------
    DatevError : too many rows, an amount that is not above zero or too large, a day outside the period, an
        account number that is not one.
    """
    rows = check_frame(rows, BATCH_ROWS, "datev")
    first = header(batch, 21, "Buchungsstapel", 13)
    _check_rows(rows, batch)
    filled = {
        "Umsatz (ohne Soll/Haben-Kz)": _amount(),
        "Soll/Haben-Kennzeichen": pl.lit('"S"'),
        "WKZ Umsatz": pl.lit(quoted(batch.currency)),
        "Konto": pl.col("debit_number"),
        "Gegenkonto (ohne BU-Schlüssel)": pl.col("credit_number"),
        "Belegdatum": pl.col("posted_on").dt.strftime("%d%m"),
        "Belegfeld 1": _text("document"),
        "Buchungstext": _text("text"),
        "Zusatzinformation - Art 1": pl.lit('"Aktenzeichen"'),
        "Zusatzinformation- Inhalt 1": _text("case_reference"),
        "Zusatzinformation - Art 2": pl.lit('"Wertstellung"'),
        "Zusatzinformation- Inhalt 2": pl.col("value_on").dt.strftime('"%d.%m.%Y"'),
        "Festschreibung": pl.col("is_final").cast(pl.Int8).cast(pl.String),
    }
    clean = rows.with_columns(
        _clean("text", 60),
        _clean("case_reference", 210),
        document=_clean("document", 200).str.replace_all(_NOT_IN_DOCUMENT, "-").str.slice(0, 36),
    )
    return _file(first, BATCH_COLUMNS, clean, filled)


def _check_rows(rows: pl.DataFrame, batch: Batch) -> None:
    if rows.height > MAX_ROWS:
        raise DatevError(f"a batch holds at most {MAX_ROWS} postings, these are {rows.height}: divide them")
    wrong = rows.filter(~pl.col("amount_cents").is_between(1, AMOUNT_CENTS_MAX))
    if wrong.height:
        raise DatevError(
            f"amount of {wrong['amount_cents'][0]} cents: must be above zero and below 10 milliard"
        )
    outside = rows.filter(~pl.col("posted_on").is_between(batch.first_on, batch.last_on))
    if outside.height:
        raise DatevError(
            f"a posting of {outside['posted_on'][0]} is not between {batch.first_on} and {batch.last_on}"
        )
    longest = batch.account_length + 1
    for name in ("debit_number", "credit_number"):
        wrong = rows.filter(~pl.col(name).str.contains(rf"^\d{{4,{longest}}}$"))
        if wrong.height:
            raise DatevError(f"{name}: {wrong[name][0]!r} is no account of up to {longest} digits")


def debtor_master(rows: pl.DataFrame, batch: Batch) -> bytes:
    """Write a debtor master: one personal account per row.

    Parameters
    ----------
    rows : DEBTOR_ROWS; missing texts are ""

    Raises
    ------
    DatevError : a number that is no personal account, or two rows of the same number.
    """
    rows = check_frame(rows, DEBTOR_ROWS, "debtors")
    longest = batch.account_length + 1
    wrong = rows.filter(~pl.col("number").str.contains(rf"^[1-6]\d{{{longest - 1}}}$"))
    if wrong.height:
        raise DatevError(f"{wrong['number'][0]!r} is no personal account of {longest} digits")
    if rows["number"].is_duplicated().any():
        raise DatevError(f"account {rows.filter(pl.col('number').is_duplicated())['number'][0]} stands twice")
    is_firm = pl.col("company") != ""
    lengths = {
        "company": 50, "first_name": 30, "last_name": 30, "title": 25, "salutation": 30, "street": 36,
        "postcode": 10, "city": 30, "country": 2, "address_extra": 36, "phone": 60, "email": 60, "iban": 34,
        "customer_number": 15, "short_name": 15,
    }  # fmt: skip
    clean = rows.with_columns(_clean(name, length) for name, length in lengths.items())
    filled = {
        "Konto": pl.col("number"),
        "Name (Adressattyp Unternehmen)": _text("company"),
        "Name (Adressattyp natürl. Person)": pl.when(is_firm)
        .then(pl.lit('""'))
        .otherwise(_text("last_name")),
        "Vorname (Adressattyp natürl. Person)": pl.when(is_firm)
        .then(pl.lit('""'))
        .otherwise(_text("first_name")),
        "Adressattyp": pl.when(is_firm).then(pl.lit('"2"')).otherwise(pl.lit('"1"')),
        "Kurzbezeichnung": _text("short_name"),
        "Anrede": _text("salutation"),
        "Titel/Akad. Grad": _text("title"),
        "Adressart": pl.lit('"STR"'),
        "Straße": _text("street"),
        "Postleitzahl": _text("postcode"),
        "Ort": _text("city"),
        "Land": _text("country"),
        "Adresszusatz": _text("address_extra"),
        "Telefon": _text("phone"),
        "E-Mail": _text("email"),
        "IBAN-Nr. 1": _text("iban"),
        "Kundennummer": _text("customer_number"),
        "Sprache": pl.col("language").replace_strict(_LANGUAGES, default="1", return_dtype=pl.String),
    }
    return _file(header(batch, 16, "Debitoren/Kreditoren", 5), DEBTOR_COLUMNS, clean, filled)


def _amount() -> pl.Expr:
    cents = pl.col("amount_cents")
    return pl.concat_str(
        (cents // 100).cast(pl.String), pl.lit(","), (cents % 100).cast(pl.String).str.zfill(2)
    )


def _clean(name: str, length: int) -> pl.Expr:
    """The column in Windows-1252; each distinct text is spelled once."""

    def spell(texts: pl.Series) -> pl.Series:
        known = {text: cp1252_text(text, length) for text in texts.drop_nulls().unique()}
        return texts.replace_strict(known, default="", return_dtype=pl.String)

    return pl.col(name).map_batches(spell, return_dtype=pl.String)


def _text(name: str) -> pl.Expr:
    return pl.concat_str(pl.lit('"'), pl.col(name).str.replace_all('"', '""', literal=True), pl.lit('"'))


def _file(first: str, columns: tuple[str, ...], rows: pl.DataFrame, filled: dict[str, Any]) -> bytes:
    unknown = filled.keys() - set(columns)
    if unknown:
        raise DatevError(f"the format has no column {', '.join(sorted(unknown))}")
    parts = [filled.get(column, pl.lit("")) for column in columns]
    lines = rows.select(line=pl.concat_str(parts, separator=";"))["line"].to_list()
    return "".join(line + "\r\n" for line in [first, ";".join(columns), *lines]).encode("cp1252")
