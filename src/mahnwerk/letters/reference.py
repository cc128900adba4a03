"""Creditor references that check themselves (ISO 11649, "RF")."""

from __future__ import annotations

from typing import Final

REFERENCE_MAX: Final = 21


def rf_reference(reference: str) -> str:
    """Make the RF creditor reference of a plain one.

    How: letters count A = 10 … Z = 35; check digits = 98 − (reference + "RF00") mod 97.

    Parameters
    ----------
    reference : 1..21 letters A–Z or digits; small letters, spaces and hyphens are allowed and dropped

    Returns
    -------
    `RF`, two check digits, the reference; without spaces, e.g. `RF462026000123`.

    Raises
    ------
    ValueError : empty, too long, or another character.

    Sources
    -------
    ISO 11649.
    """
    plain = "".join(sign for sign in reference.upper() if sign not in " -./")
    if not reference.isascii() or not plain.isalnum() or len(plain) > REFERENCE_MAX:
        raise ValueError(f"reference {reference!r}: needs 1 to {REFERENCE_MAX} letters A–Z or digits")
    return f"RF{98 - _mod97(plain + 'RF00'):02d}{plain}"


def is_rf_reference(text: str) -> bool:
    """Whether the text (spaces allowed) is an RF reference whose check digits are right."""
    plain = text.replace(" ", "").upper()
    if not (plain.startswith("RF") and plain[2:4].isdigit() and plain.isascii() and plain.isalnum()):
        return False
    return 4 < len(plain) <= REFERENCE_MAX + 4 and _mod97(plain[4:] + plain[:4]) == 1


def spaced(text: str) -> str:
    """The same in groups of four, as people read and type IBANs and RF references."""
    plain = text.replace(" ", "")
    return " ".join(plain[start : start + 4] for start in range(0, len(plain), 4))


def _mod97(text: str) -> int:
    return int("".join(str(int(sign, 36)) for sign in text)) % 97
