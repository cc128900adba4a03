"""What a person consists of, wherever one is read, kept or written to."""

from __future__ import annotations

from typing import Final

PERSON: Final = (
    "customer_number",
    "company",
    "salutation",
    "title",
    "first_name",
    "last_name",
    "address_extra",
    "street",  # with house number
    "postcode",
    "city",
    "country",  # ISO 3166-1 alpha-2
    "email",
    "phone",
    "iban",
    "language",  # de, en or "" = not said
)
"""Fields of a person, in files, in the encrypted payload and in letters. Missing is ""."""
