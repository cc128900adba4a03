"""The words of the letters: dated YAML with a small, closed grammar of placeholders.

A paragraph is a text with `{name}` placeholders from `PLACEHOLDERS`, or a mapping `if: flag` / `text:`
with a flag from `FLAGS` (`not_` in front turns it round). Nothing else is understood: no attribute, no
index, no format. A value filled in is never looked at again, so a brace inside a name stays a brace.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from mahnwerk.law import strict_yaml
from mahnwerk.letters.model import LANGUAGES, TEMPLATES, LetterError

_PLACEHOLDERS = """
    invoices invoice_number invoice_date invoice_count due_on amount pay_by pay_by_plain as_of dated_on
    sender creditor contact_person phone email hours iban bic account_holder rf_reference case_reference
    default_rate default_invoices own_invoices new_costs portal surplus disputed day_count page pages
    offer_count offer_count_first offer_instalment offer_last_instalment offer_first offer_last offer_total
    offer_answer_by plan_agreed rate_due rate_count next_rate next_rate_due
    debit_on mandate creditor_identifier account_end
    plan_open plan_interest plan_fee plan_rate plan_grace terms_hash
"""
_FLAGS = """
    consumer business many own agency assignee marketplace third_party triggers_default triggers_some
    new_costs interest rate portal offer offer_even offer_answer surplus phone email hours person giro annex
    derivation consumer_credit table_apart undemanded mixed legal_rate demanding disputed
    rates_many next_rate plan_may_end plan_ends_next plan_returned plan_no_mandate plan_paid_by_debtor
    debit_many privacy
    terms offered deferral plan_interest by_debit mandate_missing to_sign
"""
PLACEHOLDERS: Final = frozenset(_PLACEHOLDERS.split())
FLAGS: Final = frozenset(_FLAGS.split())
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_STATUTE: Final = re.compile(r"§ (?:\d+[a-z]?)?(?: Abs\. \d+| Nr\. \d+| \(\d+\))*(?: [A-Z]{3,4}\b)?")
"""A place in a statute: no line ends inside it."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A text cut at its placeholders (odd parts are names), shown if all flags hold."""

    parts: tuple[str, ...]
    flags: tuple[str, ...] = ()

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with values in place; a value is put in once and not read again."""
        return "".join(values[part] if index % 2 else part for index, part in enumerate(self.parts))

    def holds(self, flags: frozenset[str]) -> bool:
        """Whether this paragraph is to be shown."""
        return all(
            (flag[4:] not in flags) if flag.startswith("not_") else (flag in flags) for flag in self.flags
        )


@dataclass(frozen=True, slots=True)
class Wording:
    """One language's words from a day on. texts: path → paragraphs; hash: of the file."""

    language: str
    valid_from: date
    texts: Mapping[str, tuple[Paragraph, ...]]
    hash: str

    def all(self, path: str, values: Mapping[str, str], flags: frozenset[str]) -> tuple[str, ...]:
        """Every paragraph under the path whose flags hold, filled."""
        return tuple(text.fill(values) for text in self.texts.get(path, ()) if text.holds(flags))

    def one(self, path: str, values: Mapping[str, str], flags: frozenset[str]) -> str:
        """The first paragraph under the path that holds, or ""."""
        return next((text.fill(values) for text in self.texts.get(path, ()) if text.holds(flags)), "")

    def word(self, path: str) -> str:
        """A text without placeholders; the last part of the path where there is none."""
        found = self.texts.get(path)
        return found[0].parts[0] if found else path.rpartition("/")[2]


def parse_paragraph(raw: object, where: str) -> Paragraph:
    """Read a paragraph; refuse unknown placeholders, stray braces and unknown flags, saying where."""
    flags: tuple[str, ...] = ()
    if isinstance(raw, dict):
        if set(raw) != {"if", "text"}:
            raise LetterError(f"{where}: a conditional text has the keys `if` and `text`, not {sorted(raw)}")
        flags = tuple(str(raw["if"]).split())
        raw = raw["text"]
    for flag in flags:
        if flag.removeprefix("not_") not in FLAGS:
            raise LetterError(f"{where}: unknown flag {flag!r}; known: {', '.join(sorted(FLAGS))}")
    if not isinstance(raw, str):
        raise LetterError(f"{where}: must be a text in quotes, is {type(raw).__name__}")
    plain = _STATUTE.sub(lambda found: found[0].replace(" ", "\u00a0"), " ".join(raw.split()))
    parts = tuple(_PLACEHOLDER.split(plain))
    for index, part in enumerate(parts):
        if index % 2 and part not in PLACEHOLDERS:
            raise LetterError(
                f"{where}: unknown placeholder {{{part}}}; known: {', '.join(sorted(PLACEHOLDERS))}"
            )
        if not index % 2 and ("{" in part or "}" in part):
            raise LetterError(f"{where}: a brace that belongs to no placeholder in {part!r}")
    return Paragraph(parts, flags)


def parse_wording(text: str, where: str) -> Wording:
    """Read a wording file (YAML); every text is checked now, so that no letter fails later.

    Raises
    ------
    LetterError : not a mapping, a key twice, no language or date, a template missing, a bad text.
    """
    raw = _load_yaml(text, where)
    language, valid_from = raw.pop("language", None), raw.pop("valid_from", None)
    if language not in LANGUAGES or not isinstance(valid_from, date):
        raise LetterError(f"{where}: needs `language` ({' or '.join(LANGUAGES)}) and `valid_from` (a date)")
    texts: dict[str, tuple[Paragraph, ...]] = {}
    _collect(raw, "", texts, where)
    for template in TEMPLATES:
        if f"steps/{template}/subject" not in texts:
            raise LetterError(f"{where}: no subject for {template}")
    return Wording(language, valid_from, texts, hashlib.sha256(text.encode()).hexdigest())


def _collect(raw: object, path: str, texts: dict[str, tuple[Paragraph, ...]], where: str) -> None:
    if isinstance(raw, dict) and "if" not in raw:
        for key, value in raw.items():
            _collect(value, f"{path}/{key}".lstrip("/"), texts, where)
        return
    entries = raw if isinstance(raw, list) else [raw]
    texts[path] = tuple(parse_paragraph(entry, f"{where}, {path}") for entry in entries)


def _load_yaml(text: str, where: str) -> dict[str, Any]:
    try:
        raw = strict_yaml.load(text, where)
    except strict_yaml.StrictYamlError as error:
        raise LetterError(str(error)) from error
    if not isinstance(raw, dict):
        raise LetterError(f"{where}: must be a mapping")
    return raw


@lru_cache(maxsize=1)
def shipped_wordings() -> tuple[Wording, ...]:
    """Every wording file in the package, oldest first."""
    folder = files("mahnwerk.letters") / "templates"
    found = [
        parse_wording(entry.read_text("utf-8"), f"templates/{language}/{entry.name}")
        for language in LANGUAGES
        for entry in sorted((folder / language).iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yaml")
    ]
    return tuple(sorted(found, key=lambda wording: wording.valid_from))


def wording_for(language: str, on: date) -> Wording:
    """The words in force on the letter's date.

    Raises
    ------
    LetterError : unknown language, or no wording that early.
    """
    usable = [w for w in shipped_wordings() if w.language == language and w.valid_from <= on]
    if not usable:
        raise LetterError(f"no wording in {language!r} for {on}: languages are {', '.join(LANGUAGES)}")
    return usable[-1]
