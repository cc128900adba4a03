"""Text as SEPA allows it: letters, digits and a few signs; German umlauts written out, nothing dropped."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

ALLOWED: Final = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
_SPELLED: Final = str.maketrans(
    {
        "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "ẞ": "SS",
        "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "å": "aa", "Å": "Aa", "ł": "l", "Ł": "L",
        "đ": "d", "Đ": "D", "ı": "i", "œ": "oe", "Œ": "OE", "þ": "th", "ð": "d", "€": "EUR",
        "&": "+", "@": "(at)", "_": "-",
        "„": "'", "“": "'", "”": "'", "‘": "'", "’": "'", '"': "'", "–": "-", "—": "-", "…": "...",
    }
)  # fmt: skip


def sepa_text(text: str, length: int) -> str:
    """The text in SEPA's basic character set, at most `length` characters.

    Umlauts become two letters (Müller → Mueller), other accents are taken off, and what has no Latin
    twin becomes a dot, so that a reader sees something stood there.
    """
    spelled = unicodedata.normalize("NFC", text).translate(_SPELLED)
    plain = "".join(c for c in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(c))
    return " ".join(ALLOWED.sub(".", plain).split())[:length].strip()
