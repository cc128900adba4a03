"""Facts from CSV: kinds in two languages, what each kind needs, and each event once."""

from __future__ import annotations

import io
from datetime import date

import polars as pl
import pytest

from mahnwerk.formats import facts_csv
from mahnwerk.formats.columns import FACT_KINDS
from mahnwerk.formats.rejects import Imported, rejects_csv
from mahnwerk.frames import IMPORTED_FACTS, FactKind, check_frame

HEADER = "Kundennummer;Rechnungsnummer;Ereignis;Datum;Betrag;Bis;Grund;Referenz;Hebt auf"


def read(*lines: str) -> Imported:
    return facts_csv.read("\n".join((HEADER, *lines)).encode())


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("Zahlung", FactKind.PAYMENT_RECEIVED),
        ("payment", FactKind.PAYMENT_RECEIVED),
        ("PAYMENT_RECEIVED", FactKind.PAYMENT_RECEIVED),
        ("Gutschrift", FactKind.CREDIT_NOTE),
        ("goods_returned", FactKind.GOODS_RETURNED),
        ("Mahnsperre", FactKind.HOLD_SET),
        ("Stundung", FactKind.DEFERRAL_GRANTED),
        ("dispute", FactKind.DISPUTE_RAISED),
        ("verstorben", FactKind.DEBTOR_DECEASED),
        ("Insolvenz", FactKind.INSOLVENCY_OPENED),
        ("unbekannt verzogen", FactKind.ADDRESS_UNKNOWN),
        ("Härtefall", FactKind.HARDSHIP_REPORTED),
    ],
)
def test_kinds_are_known_in_german_and_english(word: str, kind: FactKind) -> None:
    result = read(f"K-1;R-1;{word};10.03.2026;50,00;31.03.2026;;B-1;")
    fact = check_frame(result.facts, IMPORTED_FACTS, "facts").row(0, named=True)
    assert (fact["kind"], fact["effective_on"], fact["amount_cents"]) == (kind, date(2026, 3, 10), 5_000)
    assert (fact["reference"], fact["until_on"], fact["currency"]) == ("B-1", date(2026, 3, 31), "EUR")


def test_no_word_means_two_kinds() -> None:
    assert all(isinstance(value, int) for value in FACT_KINDS.values())
    assert {FactKind(value).name.lower().replace("_", "") for value in FACT_KINDS.values()} <= set(FACT_KINDS)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (";;Zahlung;10.03.2026;50,00;;;B;", "missing", "neither a customer nor an invoice"),
        ("K-1;;Zahlungg;10.03.2026;50,00;;;B;", "word", "did you mean „Zahlung“"),
        ("K-1;;;10.03.2026;50,00;;;B;", "missing", "empty"),
        ("K-1;;Zahlung;;50,00;;;B;", "missing", "empty"),
        ("K-1;;Zahlung;10.03.2026;;;;B;", "missing", "needs an amount"),
        ("K-1;;Zahlung;10.03.2026;-50,00;;;B;", "amount", "not above 0"),
        ("K-1;;Zahlung;10.03.2026;0,00;;;B;", "amount", "not above 0"),
        ("K-1;;Gutschrift;10.03.2026;50,00;;;B;", "missing", "one invoice"),
        ("K-1;;Rücklastschrift;10.03.2026;;;;B;", "missing", "names neither the reference"),
        ("K-1;;Kosten;10.03.2026;3,00;;;B;", "missing", "without the rule"),
        ("K-1;;Mahnsperre;10.03.2026;;09.03.2026;;B;", "order", "before the event"),
    ],
)
def test_each_mistake_is_one_reject(line: str, code: str, said: str) -> None:
    result = read(line)
    assert result.facts.height == 0
    assert result.rejects["code"].to_list() == [code]
    assert said in result.rejects["reason"][0]
    fixed = facts_csv.read(rejects_csv(result))
    assert fixed.rejects["reason"].to_list() == result.rejects["reason"].to_list()


def test_a_return_names_the_payment_it_takes_back() -> None:
    fact = read("K-1;R-1;Rücklastschrift;12.03.2026;;;;B-2;B-1").facts.row(0, named=True)
    assert (fact["kind"], fact["voids_reference"]) == (FactKind.PAYMENT_RETURNED, "B-1")


def test_the_same_reference_counts_once_and_may_not_change() -> None:
    line = "K-1;R-1;Zahlung;10.03.2026;50,00;;;B-1;"
    result = read(line, line, line.replace("50,00", "60,00"))
    assert result.facts.height == 1
    assert result.rejects["code"].to_list() == ["conflict"]
    assert "amount_cents 6000 instead of 5000" in result.rejects["reason"][0]


def test_equal_events_without_reference_stay_two_and_keep_their_names() -> None:
    named, bare = "K-1;R-1;Zahlung;10.03.2026;50,00;;;B-1;", "K-1;R-1;Zahlung;10.03.2026;50,00;;;;"
    first = read(named, bare, bare).facts["reference"].to_list()
    assert len(set(first)) == 3
    assert read(bare, bare).facts["reference"].to_list() == first[1:]
    data = "\n".join((HEADER, named, *[bare] * 30)).encode()
    whole = facts_csv.read(data).facts
    pieces = [piece.facts for piece in facts_csv.read_chunks(io.BytesIO(data), piece_bytes=150)]
    assert pl.concat(pieces).equals(whole)
    assert whole["reference"].n_unique() == 31
