"""Claims from CSV: every layout people send, and every mistake they make, with a clear word for each."""

from __future__ import annotations

import io
import re
import time
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mahnwerk.formats import claims_csv
from mahnwerk.formats.rejects import CODES, FormatError, Imported, rejects_csv
from mahnwerk.frames import IMPORTED_CLAIMS, ClaimKind, DueKind, check_frame

IBM = (
    Path(__file__).parents[3]
    / "shared/data/3-receivables-and-experiments/ibm-accounts-receivable/invoices.csv"
)
HEADER = "Rechnungsnummer;Kundennummer;Nachname;PLZ;Staat;E-Mail;IBAN;Betrag;Währung;Rechnungsdatum;Fällig am"
ROW = "R-1;K-1;Müller;10115;DE;a@example.org;DE02120300000000202051;1.234,56;EUR;02.03.2026;16.03.2026"


def read(*lines: str, encoding: str = "utf-8") -> Imported:
    return claims_csv.read("\n".join(lines).encode(encoding))


def changed(column: str, value: str) -> str:
    cells = dict(zip(HEADER.split(";"), ROW.split(";"), strict=True)) | {column: value}
    return ";".join(cells.values())


def one_reject(line: str, header: str = HEADER) -> dict[str, object]:
    result = read(header, line)
    assert result.claims.height == 0
    assert result.rejects.height == 1, result.rejects["reason"].to_list()
    row = result.rejects.row(0, named=True)
    assert row["code"] in CODES
    assert row["remedy"]
    return row


def test_a_german_file_is_read() -> None:
    result = read(HEADER, ROW)
    claim = check_frame(result.claims, IMPORTED_CLAIMS, "claims").row(0, named=True)
    assert result.rejects.height == 0
    assert (claim["row_no"], claim["invoice_number"], claim["amount_cents"]) == (2, "R-1", 123_456)
    assert (claim["issued_on"], claim["due_on"]) == (date(2026, 3, 2), date(2026, 3, 16))
    assert (claim["kind"], claim["due_kind"]) == (ClaimKind.GOODS_OR_SERVICES, DueKind.INVOICE)
    assert (claim["country"], claim["land"], claim["debtor_kind"]) == ("DE", None, "")
    assert claim["has_default_notice"] is False


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_encodings_delimiters_and_line_ends(encoding: str, delimiter: str, line_end: str) -> None:
    header = delimiter.join(
        ("invoice no", "customer name?", "last name", "total", "invoice date", "due date")
    )
    header = header.replace("customer name?", "customer id")
    row = delimiter.join(("R-1", "K-1", '"Müß; t,e"', '"1,234.56"', "2026-03-02", "2026-03-16"))
    result = claims_csv.read(line_end.join((header, row, "")).encode(encoding))
    assert result.claims.select("last_name", "amount_cents").rows() == [("Müß; t,e", 123_456)]


@pytest.mark.parametrize(
    "title", ["FÄLLIG AM", "faellig_am", "fallig am", "Faelligkeit", "due date", "due_on"]
)
def test_headers_are_known_in_many_spellings(title: str) -> None:
    assert read(HEADER.replace("Fällig am", title), ROW).claims.height == 1


