"""DATEV files byte by byte: each header field, quoting, umlauts, what the code page lacks."""

from __future__ import annotations

import csv
import datetime as dt
import io
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from tests.formats import datev_checker

from mahnwerk.formats.datev import (
    BATCH_ROWS,
    DEBTOR_ROWS,
    MAX_ROWS,
    Batch,
    DatevError,
    cp1252_text,
    debtor_master,
    header,
    posting_batch,
    quoted,
)
from mahnwerk.formats.datev_columns import BATCH_COLUMNS, DEBTOR_COLUMNS

BATCH = Batch(
    created_at=dt.datetime(2026, 4, 1, 8, 5, 9, 123_000, tzinfo=dt.UTC),
    consultant=29098,
    client=55003,
    fiscal_year_on=dt.date(2026, 1, 1),
    account_length=4,
    skr="03",
    first_on=dt.date(2026, 3, 1),
    last_on=dt.date(2026, 3, 31),
    title="Mahnwerk März",
    exported_by="Größler",
)


def rows(*given: dict[str, Any]) -> pl.DataFrame:
    common = {
        "amount_cents": 123_456,
        "debit_number": "10001",
        "credit_number": "1200",
        "posted_on": dt.date(2026, 3, 2),
        "document": "RE-26/0411",
        "text": "Zahlung",
        "case_reference": "M-000001",
        "value_on": dt.date(2026, 2, 28),
        "is_final": False,
    }
    return pl.DataFrame([common | row for row in given], schema=dict(BATCH_ROWS))


def lines(data: bytes) -> list[list[str]]:
    text = data.decode("cp1252")
    assert text.endswith("\r\n") and "\n" not in text.replace("\r\n", "")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))


def test_every_field_of_the_header() -> None:
    first = posting_batch(rows({}), BATCH).split(b"\r\n")[0].decode("cp1252")
    assert first == (
        '"EXTF";700;21;"Buchungsstapel";13;20260401080509123;;"RE";"Größler";"";29098;55003;20260101;4;'
        '20260301;20260331;"Mahnwerk März";"";1;0;0;"EUR";;"";;;"03";;;"";"Mahnwerk"'
    )
    assert first.count(";") == 30


def test_header_of_the_debtor_master_leaves_out_what_only_batches_have() -> None:
    first = debtor_master(pl.DataFrame(schema=dict(DEBTOR_ROWS)), BATCH).split(b"\r\n")[0].decode("cp1252")
    assert first == (
        '"EXTF";700;16;"Debitoren/Kreditoren";5;20260401080509123;;"RE";"Größler";"";29098;55003;20260101;4;'
        ';;"";"";;;;"";;"";;;"03";;;"";"Mahnwerk"'
    )
    assert first.count(";") == 30


@pytest.mark.parametrize("category", [16, 21])
def test_the_header_of_the_published_samples(category: int) -> None:
    """Field by field as on the page of DATEV's developer portal, with the sample's own values."""
    batch = replace(BATCH, created_at=dt.datetime(2024, 1, 30, 14, 4, 40, 439_000, tzinfo=dt.UTC))
    batch = replace(batch, fiscal_year_on=dt.date(2024, 1, 1), exported_by="", title="Buchungsstapel")
    batch = replace(batch, first_on=dt.date(2024, 1, 1), last_on=dt.date(2024, 8, 31))
    name, version = {16: ("Debitoren/Kreditoren", 5), 21: ("Buchungsstapel", 13)}[category]
    published = {
        16: '"EXTF";700;16;"Debitoren/Kreditoren";5;20240130140440439;;"RE";"";"";29098;55003;20240101;4;'
        ';;"";"";;;;"";;"";;;"03";;;"";""',
        21: '"EXTF";700;21;"Buchungsstapel";13;20240130140440439;;"RE";"";"";29098;55003;20240101;4;'
        '20240101;20240831;"Buchungsstapel";"";1;0;0;"EUR";;"";;;"03";;;"";""',
    }[category]
    assert header(batch, category, name, version).replace('"Mahnwerk"', '""') == published


