"""The terms of a plan on paper: every clause in both languages, and refused where they do not add up."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from tests.letters import samples

from mahnwerk.kernel.plans import CLAUSES
from mahnwerk.letters.check import check, refusals
from mahnwerk.letters.model import Letter, LetterError
from mahnwerk.letters.render import render
from mahnwerk.letters.wording import wording_for


def codes(letter: Letter) -> list[str]:
    page = pypdfium2.PdfDocument(io.BytesIO(render(letter).pdf))[0].render(scale=4).to_numpy()
    return [code.bytes.decode() for code in zxingcpp.read_barcodes(page)]


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_clause_of_the_whitelist_has_its_words(language: str) -> None:
    texts = wording_for(language, samples.ON).texts
    told = {path.split("/")[1] for path in texts if path.startswith("clauses/")}
    assert told == {*CLAUSES, "nothing_asked"}
    assert all(texts[f"clauses/{name}/{part}"] for name in told for part in ("label", "text"))


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("clause", sorted(CLAUSES))
def test_a_clause_stands_in_the_document_where_it_was_agreed_and_nowhere_else(
    clause: str, language: str
) -> None:
    wording = wording_for(language, samples.ON)
    label = wording.word(f"clauses/{clause}/label")
    with_it, without = (
        render(samples.plan_document(language=language, terms={"clauses": clauses})).text
        for clauses in ((clause,), ())
    )
    assert f"{label}: " in with_it
    if clause != "no_acknowledgement":  # says always that nothing is acknowledged
        assert f"{label}: " not in without


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize(("count", "cents"), [(1, 0), (1, 150), (2, 0), (12, 120), (36, 137), (72, 3)])
def test_documents_of_any_length_pass_the_check_without_a_hint(language: str, count: int, cents: int) -> None:
    letter = samples.plan_document(count, cents, language=language)
    assert check(letter, render(letter), by_post=True) == []


def test_the_code_is_worth_one_instalment() -> None:
    letter = samples.plan_document(4)
    (code,) = codes(letter)
    assert code.splitlines()[7] == "EUR152.61"
    assert letter.demand_cents == 61_041


def test_swiss_francs_have_no_code_and_one_who_is_collected_from_needs_none() -> None:
    terms = {"mandate": "M-7", "account_end": "2051", "clauses": ("direct_debit", "no_acknowledgement")}
    for letter in (samples.plan_document(currency="CHF"), samples.plan_document(terms=terms)):
        assert codes(letter) == []
        assert refusals(letter, render(letter)) == []


def test_what_each_claim_owed_is_left_out_where_it_is_not_known() -> None:
    known = samples.plan_document()
    unknown = replace(
        known,
        items=tuple(
            replace(each, principal_open_cents=0, interest_open_cents=0, costs_open_cents=0)
            for each in known.items
        ),
    )
    rendered = render(unknown)
    assert refusals(unknown, rendered) == []
    assert "* Rechnung 2026-0877\n" in rendered.text


def _last(**changes: Any) -> dict[str, Any]:
    terms = samples.plan_document().terms
    assert terms is not None
    return {"instalments": (*terms.instalments[:-1], replace(terms.instalments[-1], **changes))}


@pytest.mark.parametrize(
    ("terms", "rule"),
    [
        (_last(amount_cents=15_257), "figure.terms"),
        (_last(left_cents=1), "figure.terms"),
        (_last(interest_cents=1), "figure.terms"),
        ({"total_cents": 61_042}, "figure.terms"),
        ({"open_cents": 61_000}, "figure.terms"),
        ({"interest_cents": 5}, "figure.terms"),
        (_last(due_on=date(2027, 1, 1)), "figure.terms_day"),
        ({"answer_by": samples.ON - timedelta(days=1)}, "figure.terms_day"),
        ({"starts_on": date(2027, 2, 2)}, "figure.terms_day"),
    ],
)
def test_terms_that_do_not_hold_together_stay_in(terms: dict[str, Any], rule: str) -> None:
    letter = samples.plan_document(terms=terms)
    assert rule in {finding.rule for finding in refusals(letter, render(letter))}


def test_instalments_that_differ_before_the_last_stay_in() -> None:
    terms = samples.plan_document(4).terms
    assert terms is not None
    first, second, *others = terms.instalments
    moved = (
        replace(first, amount_cents=first.amount_cents - 100, left_cents=first.left_cents + 100),
        replace(second, amount_cents=second.amount_cents + 100),
    )
    letter = samples.plan_document(terms={"instalments": (*moved, *others)})
    assert "figure.terms" in {finding.rule for finding in refusals(letter, render(letter))}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"new_costs_cents": 110}, "figure.terms_costs"),
        ({"pay_url": "https://pay.example.org/x"}, "figure.terms_costs"),
        ({"triggers_default": True}, "figure.terms_demand"),
        ({"demand_cents": 1_000}, "figure.demand"),
    ],
)
def test_a_document_that_asks_for_anything_stays_in(changes: dict[str, Any], rule: str) -> None:
    letter = samples.plan_document(**changes)
    assert rule in {finding.rule for finding in refusals(letter, render(letter))}


def test_claims_that_are_not_what_is_open_stay_in() -> None:
    letter = samples.plan_document()
    other = replace(letter, items=(replace(letter.items[0], costs_open_cents=0),))
    assert "figure.terms_claims" in {finding.rule for finding in refusals(other, render(other))}


@pytest.mark.parametrize(
    ("lost", "rule"),
    [("hash", "part.terms_hash"), ("01.04.2027", "part.instalment_3_day"), ("152,58 €", "part.instalment_4")],
)
def test_nothing_of_the_terms_may_be_missing_from_the_text(lost: str, rule: str) -> None:
    letter = samples.plan_document()
    assert letter.terms is not None
    rendered = render(letter)
    lost = letter.terms.terms_hash if lost == "hash" else lost
    short = replace(rendered, text=rendered.text.replace(lost, "…"))
    assert rule in {finding.rule for finding in refusals(letter, short)}


def test_a_document_without_terms_or_instalments_is_not_drawn() -> None:
    with pytest.raises(LetterError, match="names its instalments"):
        render(replace(samples.plan_document(), terms=None))
    with pytest.raises(LetterError, match="names its instalments"):
        render(samples.letter(terms=samples.plan_document().terms))


def test_a_clause_nobody_worded_is_not_passed_over() -> None:
    with pytest.raises(LetterError, match="acknowledge_all"):
        render(samples.plan_document(terms={"clauses": ("no_fee", "acknowledge_all")}))


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_html_has_the_terms_and_the_place_to_sign(language: str) -> None:
    letter = samples.plan_document(language=language)
    assert letter.terms is not None
    html = render(letter).html
    assert letter.terms.terms_hash in html
    assert "____" in html
    assert "____" not in render(samples.plan_document(language=language, terms={"to_sign": False})).html
