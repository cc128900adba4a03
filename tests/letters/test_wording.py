"""The wording files: complete in both languages, and a grammar that refuses everything else."""

from __future__ import annotations

from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from mahnwerk.letters.model import TEMPLATES, LetterError
from mahnwerk.letters.wording import (
    FLAGS,
    PLACEHOLDERS,
    parse_paragraph,
    parse_wording,
    shipped_wordings,
    wording_for,
)


def test_both_languages_hold_the_same_texts() -> None:
    german, english = (wording_for(language, date(2026, 11, 21)) for language in ("de", "en"))
    assert set(german.texts) == set(english.texts)
    for path, paragraphs in german.texts.items():
        assert {p.flags for p in paragraphs} == {p.flags for p in english.texts[path]}, path


def test_every_template_has_subject_and_opening() -> None:
    for wording in shipped_wordings():
        for template in TEMPLATES:
            assert wording.texts[f"steps/{template}/subject"]
            assert wording.texts[f"steps/{template}/opening"]


def test_values_are_filled_once_and_never_read_again() -> None:
    text = parse_paragraph("Guten Tag {sender}, {amount}", "test")
    assert text.fill({"sender": "{amount}", "amount": "5"}) == "Guten Tag {amount}, 5"


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        ("{unknown}", "unknown placeholder"),
        ("{sender.name}", "unknown placeholder"),
        ("{sender!r}", "unknown placeholder"),
        ("{sender:>9}", "unknown placeholder"),
        ("{0}", "unknown placeholder"),
        ("{}", "unknown placeholder"),
        ("a } b", "brace"),
        ("a {b", "brace"),
        ({"if": "sender_is_rich", "text": "a"}, "unknown flag"),
        ({"if": "consumer", "text": "a", "else": "b"}, "conditional"),
        (12, "must be a text"),
    ],
)
def test_the_grammar_refuses(raw: object, complaint: str) -> None:
    with pytest.raises(LetterError, match=complaint):
        parse_paragraph(raw, "test")


def test_flags_decide_what_is_shown() -> None:
    text = parse_paragraph({"if": "consumer not_many", "text": "a"}, "test")
    assert text.holds(frozenset({"consumer"}))
    assert not text.holds(frozenset({"consumer", "many"}))
    assert not text.holds(frozenset())


def test_a_file_is_refused_with_its_place() -> None:
    good = (files("mahnwerk.letters") / "templates" / "de" / "2002-01-01.yaml").read_text("utf-8")
    assert parse_wording(good, "mine").language == "de"
    for old, new, complaint in (
        ("language: de", "language: fr", "language"),
        ("  paid_on:", "  paid_for:", "twice"),
        ("steps:", "stages:", "no subject"),
        ("{pay_by}", "{pay_bye}", "pay_bye"),
    ):
        with pytest.raises(LetterError, match=complaint):
            parse_wording(good.replace(old, new, 1), "mine")


def test_language_must_be_known() -> None:
    with pytest.raises(LetterError, match="no wording"):
        wording_for("fr", date(2026, 1, 1))


def test_the_reference_page_lists_the_grammar() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "letters.md").read_text("utf-8")
    for title, names in (("Placeholders: ", PLACEHOLDERS), ("Flags: ", FLAGS)):
        listed = page.split(f"\n{title}", 1)[1].split(".\n", 1)[0]
        assert set(listed.replace("`", "").split()) == names
