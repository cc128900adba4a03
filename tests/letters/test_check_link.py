"""A pay link leads to our own pages, tells nothing, and stands only where something is to be paid."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.letters import samples

from mahnwerk.letters.check import check, refusals
from mahnwerk.letters.model import ATTACHMENT, DEMANDING, Letter
from mahnwerk.letters.render import render

PAGES = "https://pay.example.org"
URL = f"{PAGES}/pay/1-k7m2x9qa4hc8tw3p"
LOCAL = "http://127.0.0.1:8000"


def rules(letter: Letter, pages: str = PAGES, **changes: Any) -> set[str]:
    return {one.rule for one in refusals(letter, replace(render(letter), **changes), pay_pages=pages)}


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("template", [name for name in DEMANDING if name != "plan_reminder"])
def test_a_link_to_our_own_page_passes_without_a_hint(template: str, language: str) -> None:
    letter = samples.letter(template, language=language, pay_url=URL, grounds=frozenset({ATTACHMENT}))
    assert check(letter, render(letter), by_post=True, pay_pages=PAGES) == []
    assert check(letter, render(letter), by_post=True, pay_pages=PAGES + "/") == []


@pytest.mark.parametrize(
    ("url", "pages", "rule"),
    [
        (URL.replace("https", "http"), PAGES.replace("https", "http"), "scheme"),
        (URL.replace("https", "javascript"), PAGES, "scheme"),
        ("http://127.0.0.1.evil.example/pay/1-k7m2x9qa4hc8tw3p", "http://127.0.0.1.evil.example", "scheme"),
        (URL, "", "host"),
        (URL, "https://pay.example.org:8443", "host"),
        (URL.replace("example.org", "example.org.evil.example"), PAGES, "host"),
        (URL.replace("https://", "https://pay.example.org@evil.example/"), PAGES, "host"),
        (URL.replace("https://", "https://anna@"), PAGES, "host"),
        (URL + "?invoice=2026-1043", PAGES, "shape"),
        (URL + "#Anna", PAGES, "shape"),
        (f"{PAGES}/pay/Anna-Lena", PAGES, "shape"),
        (f"{PAGES}/pay/1-k7m2x9qa4hc8tw3p/8490", PAGES, "shape"),
        (f"{PAGES}/hooks/1-k7m2x9qa4hc8tw3p", PAGES, "shape"),
        ("https://[pay.example.org/pay/1-k7m2x9qa4hc8tw3p", PAGES, "shape"),
    ],
)
def test_any_other_address_keeps_the_letter_in(url: str, pages: str, rule: str) -> None:
    assert f"link.{rule}" in rules(samples.letter(pay_url=url), pages)


def test_pages_may_lie_in_a_folder_and_a_trial_on_this_machine_needs_no_certificate() -> None:
    folder = f"{PAGES}/mahnwerk"
    assert rules(samples.letter(pay_url=URL.replace(PAGES, folder)), folder) == set()
    assert rules(samples.letter(pay_url=URL.replace(PAGES, LOCAL)), LOCAL) == set()
    assert rules(samples.letter(pay_url=URL), folder) == {"link.shape"}


def test_nothing_to_pay_no_link() -> None:
    disputed = replace(samples.item(), is_demanded=False)
    for letter in (
        samples.paid(pay_url=URL),
        samples.letter("statement_of_account", pay_url=URL),
        samples.letter(pay_url=URL, items=(disputed,), demand_cents=0),
    ):
        assert "link.not_payable" in rules(letter)


def test_the_link_can_be_read_and_is_the_only_one() -> None:
    letter = samples.letter(pay_url=URL)
    rendered = render(letter)
    assert f'href="{URL}"' in rendered.html
    assert rules(letter, text=rendered.text.replace(URL, "here")) == {"link.missing"}
    assert rules(letter, html=rendered.html.replace(URL, "https://evil.example")) == {"link.other"}
    plain = samples.letter()
    assert rules(plain, html=render(plain).html + f'<p><a title="x" href={URL}>x</a>') == {"link.other"}
    named = samples.letter(recipient=replace(samples.ANNA, last_name='<a href="https://evil.example">x</a>'))
    assert rules(named) == set()


def test_the_host_is_not_read_as_words_of_the_letter() -> None:
    pages = "https://inkasso.example"
    assert rules(samples.letter(pay_url=URL.replace(PAGES, pages)), pages) == set()


@pytest.mark.parametrize("language", ["de", "en"])
def test_an_attachment_is_named_only_where_there_is_one(language: str) -> None:
    letter = samples.letter(language=language)
    mailed = replace(letter, grounds=frozenset({ATTACHMENT}))
    assert "PDF" in render(mailed).text and "PDF" in render(mailed).html
    assert "PDF" not in render(letter).text and "PDF" not in render(letter).html
    assert render(mailed).pdf == render(letter).pdf
    assert rules(mailed) == set()
    assert rules(letter, text=render(mailed).text) == {"tone.attachment"}


def test_the_reminder_of_a_plan_has_no_link_since_the_page_would_ask_for_the_whole() -> None:
    letter = samples.plan_reminder(pay_url=URL, grounds=frozenset({ATTACHMENT}))
    assert rules(letter) == {"link.not_payable"}
