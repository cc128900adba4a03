"""Names of payers and debtors, compared despite legal forms, umlauts, word order and initials."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from rapidfuzz import fuzz

_FORM_NAMES = """
    gmbh co kg ag ug ohg gbr ev eg ek ltd limited inc llc corp corporation company sa sarl srl spa bv nv
    plc pty pvt lda haftungsbeschraenkt mbh und and the et y e partg herr frau dr prof
"""
_FORMS = frozenset(_FORM_NAMES.split())
SPELLING: Final = 60
"""Words less alike than this, in percent, are different words."""
_WORD = re.compile(r"[^\W_]+")
_UMLAUTS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa", "ı": "i"}
)


@lru_cache(maxsize=200_000)
def words(name: str) -> tuple[str, ...]:
    """Lower-case words without accents and legal forms; umlauts as two letters."""
    plain = name.lower()
    if not plain.isascii():
        spelled = unicodedata.normalize("NFKD", plain.translate(_UMLAUTS))
        plain = "".join(c for c in spelled if not unicodedata.combining(c))
    found = _WORD.findall(plain)
    return tuple(word for word in found if word not in _FORMS) or tuple(found)


@lru_cache(maxsize=500_000)
def similarity(payer: str, debtor: str) -> float:
    """How alike two names are, 0…1. Initials of a company ("ZC" for Zhang & Co.) count as a hint only."""
    left, right = words(payer), words(debtor)
    if not left or not right:
        return 0.0
    alike = fuzz.token_set_ratio(" ".join(left), " ".join(right)) / 100
    # One shared everyday word ("Müller") out of several is not the same person.
    shared = len(set(left) & set(right)) / max(1, min(len(left), len(right)))
    ordered = fuzz.token_sort_ratio(" ".join(left), " ".join(right)) / 100
    score = max(ordered, min(alike, 0.6 + 0.4 * shared) if shared else min(alike, 0.8))
    if _differ(left, right):
        score = min(score, 0.8)
    return max(score, 0.7 if _is_initials(left, debtor) else 0.0)


def _differ(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Each name has a word of its own that is no spelling of the other's: Eva and Udo of one long surname."""
    mine = " ".join(word for word in left if word not in right)
    theirs = " ".join(word for word in right if word not in left)
    return bool(mine and theirs) and fuzz.token_sort_ratio(mine, theirs) < SPELLING


def _is_initials(payer: tuple[str, ...], debtor: str) -> bool:
    letters = "".join(word[0] for word in _WORD.findall(debtor.lower()))
    head = payer[0].rstrip("0123456789")
    return len(head) >= 2 and letters.startswith(head[:2]) and set(head) <= set(letters)