def test_unknown_columns_are_refused_with_the_nearest_known() -> None:
    with pytest.raises(FormatError, match=r"„Rechnungsdatumm“ \(did you mean „Rechnungsdatum“\?\)"):
        read(HEADER + ";Rechnungsdatumm", ROW + ";x")
    left_out = claims_csv.read(f"{HEADER};Bemerkung\n{ROW};x".encode(), ignore_unknown=True)
    assert left_out.claims.height == 1
    assert "Bemerkung" in left_out.warnings[0]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (HEADER.encode(), "no rows"),
        (b"a\0b;c\n1;2", "not text"),
        (b"Betrag;Nachname\n1;x", "Needed columns are absent"),
        (b"PK\x03\x04\0\0", "not text"),
        ((HEADER + ";Betrag\n" + ROW + ";1").encode(), "both mean amount"),
        (";".join(f"c{n}" for n in range(1000)).encode(), "columns"),
    ],
)
def test_files_that_cannot_be_read_at_all(data: bytes, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        claims_csv.read(data)


@pytest.mark.parametrize(
    ("column", "value", "code", "said"),
    [
        ("Betrag", "abc", "amount", "not an amount"),
        ("Betrag", "", "missing", "empty"),
        ("Betrag", "0,00", "amount", "nothing to collect"),
        ("Betrag", "1.234", "amount", "two ways"),
        ("Betrag", "CHF 12,50", "contradiction", "another currency"),
        ("Währung", "USD", "currency", "not a currency"),
        ("Rechnungsdatum", "30.02.2026", "date", "no day"),
        ("Rechnungsdatum", "3/2/2026", "date", "month/day"),
        ("Rechnungsdatum", "", "missing", "empty"),
        ("Fällig am", "01.03.2026", "order", "before the date of the invoice"),
        ("Fällig am", "", "missing", "empty"),
        ("Rechnungsnummer", "", "missing", "empty"),
        ("IBAN", "DE02120300000000202052", "iban", "check digits"),
        ("IBAN", "DE0212030000000020205", "iban", "length"),
        ("IBAN", "XX02120300000000202051", "iban", "no country"),
        ("E-Mail", "a@b", "email", "not an e-mail"),
        ("E-Mail", "a b@example.org", "email", "not an e-mail"),
        ("PLZ", "1067", "postcode", "five digits"),
        ("Staat", "Deutschlan", "word", "did you mean „Deutschland“"),
    ],
)
def test_each_mistake_is_one_reject_with_its_reason(column: str, value: str, code: str, said: str) -> None:
    row = one_reject(changed(column, value))
    assert row["code"] == code
    assert said in str(row["reason"])
    assert row["column"] == column
    assert row["value"] == value


def test_a_row_without_any_name_or_number_is_refused() -> None:
    line = changed("Kundennummer", "").replace("Müller", "")
    assert one_reject(line)["column"] == "Kundennummer"


def test_austrian_and_swiss_postcodes_have_four_digits() -> None:
    for country in ("AT", "Österreich", "CH", "Schweiz", "Switzerland"):
        assert read(HEADER, changed("Staat", country).replace("10115", "8010")).claims.height == 1
    assert one_reject(changed("Staat", "AT"))["code"] == "postcode"


def test_all_mistakes_of_a_row_are_told_and_good_rows_go_in() -> None:
    bad = changed("Betrag", "x").replace("16.03.2026", "01.03.2026").replace("10115", "1")
    result = read(HEADER, ROW, bad.replace("R-1", "R-2"))
    assert result.claims["invoice_number"].to_list() == ["R-1"]
    assert result.rejects["code"].to_list() == ["amount", "postcode", "order"]
    assert result.rejected_rows["row_no"].to_list() == [3]


def test_ambiguous_amounts_are_settled_by_their_own_column() -> None:
    lines = [changed("Betrag", "1.234"), changed("Betrag", "5,50").replace("R-1", "R-2")]
    assert read(HEADER, *lines).claims["amount_cents"].to_list() == [123_400, 550]


def test_the_same_row_again_counts_once_and_other_content_is_refused() -> None:
    result = read(HEADER, ROW, ROW, changed("Betrag", "99,00"), changed("Kundennummer", "K-2"))
    assert result.claims.height == 1
    assert any("1 rows repeat" in warning for warning in result.warnings)
    assert result.rejects["code"].to_list() == ["conflict", "conflict"]
    assert "row 2" in result.rejects["reason"][0]
    assert "amount_cents 9900 instead of 123456" in result.rejects["reason"][0]
    assert "customer_number K-2 instead of K-1" in result.rejects["reason"][1]


def test_negative_amounts_are_credit_notes_without_due_date() -> None:
    header = HEADER + ";Gutschrift zu"
    claim = read(header, changed("Betrag", "-50,00").replace("16.03.2026", "") + ";R-0").claims.row(
        0, named=True
    )
    assert (claim["is_credit_note"], claim["amount_cents"], claim["credits_invoice"]) == (True, 5_000, "R-0")


def test_contract_terms_and_payments_are_read() -> None:
    header = f"{HEADER};Vertragszins;Zinsbeginn;Verzugszins;Skonto %;Skonto bis;Bezahlt am"
    header += ";Forderungsart;Fälligkeitsart"
    line = ROW + ";3,5;01.04.2026;12;2;09.03.2026;10.03.2026;Miete;Kalender"
    claim = read(header, line).claims.row(0, named=True)
    assert (claim["agreed_rate_ppm"], claim["agreed_default_rate_ppm"]) == (35_000, 120_000)
    assert (claim["discount_cents"], claim["discount_until"]) == (2_469, date(2026, 3, 9))
    assert (claim["paid_cents"], claim["paid_on"]) == (123_456, date(2026, 3, 10))
    assert (claim["kind"], claim["due_kind"]) == (ClaimKind.RENT, DueKind.CALENDAR)


@pytest.mark.parametrize(
    ("title", "value", "column"),
    [
        ("Vertragszins", "3,5", "agreed_from"),
        ("Skonto %", "2", "discount_until"),
        ("Bezahlt", "10,00", "paid_on"),
    ],
)
def test_values_that_need_another_are_refused_without_it(title: str, value: str, column: str) -> None:
    assert one_reject(f"{ROW};{value}", f"{HEADER};{title}")["column"] == column


def test_quotes_inside_and_line_breaks_are_read_and_an_open_quote_harms_one_row_only() -> None:
    lines = [
        changed("Nachname", 'Rohr 12" lang'),
        changed("Nachname", '"Zwei\nZeilen"').replace("R-1", "R-2"),
        changed("Nachname", '"offen').replace("R-1", "R-3"),
        ROW.replace("R-1", "R-4"),
    ]
    result = read(HEADER, *lines)
    names = dict(result.claims.select("invoice_number", "last_name").rows())
    assert names == {"R-1": 'Rohr 12" lang', "R-2": "Zwei Zeilen", "R-4": "Müller"}
    assert result.rejected_rows["row_no"].to_list() == [4]
    assert read(HEADER, lines[1]).claims["last_name"].to_list() == ["Zwei Zeilen"]


def test_formulas_stay_data_and_the_reject_file_disarms_them() -> None:
    result = read(HEADER, changed("Nachname", "=1+1"), changed("Nachname", "@x").replace("R-1;", ";"))
    assert result.claims["last_name"].to_list() == ["=1+1"]
    text = rejects_csv(result).decode("utf-8-sig")
    assert ';"\'@x";' in text
    assert '"@x' not in text


@pytest.mark.parametrize(
    "cell", ["=1+1", " =1+1", "\t=1", "＝1+1", "+49341-555", "-x", "@x", "'=1", "a,=1+1"]
)
def test_no_cell_of_a_reject_file_runs_in_a_spreadsheet(cell: str) -> None:
    result = read(HEADER, changed("Nachname", f'"{cell}"').replace("R-1;", ";"))
    text = rejects_csv(result).decode("utf-8-sig")
    assert not re.search(r';"\s*[=+\-@＝]', text)
    assert "a,=1" not in text or '"a,=1+1"' in text  # in quotes: not split where commas part cells


def test_rejects_can_be_fixed_and_imported_again() -> None:
    bad = [
        changed("Betrag", "12,5O").replace("Müller", "=Müller"),
        changed("IBAN", "DE1").replace("R-1", "R-2"),
    ]
    first = read(HEADER, *bad)
    assert first.claims.height == 0
    fixed = rejects_csv(first).replace(b"12,5O", b"12,50").replace(b'"DE1"', b"")
    again = claims_csv.read(fixed)
    assert again.rejects.height == 0
    assert again.claims.select("invoice_number", "last_name", "amount_cents").rows() == [
        ("R-1", "=Müller", 1_250),
        ("R-2", "Müller", 123_456),
    ]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12), min_size=1, max_size=6
    )
)
def test_whatever_a_name_holds_the_reject_file_brings_it_back(names: list[str]) -> None:
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    header = "Rechnungsnummer;Kundennummer;Nachname;Betrag;Rechnungsdatum;Fällig am"
    lines = [f"R-{n};K-1;{name};?;02.03.2026;16.03.2026" for n, name in enumerate(quoted)]
    first = read(header, *lines)
    assert first.rejects.height == len(names)
    again = claims_csv.read(rejects_csv(first).replace(b';"?";"02', b';7;"02'))
    straight = read(header, *(line.replace(";?;", ";7;") for line in lines))
    assert again.claims["last_name"].to_list() == straight.claims["last_name"].to_list()
    assert again.rejects.height == straight.rejects.height == 0


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_give_rows_or_a_refusal(data: bytes) -> None:
    try:
        result = claims_csv.read(HEADER.encode() + b"\n" + data)
    except FormatError:
        return
    repeated = result.row_count - result.claims.height - result.rejects["row_no"].n_unique()
    assert repeated >= 0


