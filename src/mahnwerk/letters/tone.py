"""The rules of tone, dated data: which words are refused where, and which must be there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Any

from mahnwerk.law import strict_yaml
from mahnwerk.letters.model import GROUNDS, TEMPLATES, LetterError


@dataclass(frozen=True, slots=True)
class Forbidden:
    """Words refused in a letter; the pattern is for text in small letters.

    unless: a ground that allows them. templates: where they may not stand.
    """

    rule: str
    pattern: re.Pattern[str]
    unless: str
    templates: frozenset[str]
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Required:
    """Words of which one must be there."""

    pattern: re.Pattern[str]
    reason: str


@dataclass(frozen=True, slots=True)
class Tone:
    """All rules in force from a day on."""

    valid_from: date
    forbidden: tuple[Forbidden, ...]
    required: Mapping[str, Required]
    capitals_allowed: frozenset[str]


def _pattern(words: list[str]) -> re.Pattern[str]:
    """A pattern for text in small letters; searching any case would take twice as long."""
    words = [word.lower() for word in words]
    alternatives = (
        re.escape(word.removesuffix("*")) + (r"\w*" if word.endswith("*") else "") for word in words
    )
    return re.compile(rf"(?<!\w)(?:{'|'.join(alternatives)})(?!\w)")


def parse_tone(text: str, where: str) -> Tone:
    """Read a tone file.

    Raises
    ------
    LetterError : an unknown template or ground, or a key missing.
    """
    raw: dict[str, Any] = strict_yaml.load(text, where)
    rules = []
    for entry in raw["forbidden"]:
        only_in, not_in = entry.get("only_in", []), entry.get("not_in", [])
        unknown = [name for name in (*only_in, *not_in) if name not in TEMPLATES]
        ground = entry.get("unless", "")
        if unknown or (ground and ground not in GROUNDS):
            raise LetterError(f"{where}, {entry['id']}: unknown template or ground {unknown or ground!r}")
        templates = frozenset(not_in) or frozenset(TEMPLATES) - frozenset(only_in)
        pattern = _pattern(entry["words"])
        rules.append(Forbidden(entry["id"], pattern, ground, templates, entry["reason"], entry["remedy"]))
    required = {
        key: Required(_pattern(value["words"]), value["reason"]) for key, value in raw["required"].items()
    }
    return Tone(raw["valid_from"], tuple(rules), required, frozenset(raw["capitals_allowed"]))


@lru_cache(maxsize=1)
def _shipped() -> tuple[Tone, ...]:
    folder = files("mahnwerk.letters") / "templates" / "tone"
    found = [
        parse_tone(entry.read_text("utf-8"), f"templates/tone/{entry.name}") for entry in folder.iterdir()
    ]
    return tuple(sorted(found, key=lambda tone: tone.valid_from))


def tone_for(on: date) -> Tone:
    """The rules in force on a day; before the first, the first (tone has no gap)."""
    return next((tone for tone in reversed(_shipped()) if tone.valid_from <= on), _shipped()[0])
