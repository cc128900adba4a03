"""From the parts of a name to the lines of an address window and a greeting (DIN 5008)."""

from __future__ import annotations

from typing import Final

from mahnwerk.letters.formatting import clean, country_line
from mahnwerk.letters.model import Recipient, Sender

_CITY_FIRST: Final = ("GB", "US", "CA", "AU", "IE", "NZ", "IN")
_IN_ADDRESS: Final = {
    "herr": "Herrn",
    "frau": "Frau",
    "familie": "Familie",
    "mr": "Mr",
    "ms": "Ms",
    "mrs": "Mrs",
}
_SPOKEN: Final = {
    "de": {"herr": "Herr", "mr": "Herr", "frau": "Frau", "ms": "Frau", "mrs": "Frau", "familie": "Familie"},
    "en": {"herr": "Mr", "mr": "Mr", "frau": "Ms", "ms": "Ms", "mrs": "Mrs", "familie": "family"},
}


def _joined(*parts: str) -> str:
    return " ".join(part for part in map(clean, parts) if part)


def person_name(recipient: Recipient, *, with_salutation: bool = False) -> str:
    """`Frau Dr. Anna Müller`, or without the first word; "" where no person is named."""
    name = _joined(recipient.first_name, recipient.last_name)
    if not name:
        return ""
    spoken = _IN_ADDRESS.get(recipient.salutation.strip().rstrip(".").lower(), "") if with_salutation else ""
    return _joined(spoken, recipient.title, name)


def recipient_name(recipient: Recipient) -> str:
    """The name a letter is for: the company, else the person."""
    return clean(recipient.company) or person_name(recipient)


def address_lines(recipient: Recipient, sender: Sender, language: str) -> tuple[str, ...]:
    """The lines of the address window, from name to country; a country only where it is not the sender's."""
    country = recipient.country.strip().upper() or "DE"
    if country in _CITY_FIRST:
        place = (_joined(recipient.city, recipient.postcode),)
    else:
        place = (_joined(recipient.postcode, recipient.city),)
    abroad = country_line(country, language) if country != (sender.country.upper() or "DE") else ""
    lines = (
        clean(recipient.company),
        person_name(recipient, with_salutation=True),
        clean(recipient.address_extra),
        clean(recipient.street),
        *place,
        abroad,
    )
    return tuple(line for line in lines if line)


def greeting(recipient: Recipient, language: str) -> str:
    """`Guten Tag Frau Dr. Müller,`: by name where known, never a guess at the person's sex.

    Only the highest academic title is spoken, and only Prof. and Dr. are (DIN 5008).
    """
    hello = "Guten Tag" if language == "de" else "Dear"
    last = clean(recipient.last_name)
    if not last:
        return "Guten Tag," if language == "de" else "Hello,"
    words = recipient.title.replace(".", ". ").split()
    title = next((title for title in ("Prof.", "Dr.") if title in words), "")
    spoken = _SPOKEN[language].get(recipient.salutation.strip().rstrip(".").lower(), "")
    if language == "en":
        title = title.replace("Prof.", "Professor").replace("Dr.", "Dr")
        if spoken == "family":
            return f"Dear {last} family,"
        spoken = "" if title else spoken
    if spoken or (title and language == "en"):
        return f"{_joined(hello, spoken, title, last)},"
    return f"{_joined(hello, title, recipient.first_name, last)},"
