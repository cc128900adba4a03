"""SEPA creditor identifiers: who may collect, across all business codes of one creditor."""

from __future__ import annotations

import re
from typing import Final

_SHAPE: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{3}[A-Z0-9]{1,28}")
_NATIONAL: Final = {"DE": r"[0-9]{11}", "AT": r"[0-9]{11}"}
_CODE: Final = slice(4, 7)
"""The business code, which the creditor chooses freely and changes at will; ZZZ where it has none."""


def compact(text: str) -> str:
    """Without spaces, in capitals."""
    return re.sub(r"\s", "", text).upper()


def wrong(identifier: str) -> str:
    """Why a text is no creditor identifier; "" where it is one.

    Parameters
    ----------
    identifier : as from `compact`

    Sources
    -------
    EPC262-08: country, two check digits, three signs of business code, national part. The check digits are
    ISO 7064 mod 97-10 over national part and country, without the business code. The Bundesbank and the
    OeNB give eleven digits as national part.

    >>> wrong("DE98ZZZ09999999999"), wrong("DE98ABC09999999999")
    ('', '')
    >>> wrong("DE89ZZZ09999999999")
    'has wrong check digits'
    """
    if not _SHAPE.fullmatch(identifier):
        return "is not of the form of a creditor identifier"
    national = identifier[_CODE.stop :]
    if not re.fullmatch(_NATIONAL.get(identifier[:2], r".*"), national):
        return f"is not of the form of {identifier[:2]}: eleven digits after the business code"
    if int("".join(str(int(sign, 36)) for sign in national + identifier[:4])) % 97 != 1:
        return "has wrong check digits"
    return ""


def party(identifier: str) -> str:
    """Whose identifier it is: the same for every business code.

    >>> party("DE98ABC09999999999") == party("DE98ZZZ09999999999")
    True
    """
    return identifier[: _CODE.start] + identifier[_CODE.stop :]
