"""MT940 as banks send it: German subfields, reversals, broken lines, impossible days."""

from __future__ import annotations

from pathlib import Path

import pytest

from mahnwerk.formats import mt940
from mahnwerk.formats.bank import BankFileError

COLLECTION = Path(__file__).parents[3] / "shared" / "data" / "1-bank-statements"

HEAD = ":20:STARTUMS\r\n:25:12030000/0000202051\r\n:28C:00003/001\r\n:60F:C260301EUR100,00\r\n"
TAIL = ":62F:C260302EUR{closing}\r\n-"


def file(body: str, closing: str) -> bytes:
    return (HEAD + body.replace("\n", "\r\n") + TAIL.format(closing=closing)).encode("cp1252")


def test_german_subfields() -> None:
    body = (
        ":61:2603020302CR50,00NTRFNONREF//B-1\n"
        ":86:166?00GUTSCHR. UEBERWEISUNG?109310?20EREF+E-77?21SVWZ+RE-26-0411 Rosenstr\n"
        "aße?22 vierzehn?30BYLADEM1001?31DE89370400440532013000?32Jürgen\n Groß\n"
    )
    (entry,) = mt940.read(file(body, "150,00")).accepted().statements[0].entries
    assert entry.amount_cents == 5000
    assert entry.end_to_end_id == "E-77"
    assert entry.remittance == "RE-26-0411 Rosenstraße vierzehn"
    assert entry.counterparty_iban == "DE89370400440532013000"
    assert entry.counterparty_name == "Jürgen Groß"
    assert entry.bank_reference == "B-1"


@pytest.mark.parametrize(
    ("mark", "closing", "cents", "kind"),
    [
        ("C", "110,00", 1000, "transfer_in"),
        ("D", "90,00", -1000, "transfer_out"),
        ("RC", "90,00", -1000, "reversal"),
        ("RD", "110,00", 1000, "reversal"),
        ("CR", "110,00", 1000, "transfer_in"),
        ("RCR", "90,00", -1000, "reversal"),
    ],
)
def test_marks(mark: str, closing: str, cents: int, kind: str) -> None:
    (entry,) = (
        mt940.read(file(f":61:260302{mark}10,00NMSCNONREF\n", closing)).accepted().statements[0].entries
    )
    assert (entry.amount_cents, entry.kind) == (cents, kind)


def test_a_returned_debit() -> None:
    body = ":61:2603020302DR13,00NRTIKREF+\n:86:109?20EREF+D-9?21SVWZ+RETURN AC04 KTO ERLOSCHEN\n"
    (entry,) = mt940.read(file(body, "87,00")).accepted().statements[0].entries
    assert (entry.kind, entry.return_reason) == ("return", "AC04")


def test_thirtieth_of_february_is_its_last_day_and_said() -> None:
    read = mt940.read(file(":61:2602300301DR6,00N024NONREF\n", "94,00")).accepted()
    assert read.statements[0].entries[0].value_on.isoformat() == "2026-02-28"
    assert any("does not exist" in warning for warning in read.warnings)


def test_booking_day_across_new_year() -> None:
    (entry,) = mt940.read(file(":61:2512310102C1,00NMSCNONREF\n", "101,00")).statements[0].entries
    assert entry.booked_on.isoformat() == "2026-01-02"


def test_twins_stay_two() -> None:
    body = ":61:260302C5,00NTRFNONREF\n:86:166?20SVWZ+RE-1\n" * 2
    assert len(mt940.read(file(body, "110,00")).accepted().statements[0].entries) == 2


def test_refused_when_it_does_not_add_up() -> None:
    with pytest.raises(BankFileError, match="difference"):
        mt940.read(file(":61:260302C5,00NTRFNONREF\n", "106,00")).accepted()


@pytest.mark.parametrize("line", ["261302C1,00NMSC", "260302X1,00NMSC", "260302CxxNMSC", "nonsense"])
def test_what_cannot_be_read_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(BankFileError, match="line 5"):
        mt940.read(file(f":61:{line}\n", "101,00"))


