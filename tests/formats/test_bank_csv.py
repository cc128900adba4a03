"""Bank CSV exports, recognised by their header."""

from __future__ import annotations

from pathlib import Path

import pytest

from mahnwerk.formats import bank_csv
from mahnwerk.formats.bank import BankFileError

COLLECTION = Path(__file__).parents[3] / "shared" / "data" / "1-bank-statements"

DKB = """"Girokonto";"DE02 1203 0000 0000 2020 51"
""
"Kontostand vom 02.03.2026:";"1.150,00 €"
""
"Buchungsdatum";"Wertstellung";"Status";"Zahlungspflichtige*r";"Zahlungsempfänger*in";"Verwendungszweck";\
"Umsatztyp";"IBAN";"Betrag (€)";"Gläubiger-ID";"Mandatsreferenz";"Kundenreferenz"
"02.03.26";"03.03.26";"Gebucht";"Jürgen Groß";"Lindenhof";"RE-26-0411";"Eingang";\
"DE89370400440532013000";"1.050,00";"";"";"E-1"
"02.03.26";"";"Vorgemerkt";"X";"Y";"kommt noch";"Eingang";"";"5";"";"";""
"02.03.26";"02.03.26";"Gebucht";"Lindenhof";"Müller";"Rückzahlung";"Ausgang";"DE89370400440532013000";"-50,00";"";"";""
"""
SPARKASSE = """"Auftragskonto";"Buchungstag";"Valutadatum";"Buchungstext";"Verwendungszweck";"Glaeubiger ID";\
"Mandatsreferenz";"Kundenreferenz (End-to-End)";"Sammlerreferenz";"Lastschrift Ursprungsbetrag";\
"Auslagenersatz Ruecklastschrift";"Beguenstigter/Zahlungspflichtiger";"Kontonummer/IBAN";"BIC (SWIFT-Code)";\
"Betrag";"Waehrung";"Info"
"DE02120300000000202051";"02.03.26";"02.03.26";"RUECKLASTSCHRIFT";"RE-1";"";"M-1";"D-9";"";"";"3,00";"Groß";\
"DE89370400440532013000";"BYLADEM1001";"-13,00";"EUR";"Umsatz gebucht"
"""


def test_dkb_with_preamble_and_pending_rows() -> None:
    file = bank_csv.read(DKB.encode()).accepted()
    (statement,) = file.statements
    assert file.format == "csv:dkb"
    assert statement.account == "DE02120300000000202051"
    assert statement.closing_cents == 115000
    first, second = statement.entries
    assert (first.amount_cents, first.counterparty_name, first.remittance) == (
        105000,
        "Jürgen Groß",
        "RE-26-0411",
    )
    assert first.value_on.isoformat() == "2026-03-03"
    assert (second.amount_cents, second.counterparty_name) == (-5000, "Müller")


def test_sparkasse_return_in_cp1252() -> None:
    (entry,) = bank_csv.read(SPARKASSE.encode("cp1252")).accepted().statements[0].entries
    assert (entry.kind, entry.amount_cents, entry.mandate_id) == ("return", -1300, "M-1")
    assert entry.counterparty_name == "Groß"


def test_the_plain_table_and_the_account_from_outside() -> None:
    data = b"booked_on,amount,currency,name,text\n2026-03-02,50.00,EUR,A,RE-1\n"
    (entry,) = bank_csv.read(data, account="DE1").accepted().statements[0].entries
    assert (entry.amount_cents, entry.remittance) == (5000, "RE-1")
    with pytest.raises(BankFileError, match="no account"):
        bank_csv.read(data).accepted()


@pytest.mark.parametrize(
    ("row", "why"),
    [("2026-02-30,50.00", "no day"), ("2026-03-02,abc", "not an amount"), ("2026-03-02,", "missing")],
)
def test_a_row_that_cannot_be_read_refuses_the_file(row: str, why: str) -> None:
    with pytest.raises(BankFileError, match=why):
        bank_csv.read(f"booked_on,amount\n{row}\n".encode(), account="A")


def test_a_returned_debit_tells_what_the_bank_charged_and_why() -> None:
    text = SPARKASSE.replace('"RE-1"', '"RETURN AC04"').replace('"";"3,00"', '"10,00";"3,00"')
    (entry,) = bank_csv.read(text.encode("cp1252")).accepted().statements[0].entries
    assert (entry.charges_cents, entry.original_amount_cents, entry.return_reason) == (300, 1000, "AC04")


