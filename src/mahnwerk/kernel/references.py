"""References as payers write them: found in free text, also when damaged.

A reference is compared by its letters and digits alone. Damage seen in practice is one slip: a digit
missing, doubled, changed or swapped with its neighbour, a blank inside, two numbers glued together, the
letters before the number lost. So text and references meet at the strings that one deletion makes of
each (every slip of one sign meets there), and whoever meets is compared sign by sign.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

import polars as pl
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

SIGNIFICANT_MIN = 5
"""Shorter numbers are house numbers, years, list marks; they identify nothing."""
CUT_MIN = 8
"""Shorter references are not looked for inside longer runs of digits: every number would hold one."""
GLUED_MIN = 16
TOKENS_MAX = 60
"""A payer's text has at most 140 signs by SEPA; more tokens than this are noise."""

_WORD = re.compile(r"[A-Z0-9]+")
_RUN = re.compile(r"[A-Za-z0-9]+")
_GAP = re.compile(r"[\W_]*")
_DIGIT_APART = re.compile(r"\d\W")
_NUMBER_NEXT = re.compile(r"\W+\d")
_DAY = re.compile(r"\b[0-3]?\d\.[01]?\d\.(?:20)?\d\d\b")
_NUMBER = re.compile(r"[0-9]+")
_DIGIT = re.compile(r"[0-9]")


def compact(text: str) -> str:
    """Upper case, letters and digits only."""
    return "".join(_WORD.findall(text.upper()))


def significant(reference: str) -> str:
    """The part that tells references apart: letters and leading zeros of the number dropped."""
    return "".join(_NUMBER.findall(reference)).lstrip("0")


def forms(reference: str) -> list[str]:
    """The spellings under which an own reference is looked for: as it is, and its digits alone."""
    whole = compact(reference)
    digits = "".join(_NUMBER.findall(whole))
    return [
        form for form in dict.fromkeys((whole, digits)) if len(form) >= SIGNIFICANT_MIN and significant(form)
    ]


def shape(reference: str) -> str:
    """The numbering scheme a reference belongs to: compact, each digit a 9."""
    return _DIGIT.sub("9", compact(reference))


def number_of(reference: str) -> int:
    """All its digits as one number (the last 18)."""
    return int("".join(_NUMBER.findall(reference))[-18:] or 0)


def without(text: str, own: Iterable[str]) -> str:
    """A text without these spellings where they stand apart from other numbers, which nothing then joins."""
    wanted = frozenset(own)
    longest = max(map(len, wanted), default=0)
    runs = list(_RUN.finditer(text))
    kept, place, at = [], 0, 0
    while at < len(runs):
        found = _spelled(text, runs, at, wanted, longest)
        if found is None:
            at += 1
            continue
        kept.append(text[place : runs[at].start()])
        place, at = runs[found].end(), found + 1
    return " ".join([*kept, text[place:]])


def _spelled(
    text: str, runs: Sequence[re.Match[str]], first: int, wanted: Collection[str], longest: int
) -> int | None:
    """The last of the runs that, from `first` on, spell the longest wanted form; None = they spell none."""
    before = text[max(0, runs[first].start() - 2) : runs[first].start()]
    if _DIGIT_APART.fullmatch(before):
        return None
    found, spelled = None, ""
    for last in range(first, len(runs)):
        if last > first and not _GAP.fullmatch(text, runs[last - 1].end(), runs[last].start()):
            break
        spelled += runs[last][0].upper()
        if len(spelled) > longest:
            break
        if spelled in wanted and not _NUMBER_NEXT.match(text, runs[last].end()):
            found = last
    return found


def tokens(text: str, lengths: frozenset[int] = frozenset()) -> list[str]:
    """Strings in a remittance text that may be references: words, their digits, and joined neighbours.

    Neighbours are joined two and three at a time, which heals a blank typed into a number. A run of
    digits long enough for two references is also cut at every place into `lengths` (those of the own
    references, one more and one less), which parts numbers glued together.
    """
    # A day is no reference, though its digits may be somebody's number.
    words = _WORD.findall(_DAY.sub(" ", text.upper()))[:TOKENS_MAX]
    found: dict[str, None] = {}
    pieces: list[str] = []
    for word in words:
        found[word] = None
        numbers = _NUMBER.findall(word)
        found["".join(numbers)] = None
        pieces += numbers
    for width in (1, 2, 3):
        for start in range(len(pieces) - width + 1):
            found["".join(pieces[start : start + width])] = None
    for width in (2, 3, 4):
        for start in range(len(words) - width + 1):
            found["".join(words[start : start + width])] = None
    found.update(dict.fromkeys(_cuts("".join(pieces) if _is_glued(pieces) else "", lengths)))
    return [token for token in found if SIGNIFICANT_MIN <= len(token) <= 35 and not token.isalpha()]