def test_swift_envelope() -> None:
    inner = file(":61:260302C5,00NTRFNONREF\n", "105,00").decode("cp1252").rstrip("-").rstrip()
    wrapped = "{1:F01AAAA}{2:I940BBBB}{4:\r\n" + inner + "\r\n-}{5:}"
    assert mt940.read(wrapped.encode()).accepted().statements[0].entries[0].amount_cents == 500


MOVED = ":61:2603020302C50,00NTRFNONREF\n:86:166?20RE-1?32Max Muster\n"


def test_a_file_cut_off_is_not_booked() -> None:
    told = mt940.read((HEAD + MOVED).encode())
    assert [entry.amount_cents for entry in told.statements[0].entries] == [5000]
    for piece in (HEAD + MOVED, HEAD[: HEAD.index(":60F")], HEAD[: HEAD.index(":28C")] + MOVED):
        with pytest.raises(BankFileError, match="only a piece"):
            mt940.read(piece.encode()).accepted()


def test_a_second_envelope_cut_off_is_not_left_out_in_silence() -> None:
    one = b"{1:F01X}{2:O940X}{4:\r\n" + file(MOVED, "150,00") + b"}"
    assert len(mt940.read(one + one).accepted().statements) == 2
    with pytest.raises(BankFileError, match="outside a complete SWIFT message"):
        mt940.read(one + one[:-20])


def test_balances_in_two_currencies_are_not_booked() -> None:
    with pytest.raises(BankFileError, match="balances in EUR and USD"):
        mt940.read(file(MOVED, "150,00").replace(b":62F:C260302EUR", b":62F:C260302USD")).accepted()


def test_hungarian_banks_book_decimals() -> None:
    """Nobody writes them, but ISO 4217 has them."""
    told = mt940.read(file(MOVED.replace("50,00", "50,25"), "150,25").replace(b"EUR", b"HUF")).accepted()
    assert told.statements[0].entries[0].amount_cents == 5025


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "cp850", "utf-16"])
def test_umlauts_in_any_encoding(encoding: str) -> None:
    text = file(MOVED.replace("Max Muster", "Jürgen Größlöw"), "150,00").decode("cp1252")
    assert mt940.read(text.encode(encoding)).statements[0].entries[0].counterparty_name == "Jürgen Größlöw"


def test_a_number_in_strange_digits_is_none() -> None:
    text = file(MOVED, "150,00").decode("cp1252").replace(":28C:00003", ":28C:²")
    assert mt940.read(text.encode()).accepted().statements[0].number is None


def test_dutch_codes() -> None:
    body = (
        ":61:260302C5,00NTRFNONREF\n"
        ":86:/TRTP/SEPA OVERBOEKING/IBAN/NL26VAYB8060476890/BIC/VAYBNL2A/NAME/J JANSEN/REMI/INV 7/EREF/E9\n"
    )
    (entry,) = mt940.read(file(body, "105,00")).statements[0].entries
    assert (entry.counterparty_iban, entry.counterparty_name) == ("NL26VAYB8060476890", "J JANSEN")
    assert (entry.remittance, entry.end_to_end_id) == ("INV 7", "E9")


@pytest.mark.shared
def test_the_collection_is_read_or_refused_for_a_reason() -> None:
    """169 files of seven collections: 164 read, of them most fragments (no account, no end) or edited."""
    if not COLLECTION.is_dir():
        pytest.skip("sample bank statements are not beside the project")
    outcome = {"read": 0, "problem": 0, "refused": 0}
    for path in sorted(COLLECTION.glob("mt940-*/**/*")):
        if not path.is_file() or path.suffix in {".json", ".yml", ".md"} or path.name == "_LICENSE":
            continue
        if path.name == "_LICENSE.txt":
            continue
        try:
            read = mt940.read(path.read_bytes(), source=path.name)
            outcome["problem" if read.problems else "read"] += 1
        except BankFileError:
            outcome["refused"] += 1
    assert sum(outcome.values()) == 169
    assert outcome["refused"] <= 5
    assert outcome["read"] >= 64
