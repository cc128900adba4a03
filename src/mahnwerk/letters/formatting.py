"""Amounts, rates, days and untrusted text, as a reader of the language expects them.

Written by hand because a letter holds some hundred figures and a general library costs forty
microseconds for each.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from functools import lru_cache
from typing import Final

from mahnwerk.letters.model import LetterError

_GERMAN = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
_ENGLISH = "January February March April May June July August September October November December"
_MONTHS: Final = {
    "de": _GERMAN.split(),
    "en": _ENGLISH.split(),
}
_SIGNS: Final = {"EUR": "€", "CHF": "CHF"}
_NARROW: Final = "\u00a0"
"""No-break space between figure and unit, so that no line ends between them."""


def money(cents: int, currency: str, language: str) -> str:
    """`1.234,56 €` in German, `€1,234.56` in English, `CHF 1’234.56`; minus is a true minus sign."""
    if currency not in _SIGNS:
        raise LetterError(f"currency {currency!r}: letters can print {', '.join(_SIGNS)}")
    sign = "−" if cents < 0 else ""
    whole, rest = divmod(abs(cents), 100)
    grouped = f"{whole:,}"
    if currency == "CHF":
        return f"{sign}CHF{_NARROW}{grouped.replace(',', '’')}.{rest:02d}"
    if language == "de":
        return f"{sign}{grouped.replace(',', '.')},{rest:02d}{_NARROW}€"
    return f"{sign}€{grouped}.{rest:02d}"


def percent(rate_ppm: int, language: str) -> str:
    """A rate with two to four decimals: 113700 ppm is `11,37 %`; English `11.37%`."""
    sign = "−" if rate_ppm < 0 else ""
    whole, rest = divmod(abs(rate_ppm), 10_000)
    decimals = f"{rest:04d}".rstrip("0").ljust(2, "0")
    if language == "de":
        return f"{sign}{whole},{decimals}{_NARROW}%"
    return f"{sign}{whole}.{decimals}%"


def day_long(day: date, language: str) -> str:
    """For prose: `12. Dezember 2026`, `12 December 2026`."""
    month = _MONTHS[language][day.month - 1]
    dot = "." if language == "de" else ""
    return f"{day.day}{dot}{_NARROW}{month}{_NARROW}{day.year}"


def day_short(day: date, language: str) -> str:
    """For tables: `12.12.2026`, `12 Dec 2026`."""
    if language == "de":
        return f"{day.day:02d}.{day.month:02d}.{day.year}"
    return f"{day.day}{_NARROW}{_MONTHS['en'][day.month - 1][:3]}{_NARROW}{day.year}"


_STATUTE_WORDS: Final = ((" Satz ", " sentence "), ("Nr. ", "no. "), (" und ", " and "))


def statute(text: str, language: str) -> str:
    """A citation as the language writes it: `§ 288 (1) sentence 2 BGB`; the sign stays with its number."""
    text = text.replace("§ ", f"§{_NARROW}")
    if language == "de":
        return text
    text = re.sub(r" Abs\. (\d+)(?:, (\d+)(?=,))?", _subsections, text)
    for german, english in _STATUTE_WORDS:
        text = text.replace(german, english)
    return text


def _subsections(found: re.Match[str]) -> str:
    return "".join(f" ({part})" for part in found.groups() if part)


def number(count: int, language: str) -> str:
    """A whole number with the language's grouping."""
    return f"{count:,}".replace(",", ".") if language == "de" else f"{count:,}"


@lru_cache(maxsize=512)
def country_line(country: str, language: str) -> str:
    """The country's name in capitals, as the last line of a foreign address."""
    from babel import Locale  # imported late: most letters stay in the country

    name = Locale(language).territories.get(country.upper(), country)
    return str(name).upper()


def clean(text: str) -> str:
    """Make untrusted text safe to set in a line without changing what people can read.

    Composed characters (NFC), line breaks and tabs as one space, no space at the ends. Characters that
    steer instead of being read (control, direction, zero width, half surrogates) become visible as
    `[U+202E]`, so nobody can hide or turn text around.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if not text.isprintable():
        text = "".join(_visible(sign) for sign in text)
    return " ".join(text.split())


def _visible(sign: str) -> str:
    if sign in "\n\r\t\v\f\x85\u2028\u2029":
        return " "
    if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Cn") and sign != "\u00ad":
        return f"[U+{ord(sign):04X}]"
    return "" if sign == "\u00ad" else sign