def _is_glued(pieces: list[str]) -> bool:
    return any(len(piece) >= GLUED_MIN for piece in pieces)


def _cuts(digits: str, lengths: frozenset[int]) -> Iterator[str]:
    wanted = {length + more for length in lengths if length >= CUT_MIN for more in (-1, 0, 1)}
    for length in sorted(wanted):
        for start in range(len(digits) - length + 1):
            yield digits[start : start + length]


def slips(column: str, longest: int) -> list[pl.Expr]:
    """Expressions for every string that deleting one sign makes of a column; null where too short."""
    text = pl.col(column)
    length = text.str.len_chars()
    return [
        pl.when(length > position)
        .then(text.str.slice(0, position) + text.str.slice(position + 1))
        .alias(f"slip_{position}")
        for position in range(longest)
    ]


def with_slips(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """Each row once per spelling one deletion away from its token, and once as it is.

    Returns
    -------
    the frame's columns plus `key` UInt64 (hash of the spelling). Linear in rows × length.
    """
    if frame.is_empty():
        return frame.with_columns(key=pl.lit(0, pl.UInt64))
    raw = frame.get_column(column).str.len_chars().max()
    longest = raw if isinstance(raw, int) else 0
    return (
        frame.with_columns(
            pl.concat_list([pl.col(column), *slips(column, longest)]).list.drop_nulls().alias("_spelling")
        )
        .explode("_spelling")
        .with_columns(key=pl.col("_spelling").hash())
        .drop("_spelling")
        .unique()
    )


def meeting(texts: pl.Series, column: str, keys: pl.Series) -> pl.DataFrame:
    """Those spellings of `texts` (as they are, and one deletion away) whose hash is among `keys`.

    Position by position, so that of a million texts only those that meet one are ever held.
    Returns `column`, key UInt64.
    """
    frame = texts.alias(column).to_frame()
    raw = texts.str.len_chars().max()
    longest = raw if isinstance(raw, int) else 0
    wanted = keys.implode()
    parts = []
    for spelling in [pl.col(column), *slips(column, longest)]:
        made = frame.select(pl.col(column), key=spelling.hash(), is_made=spelling.is_not_null())
        parts.append(made.filter(pl.col("is_made") & pl.col("key").is_in(wanted)).drop("is_made"))
    return pl.concat(parts).unique()


def distances(tokens: pl.Series, references: pl.Series) -> list[int]:
    """Slips between strings, pair by pair: deletions, insertions, changes, swaps of neighbours; 3 = far."""
    if tokens.is_empty():
        return []
    made = process.cpdist(tokens.to_list(), references.to_list(), scorer=OSA.distance, score_cutoff=2)
    return [int(distance) for distance in made]


def common_head(first: str, last: str) -> str:
    """What all strings between two begin with, in alphabetical order."""
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:length]


def likeness(text: str, references: Iterable[str], head: str = "") -> float:
    """How much of the best reference is found anywhere in the text, 0…1; for pairs only, not for search.

    `head` is what all references of the numbering scheme begin with: it must not make strangers alike.
    """
    whole = compact(_DAY.sub(" ", text.upper()))
    bare_head = "".join(_NUMBER.findall(head))
    best = 0.0
    for reference in references:
        for form in forms(reference):
            cut = head if head and form.startswith(head) else bare_head
            tail = form[len(cut) :] if cut and form.startswith(cut) else form
            tail = tail.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
            tail = re.sub(r"^(\d?)0{3,}", "", tail) or tail
            if len(tail) >= 3:
                best = max(best, fuzz.partial_ratio(tail, whole) / 100 * min(1.0, len(tail) / 6))
    return best