def test_a_posting_row() -> None:
    data = posting_batch(rows({"text": 'Zahlung "bar"; Müller – ß €'}, {"is_final": True}), BATCH)
    names, row, final = lines(data)[1:]
    assert tuple(names) == BATCH_COLUMNS and len(BATCH_COLUMNS) == len(row) == 125
    told = {name: value for name, value in zip(names, row, strict=True) if value}
    assert told == {
        "Umsatz (ohne Soll/Haben-Kz)": "1234,56",
        "Soll/Haben-Kennzeichen": "S",
        "WKZ Umsatz": "EUR",
        "Konto": "10001",
        "Gegenkonto (ohne BU-Schlüssel)": "1200",
        "Belegdatum": "0203",
        "Belegfeld 1": "RE-26/0411",
        "Buchungstext": 'Zahlung "bar"; Müller – ß €',
        "Zusatzinformation - Art 1": "Aktenzeichen",
        "Zusatzinformation- Inhalt 1": "M-000001",
        "Zusatzinformation - Art 2": "Wertstellung",
        "Zusatzinformation- Inhalt 2": "28.02.2026",
        "Festschreibung": "0",
    }
    assert final[names.index("Festschreibung")] == "1"
    assert data.split(b"\r\n")[2].startswith(b'1234,56;"S";"EUR";;;;10001;1200;;0203;"RE-26/0411";')
    assert posting_batch(rows({}), BATCH) == posting_batch(rows({}), BATCH)


@pytest.mark.parametrize(
    ("cents", "text"), [(1, "0,01"), (10, "0,10"), (100, "1,00"), (999_999_999_999, "9999999999,99")]
)
def test_amounts(cents: int, text: str) -> None:
    assert lines(posting_batch(rows({"amount_cents": cents}), BATCH))[2][0] == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Größler & Söhne €", "Größler & Söhne €"),
        ("Şükrü Yıldız", "Sükrü Yildiz"),
        ("Łukasz Dvořák", "Lukasz Dvorák"),
        ("Sõna naïve Œuvre", "Sõna naïve Œuvre"),
        ("Иван", "????"),
        ("zwei\r\nZeilen\tTab\x00", "zwei Zeilen Tab"),
        ("u\u0308ber", "über"),
        ("a" * 80, "a" * 60),
        ("ﬁx − x", "fix - x"),
    ],
)
def test_what_the_code_page_lacks_is_spelled(text: str, written: str) -> None:
    assert cp1252_text(text, 60) == written
    cp1252_text(text, 60).encode("cp1252")