def test_the_size_of_the_pieces_changes_nothing() -> None:
    lines = [
        ROW.replace("R-1", f"R-{n % 40}").replace("1.234,56", f"{n % 7 + 1}.234" if n < 50 else "1,50")
        for n in range(60)
    ]
    data = "\n".join((HEADER, *lines)).encode()
    whole = claims_csv.read(data)
    for size in (200, 999, 5_000):
        pieces = list(claims_csv.read_chunks(io.BytesIO(data), piece_bytes=size))
        assert pl.concat([piece.claims for piece in pieces]).equals(whole.claims)
        assert sorted(pl.concat([piece.rejects for piece in pieces])["row_no"]) == sorted(
            whole.rejects["row_no"]
        )
    assert whole.claims.height == 40


def test_a_hundred_thousand_rows_are_read_quickly() -> None:
    lines = [
        f"R-{n};K-{n // 2};Müller {n};{10_115 + n % 80_000};DE;j{n}@example.org;;{n % 900 + 1}.{n % 1000:03},"
        f"{n % 100:02};EUR;{n % 28 + 1:02}.{n % 12 + 1:02}.2025;{n % 28 + 1:02}.{n % 12 + 1:02}.2026"
        for n in range(100_000)
    ]
    data = "\n".join((HEADER, *lines)).encode()
    began = time.process_time()
    result = claims_csv.read(data)
    assert result.claims.height == 100_000
    assert time.process_time() - began < 6  # measured: 0.6 s; the limit only catches a loop over rows