def test_goods_sent_back_in_a_payers_words_are_no_return() -> None:
    data = b"booked_on,amount,account,text\n2026-03-02,50.00,DE1,RE-1 abzgl. Retoure\n"
    assert bank_csv.read(data).statements[0].entries[0].kind == "transfer_in"


@pytest.mark.parametrize("given", ["DE77120300000000202077", "202077"])
def test_a_file_of_another_account_is_refused(given: str) -> None:
    for data in (SPARKASSE.encode("cp1252"), DKB.encode()):
        assert bank_csv.read(data, account="DE02 1203 0000 0000 2020 51").accepted()
        with pytest.raises(BankFileError, match="is of account DE02120300000000202051"):
            bank_csv.read(data, account=given)


def test_rows_of_two_accounts_are_refused_whatever_account_is_given() -> None:
    data = b"booked_on,amount,account\n2026-03-02,50.00,DE1\n2026-03-02,50.00,DE2\n"
    for given in ("", "DE1"):
        with pytest.raises(BankFileError, match="rows of 2 accounts"):
            bank_csv.read(data, account=given)


def test_references_in_the_text_of_commerzbank() -> None:
    data = (
        "Buchungstag;Wertstellung;Umsatzart;Buchungstext;Betrag;Währung;IBAN Auftraggeberkonto;Kategorie\n"
        "02.03.2026;03.03.2026;Gutschrift;Müller RE-1 End-to-End-Ref.: E-77;1.234,5;EUR;DE1;\n"
    )
    (entry,) = bank_csv.read(data.encode("utf-8-sig")).accepted().statements[0].entries
    assert (entry.amount_cents, entry.end_to_end_id, entry.value_on.day) == (123450, "E-77", 3)


def test_n26_in_english_names_no_account() -> None:
    rows = {
        "Date,Payee,Account number,Transaction type,Payment reference,Amount (EUR)": "2021-03-02,Max,"
        "DE89370400440532013000,Income,RE 1001,50.0",
        '"Booking Date","Value Date","Partner Name","Partner Iban",Type,"Payment Reference","Account Name",'
        '"Amount (EUR)"': '2026-03-02,2026-03-02,Max,,Credit Transfer,"RE 1001","Main Account",50.0',
    }
    for header, row in rows.items():
        data = f"{header}\n{row}\n".encode()
        assert bank_csv.read(data, account="DE1").accepted().statements[0].entries[0].amount_cents == 5000
        with pytest.raises(BankFileError, match="no account is named"):
            bank_csv.read(data).accepted()


def test_a_cell_without_end_is_refused() -> None:
    data = b'booked_on,amount,currency,name,text\n2026-03-02,50.00,EUR,A,"' + b"x" * 200_000
    with pytest.raises(BankFileError, match="line 2 is no CSV"):
        bank_csv.read(data, account="DE1")


def test_an_unknown_layout_says_which_are_known() -> None:
    with pytest.raises(BankFileError, match="Sparkasse"):
        bank_csv.read(b"a;b\n1;2\n")


def test_an_own_profile() -> None:
    text = """
name: mine
header: [Tag, Summe]
dates: d.m.y
columns: {booked_on: Tag, amount: Summe, name: Wer}
"""
    profile = bank_csv.parse_profile(text, "mine.yaml")
    (entry,) = (
        bank_csv.read(b"Tag;Summe;Wer\n02.03.2026;5,00;X\n", account="A", profile=profile)
        .statements[0]
        .entries
    )
    assert (entry.amount_cents, entry.counterparty_name) == (500, "X")
    with pytest.raises(BankFileError, match="unknown: colour"):
        bank_csv.parse_profile(text + "colour: red\n", "mine.yaml")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "layout", "count"),
    [
        ("20180226-1000594757-umsatz.CSV", "csv:sparkasse_mt940", None),
        ("Umsaetze_KtoNr538917600_EUR_02-03-2018_1503.CSV", "csv:commerzbank", None),
        ("20171001-20171106.csv", "csv:n26_2022", None),
    ],
)
def test_real_exports(name: str, layout: str, count: int | None) -> None:
    path = COLLECTION / "csv-bank2ynab" / "test-data" / name
    if not path.is_file():
        pytest.skip("sample bank statements are not beside the project")
    file = bank_csv.read(path.read_bytes())
    assert file.format == layout
    assert file.statements[0].entries