def test_document_numbers_keep_only_allowed_signs() -> None:
    row = lines(posting_batch(rows({"document": "RE 26#0411ä;" + "9" * 40}), BATCH))[2]
    assert row[10] == "RE-26-0411--" + "9" * 24
    assert quoted('a"b') == '"a""b"'


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"amount_cents": 0}, "0 cents"),
        ({"amount_cents": -5}, "-5 cents"),
        ({"amount_cents": 10**12}, "above zero and below"),
        ({"posted_on": dt.date(2026, 4, 1)}, "not between"),
        ({"debit_number": "1"}, "debit_number: '1'"),
        ({"credit_number": "1234567"}, "credit_number"),
    ],
)
def test_rows_that_cannot_be_written(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(DatevError, match=problem):
        posting_batch(rows(given), BATCH)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"consultant": 1}, "consultant"),
        ({"client": 0}, "client"),
        ({"account_length": 3}, "account_length"),
        ({"last_on": dt.date(2026, 2, 1)}, "before it begins"),
        ({"last_on": dt.date(2027, 1, 1)}, "one fiscal year"),
        ({"fiscal_year_on": dt.date(2026, 3, 2)}, "one fiscal year"),
    ],
)
def test_headers_that_cannot_be_meant(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(DatevError, match=problem):
        posting_batch(rows({}), replace(BATCH, **change))


def test_too_many_rows_are_refused() -> None:
    many = pl.concat([rows({})] * (MAX_ROWS + 1))
    with pytest.raises(DatevError, match="at most 99999"):
        posting_batch(many, BATCH)


def debtor(**given: Any) -> dict[str, Any]:
    return dict.fromkeys(DEBTOR_ROWS, "") | {"number": "10001", "language": "de"} | given


def test_debtors_as_persons_and_firms() -> None:
    frame = pl.DataFrame(
        [
            debtor(first_name="Änne", last_name="Größler", salutation="Frau", iban="DE02120300000000202051"),
            debtor(
                number="10002", company="Łódź „Bau“ GmbH", last_name="Weg", language="en", postcode="04103"
            ),
        ],
        schema=dict(DEBTOR_ROWS),
    )
    names, person, firm = lines(debtor_master(frame, BATCH))[1:]
    assert tuple(names) == DEBTOR_COLUMNS and len(person) == len(firm) == 101
    said = dict(zip(names, person, strict=True))
    assert (said["Konto"], said["Adressattyp"], said["Sprache"]) == ("10001", "1", "1")
    assert (said["Vorname (Adressattyp natürl. Person)"], said["IBAN-Nr. 1"]) == (
        "Änne",
        "DE02120300000000202051",
    )
    said = dict(zip(names, firm, strict=True))
    assert said["Name (Adressattyp Unternehmen)"] == "Lódz „Bau“ GmbH"
    assert (said["Name (Adressattyp natürl. Person)"], said["Adressattyp"]) == ("", "2")
    assert (said["Postleitzahl"], said["Sprache"]) == ("04103", "5")


@pytest.mark.parametrize(
    ("numbers", "problem"), [(["70001"], "no personal account"), (["10001"] * 2, "twice")]
)
def test_debtor_numbers_are_personal_accounts_and_unique(numbers: list[str], problem: str) -> None:
    frame = pl.DataFrame([debtor(number=number) for number in numbers], schema=dict(DEBTOR_ROWS))
    with pytest.raises(DatevError, match=problem):
        debtor_master(frame, BATCH)


def test_the_checker_finds_nothing_wrong_with_our_files() -> None:
    assert datev_checker.read(posting_batch(rows({"text": 'Zahlung "bar"; Müller'}), BATCH)).problems == []
    person = pl.DataFrame([debtor(last_name="Größler")], schema=dict(DEBTOR_ROWS))
    assert datev_checker.read(debtor_master(person, BATCH)).problems == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b"\r\n", b"\n", "CR LF"),
        ("März".encode("cp1252"), b"M\x81rz", "Windows-1252"),
        (b'"EXTF";700', b'"EXTF";510', "Versionsnummer: 510"),
        (b'"EXTF"', b"EXTF", "Kennzeichen"),
        (b';700;21;"Buchungsstapel";13;', b';700;21;"Buchungsstapel";5;', "version 5"),
        (b";20260101;4;", b";20250101;4;", "is not in the year from"),
        (b';"Mahnwerk"\r\n', b"\r\n", "30 fields instead of 31"),
        (b"Belegfeld 1;", b"Beleg 1;", "other names"),
        (b'1234,56;"S"', b'1234.56;"S"', "Umsatz"),
        (b'1234,56;"S"', b'0,00;"S"', "Umsatz"),
        (b'1234,56;"S"', b'1234,56;"X"', "Soll/Haben-Kennzeichen"),
        (b'1234,56;"S"', b"1234,56;S", "Soll/Haben-Kennzeichen"),
        (b";10001;1200;", b";100011;1200;", "neither 4 nor 5 digits"),
        (b";0203;", b";0302;", "Belegdatum: 0302"),
        (b";0203;", b";3002;", "Belegdatum: 3002"),
        (b'"RE-26/0411"', b'"RE 26"', "Belegfeld 1"),
        (b'"RE-26/0411"', b'"' + b"9" * 37 + b'"', "Belegfeld 1"),
        (b';"Zahlung";', b';"' + b"x" * 61 + b'";', "Buchungstext"),
        (b';"Zahlung";', b";Zahlung;", "Buchungstext"),
    ],
)
def test_the_checker_sees_what_is_wrong(old: bytes, new: bytes, problem: str) -> None:
    data = posting_batch(rows({}), BATCH)
    assert old in data
    assert problem in "; ".join(datev_checker.read(data.replace(old, new)).problems)
