"""What must stand on the first page, and what agencies must tell of the data they use."""

from __future__ import annotations

from dataclasses import replace

import pypdfium2
import pytest
from tests.letters import samples
from tests.letters.test_render import pdf_text

from mahnwerk.letters.check import refusals
from mahnwerk.letters.model import Letter
from mahnwerk.letters.render import render


def debited(count: int, language: str) -> Letter:
    """A notice of a direct debit for so many invoices and instalments."""
    letter = samples.debit_notice(language=language, demand_cents=8_490 * count)
    assert letter.debit is not None
    parts = tuple(replace(letter.debit.parts[0], invoice_number=f"R-{place}") for place in range(count))
    items = tuple(replace(letter.items[0], invoice_number=f"R-{place}") for place in range(count))
    return replace(letter, items=items, debit=replace(letter.debit, parts=parts))


def missing(count: int, why: str, language: str) -> Letter:
    """A reminder of so many instalments of a plan."""
    letter = samples.plan_reminder(
        language=language, pay_url="https://pay.example.org/pay/1-a8Kd_fg-ij012345"
    )
    assert letter.plan is not None
    missed = tuple(replace(letter.plan.missed[0], number=place + 2) for place in range(count))
    return replace(letter, demand_cents=2_000 * count, plan=replace(letter.plan, missed=missed, why=why))


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("count", [1, 2, 6, 7, 40])
@pytest.mark.parametrize("why", ["not_paid", "returned", "no_mandate", "debit"])
def test_what_next_and_whom_to_ask_stay_on_the_first_page_of_plans_and_debits(
    language: str, count: int, why: str
) -> None:
    letter = debited(count, language) if why == "debit" else missing(count, why, language)
    rendered = render(letter)
    assert refusals(letter, rendered, by_post=True, pay_pages="https://pay.example.org") == []
    pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(rendered.pdf)]
    assert len(pages) == (1 if count <= 6 else 2)
    for words in (letter.sender.phone, "Mit freundlichen Grüßen" if language == "de" else "Kind regards"):
        assert words in pages[0]
    if count > 6:
        said = {
            "de": ("einzeln auf der", "Wofür wir abbuchen, steht"),
            "en": ("one by one", "What we debit for is"),
        }
        assert said[language][why == "debit"] in " ".join(pages[0].split())
        assert len(pages[1].split("\n")) > count
        for twin in (rendered.text, rendered.html):  # an e-mail has no next page
            words = " ".join(twin.split())
            assert "nächsten Seite" not in words and "next page" not in words
            assert ("weiter unten." if language == "de" else "below.") in words


@pytest.mark.parametrize("language", ["de", "en"])
def test_an_agencys_letter_says_whence_the_data_come_and_what_rights_there_are(language: str) -> None:
    notice = "https://fairklar.example/datenschutz"
    for privacy in ("", notice):
        letter = samples.agency_letter(language=language, sender=replace(samples.AGENCY, privacy=privacy))
        rendered = render(letter)
        assert refusals(letter, rendered, by_post=True) == refusals(letter, rendered, by_post=False) == []
        for text in (pdf_text(rendered.pdf), rendered.text, rendered.html):
            words = " ".join(text.split())
            assert ("Art. 14 DSGVO", "Art. 14 GDPR")[language == "en"] in words
            assert ("Datenschutzbehörde", "data protection authority")[language == "en"] in words
            assert (notice in text) == bool(privacy)
    assert "Art. 14" not in render(samples.second_notice(language=language)).text
