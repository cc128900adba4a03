"""Figures and days as readers expect them; steering characters made visible."""

from __future__ import annotations

from datetime import date

import pytest
from babel.dates import format_date
from babel.numbers import format_currency
from hypothesis import given, settings
from hypothesis import strategies as st

from mahnwerk.letters.formatting import clean, country_line, day_long, day_short, money, percent, statute
from mahnwerk.letters.model import LetterError


@pytest.mark.parametrize(
    ("cents", "currency", "language", "expected"),
    [
        (123_456, "EUR", "de", "1.234,56 €"),
        (123_456_780, "EUR", "de", "1.234.567,80 €"),
        (-50_000, "EUR", "de", "−500,00 €"),
        (5, "EUR", "de", "0,05 €"),
        (123_456, "EUR", "en", "€1,234.56"),
        (123_456, "CHF", "de", "CHF 1’234.56"),
    ],
)
def test_money(cents: int, currency: str, language: str, expected: str) -> None:
    assert money(cents, currency, language).replace("\u00a0", " ") == expected


@given(st.integers(0, 10**13))
@settings(max_examples=50, deadline=None)
def test_money_agrees_with_a_kept_library(cents: int) -> None:
    expected = format_currency(cents / 100 if cents < 10**12 else cents // 100, "EUR", locale="de_DE")
    if cents < 10**12:
        assert money(cents, "EUR", "de") == expected
    assert money(cents, "EUR", "en") == format_currency(
        f"{cents // 100}.{cents % 100:02d}", "EUR", locale="en_GB"
    )


def test_other_currencies_are_refused() -> None:
    with pytest.raises(LetterError, match="USD"):
        money(1, "USD", "de")


@pytest.mark.parametrize(
    ("ppm", "expected"), [(65_200, "6,52 %"), (113_700, "11,37 %"), (-8_800, "−0,88 %"), (5_125, "0,5125 %")]
)
def test_percent(ppm: int, expected: str) -> None:
    assert percent(ppm, "de").replace("\u00a0", " ") == expected


@given(st.dates(date(1990, 1, 1), date(2060, 12, 31)))
@settings(max_examples=50, deadline=None)
def test_days_agree_with_a_kept_library(day: date) -> None:
    assert day_long(day, "de").replace("\u00a0", " ") == format_date(day, "d. MMMM yyyy", locale="de")
    assert day_long(day, "en").replace("\u00a0", " ") == format_date(day, "d MMMM yyyy", locale="en")
    assert day_short(day, "de") == format_date(day, "dd.MM.yyyy", locale="de")


@pytest.mark.parametrize(
    ("german", "english"),
    [
        ("§ 288 Abs. 1 Satz 2 BGB, § 247 BGB", "§ 288 (1) sentence 2 BGB, § 247 BGB"),
        ("§§ 280 Abs. 1, 2, 286 BGB", "§§ 280 (1) (2), 286 BGB"),
        ("§ 286 Abs. 2 Nr. 1 BGB", "§ 286 (2) no. 1 BGB"),
        ("§§ 366, 367 BGB", "§§ 366, 367 BGB"),
        ("Nr. 1000 Nr. 2 VV RVG, § 31b RVG", "no. 1000 no. 2 VV RVG, § 31b RVG"),
    ],
)
def test_citations_in_each_language(german: str, english: str) -> None:
    assert statute(german, "de").replace("\u00a0", " ") == german
    assert statute(german, "en").replace("\u00a0", " ") == english
    assert "§ " not in statute(german, "de")


def test_country_in_capitals() -> None:
    assert country_line("FR", "de") == "FRANKREICH"
    assert country_line("FR", "en") == "FRANCE"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("  Müller  ", "Müller"),
        ("Mu\u0308ller", "Müller"),
        ("a\r\nBcc: b", "a Bcc: b"),
        ("\u202egnp.exe", "[U+202E]gnp.exe"),
        ("a\x00b", "a[U+0000]b"),
        ("a\u200bb", "a[U+200B]b"),
        ("a\ud800b", "a[U+D800]b"),
        ("Zah\u00adlung", "Zahlung"),
    ],
)
def test_steering_characters_become_visible(raw: str, shown: str) -> None:
    assert clean(raw) == shown


@given(st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_cleaning_twice_changes_nothing_and_leaves_one_line(raw: str) -> None:
    once = clean(raw)
    assert clean(once) == once
    assert len(once.splitlines()) <= 1
    assert once.encode().decode() == once