@pytest.mark.shared
def test_the_shipped_mapping_reads_the_ibm_sample() -> None:
    if not IBM.exists():
        pytest.skip(f"sample data not found at {IBM}")
    result = claims_csv.read(IBM.read_bytes())
    assert (result.claims.height, result.rejects.height) == (2_466, 0)
    own = pl.read_csv(IBM, infer_schema=False)
    cents = own["InvoiceAmount"].str.replace(".", "", literal=True)
    decimals = own["InvoiceAmount"].str.extract(r"\.(\d+)$").fill_null("").str.len_bytes()
    expected = [int(text) * 10 ** (2 - places) for text, places in zip(cents, decimals, strict=True)]
    assert result.claims["amount_cents"].to_list() == expected
    settled = own["SettledDate"].str.to_date("%m/%d/%Y")
    assert result.claims["paid_on"].equals(settled.alias("paid_on"))
    assert any("561 invoices are marked as disputed" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("given", "read_as"),
    [
        ("Müller\u202egpj.exe", "Müllergpj.exe"),
        ("\u2066Mül\u200bler\u2069", "Müller"),
        ("Mül\x9b31mler\x1b[2J", "Mül 31mler [2J"),
        ("\ufeffMüller\u200f\x85", "Müller"),
        ("Müller\U000e0041\u00a0", "Müller"),
        ("نامه\u200cای", "نامه\u200cای"),
        ("ක්\u200dෂ", "ක්\u200dෂ"),
    ],
)
def test_nothing_unseen_hides_in_a_name(given: str, read_as: str) -> None:
    claims = read(HEADER, changed("Nachname", given)).claims
    assert claims["last_name"].to_list() == [read_as]
