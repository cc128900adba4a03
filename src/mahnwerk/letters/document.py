"""The finished words of a letter in reading order, before any paper, mail or markup."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a title. kind: items, rates, debits, covered, instalments, lines, interest or
    payments.

    align: one l or r per column.
    sums: label, amount and whether it is the total; printed below, over the last column.
    """

    kind: str
    title: str
    intro: str
    head: tuple[str, ...]
    align: str
    rows: tuple[tuple[str, ...], ...]
    sums: tuple[tuple[str, str, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its paragraphs. kind: default, offer, pay, replan, debit_wrong, missed, change, contact,
    hardship, dispute or next."""

    kind: str
    title: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Box:
    """The amount and the day, with how to transfer it. giro: payload of the GiroCode, "" = none."""

    label: str
    amount: str
    until: str
    rows: tuple[tuple[str, str], ...] = ()
    giro: str = ""
    giro_alt: str = ""


@dataclass(frozen=True, slots=True)
class Signing:
    """Where two parties sign. place: label of the line for place and day."""

    title: str
    intro: str
    place: str
    names: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Document:
    """One letter, worded. Every string is plain text and already clean.

    items_note: where the table stands that has no room on page one; items_note_plain: the same without pages.
    pay_plain: how to pay where no code can be shown. pay_url: the page to pay on, "" = none; pay_label stands
    before it, pay_button upon it. attached: for e-mail only (the letter is attached). note: for paper only
    (what stands on the next page). terms: label and text of each, of a plan; signing: None = nobody signs.
    """

    language: str
    template: str
    subject: str
    dated_on: date
    sender_name: str
    sender_line: str
    address: tuple[str, ...]
    info: tuple[tuple[str, str], ...]
    greeting: str
    opening: tuple[str, ...]
    box: Box
    front: tuple[Table, ...]
    items_note: str
    items_note_plain: str
    sections: tuple[Section, ...]
    pay_plain: tuple[str, ...]
    pay_url: str
    pay_label: str
    pay_button: str
    attached: str
    closing: tuple[str, ...]
    marketplace: str
    note: str
    annex: tuple[Table, ...]
    legal: tuple[tuple[str, str], ...]
    legal_title: str
    legal_note: str
    footer: tuple[tuple[str, ...], ...]
    page_words: tuple[str, ...]
    wording_hash: str
    terms: tuple[tuple[str, str], ...] = ()
    terms_title: str = ""
    signing: Signing | None = None
