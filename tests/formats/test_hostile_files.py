"""Files made to do harm: refused or read, within two seconds, and never an accident."""

from __future__ import annotations

import time

import pytest

from mahnwerk.formats import claims_csv, invoice_xml, mt940
from mahnwerk.formats.bank import BankFileError
from mahnwerk.formats.creditor_yaml import parse_creditor
from mahnwerk.formats.rejects import FormatError

_HEAD = ":20:X\n:25:1\n:28C:1\n"
BANK_FILES = {
    "envelopes never closed": "{4:\n" * 40_000,
    "line ends after an envelope": "{4:" + "\n" * 50_000,
    "blanks in a balance": f"{_HEAD}:60F:C260101EUR" + "1" + " " * 100_000 + "x\n",
    "empty lines": ":20:X\n" + "\n" * 200_000 + "-",
    "references without end": f"{_HEAD}:60F:C260101EUR1,\n:61:2601010101C1,NTRF\n:86:166?20"
    + "RF12 A" * 20_000,
    "subfields": f"{_HEAD}:60F:C260101EUR1,\n:61:2601010101C1,NTRF\n:86:166" + "?20" * 50_000,
}
CSV_HEAD = "Kundennummer;Nachname;Rechnungsnummer;Rechnungsdatum;Fällig am;Betrag\n"


@pytest.mark.parametrize("name", BANK_FILES)
def test_no_bank_file_makes_a_pattern_run_away(name: str) -> None:
    began = time.process_time()
    said = ""
    try:
        mt940.read(BANK_FILES[name].encode())
    except BankFileError as error:
        said = str(error)
    assert len(said) < 500  # what is wrong is not repeated whole
    assert time.process_time() - began < 2


def test_half_a_sign_in_utf_16_is_read_as_unknown() -> None:
    row = "K1;A\ud800B;R1;01.02.2026;15.02.2026;12,00\n"
    result = claims_csv.read(b"\xff\xfe" + (CSV_HEAD + row).encode("utf-16-le", "surrogatepass"))
    names = [*result.claims["last_name"], *result.rejects["value"]]
    assert names and all(name.encode() for name in names)


@pytest.mark.parametrize("name", ["A\r\nBcc: x@example.org", "A\u2028B", "A\x1b[2JB", "A" * 100_000])
def test_a_name_never_breaks_a_line(name: str) -> None:
    row = f'K1;"{name}";R1;01.02.2026;15.02.2026;12,00\n'
    result = claims_csv.read((CSV_HEAD + row).encode())
    for found in result.claims["last_name"]:
        assert not set(found) & set("\r\n\x1b\0")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_document_types_are_refused_in_any_encoding(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'
    assert "DOCTYPE" in invoice_xml.read(text.encode(encoding)).rejects["reason"][0]


@pytest.mark.parametrize(
    "text",
    [
        "key: !!python/object/apply:os.system [id]",
        "a: &a [x]\nb: *a",
        '"\\ud800": x',
        "[" * 50_000,
        "- " * 50_000 + "x",
        "{a: " * 50_000,
    ],
)
def test_yaml_tricks_are_refused_in_words(text: str) -> None:
    with pytest.raises(FormatError):
        parse_creditor(text, "x.yaml")
