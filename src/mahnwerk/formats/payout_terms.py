"""Terms of payout as a file: fees, reserve, minimum, and the accounts the money moves between."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import polars as pl

from mahnwerk.formats import checks
from mahnwerk.formats.rejects import FormatError
from mahnwerk.law import strict_yaml

_PERCENT: Final = re.compile(r"\d{1,3}([.,]\d{1,4})?")
_KEYS: Final[Mapping[str, str]] = {
    "creditor": "text",
    "valid_from": "date",
    "fees.principal_percent": "percent",
    "fees.interest_percent": "percent",
    "fees.costs_percent": "percent",
    "fees.per_payment_cents": "cents",
    "fees.per_payout_cents": "cents",
    "fees.vat": "flag",
    "reserve.percent": "percent",
    "reserve.days": "days",
    "minimum_payout_cents": "cents",
    "pay_to.name": "text",
    "pay_to.iban": "iban",
    "pay_from.name": "text",
    "pay_from.iban": "iban",
}
_NEEDED: Final = ("creditor", "valid_from")
_CENTS_MAX: Final = 10**7
_DAYS_MAX: Final = 400


@dataclass(frozen=True)
class TermsFile:
    """Terms, read and checked; shares in parts per million, missing accounts as ""."""

    creditor: str
    valid_from: date
    principal_ppm: int
    interest_ppm: int
    costs_ppm: int
    per_payment_cents: int
    per_payout_cents: int
    has_vat: bool
    reserve_ppm: int
    reserve_days: int
    minimum_cents: int
    pay_to_name: str
    pay_to_iban: str
    pay_from_name: str
    pay_from_iban: str


def parse_terms(text: str, where: str) -> TermsFile:
    """Read a terms file.

    Raises
    ------
    FormatError : broken YAML, unknown or missing keys, values out of bounds; all problems at once.
    """
    try:
        data: Any = strict_yaml.load(text, where)
    except strict_yaml.StrictYamlError as error:
        raise FormatError(str(error)) from error
    if not isinstance(data, dict):
        raise FormatError(f"{where}: must be a mapping")
    flat: dict[str, Any] = {}
    for name, value in data.items():
        nested = (
            {f"{name}.{inner}": content for inner, content in value.items()}
            if isinstance(value, dict)
            else {}
        )
        flat.update(nested or {str(name): value})
    problems = [f"{name}: unknown key." for name in sorted(flat.keys() - _KEYS.keys())]
    problems += [f"{name}: missing." for name in _NEEDED if not flat.get(name)]
    values: dict[str, Any] = {}
    for name, kind in _KEYS.items():
        try:
            values[name] = _value(kind, flat.get(name))
        except ValueError as error:
            problems.append(f"{name}: {error}.")
    if problems:
        raise FormatError(f"{where}:\n" + "\n".join(f"- {problem}" for problem in problems))
    return TermsFile(
        creditor=values["creditor"],
        valid_from=values["valid_from"],
        principal_ppm=values["fees.principal_percent"],
        interest_ppm=values["fees.interest_percent"],
        costs_ppm=values["fees.costs_percent"],
        per_payment_cents=values["fees.per_payment_cents"],
        per_payout_cents=values["fees.per_payout_cents"],
        has_vat=values["fees.vat"],
        reserve_ppm=values["reserve.percent"],
        reserve_days=values["reserve.days"],
        minimum_cents=max(1, values["minimum_payout_cents"]),
        pay_to_name=values["pay_to.name"],
        pay_to_iban=values["pay_to.iban"],
        pay_from_name=values["pay_from.name"],
        pay_from_iban=values["pay_from.iban"],
    )


def _value(kind: str, value: Any) -> Any:
    """The value of a key in its kind; None gives the kind's nothing."""
    if kind == "flag":
        if value is not None and not isinstance(value, bool):
            raise ValueError("must be true or false")
        return True if value is None else value
    if kind == "date":
        if value is not None and not isinstance(value, date):
            raise ValueError("must be a day such as 2026-01-15")
        return value
    if kind == "percent":
        return _ppm(value)
    if kind in ("cents", "days"):
        highest = _CENTS_MAX if kind == "cents" else _DAYS_MAX
        if value is None:
            return 0
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= highest:
            raise ValueError(f"must be a whole number of 0 to {highest}")
        return value
    text = "" if value is None else str(value).strip()
    if kind == "iban" and text:
        return _iban(text)
    return text


def _ppm(value: Any) -> int:
    if value is None:
        return 0
    text = str(value).strip()
    if not isinstance(value, str) or not _PERCENT.fullmatch(text):
        raise ValueError('must be a percentage in quotes, such as "4.5"')
    ppm = int(Decimal(text.replace(",", ".")) * 10_000)
    if ppm > 1_000_000:
        raise ValueError("must be at most 100 per cent")
    return ppm


def _iban(text: str) -> str:
    compact = checks.compact_iban(pl.Series([text]))
    reason = checks.iban_reasons(compact)[0]
    if reason:
        raise ValueError(f"„{text}“ {reason}")
    return str(compact[0])
