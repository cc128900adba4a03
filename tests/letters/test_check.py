"""No letter leaves that threatens, shouts, hides a part or shows a figure nobody owes."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date
from typing import Any

import pypdfium2
import pytest
from tests.letters import samples

from mahnwerk.letters.check import _AMOUNT, check, known_amounts, refusals
from mahnwerk.letters.model import DEMANDING, Letter, PlanOffer, Rendered
from mahnwerk.letters.render import render

SAMPLES = (samples.letter, samples.second_notice, samples.agency_letter, samples.final_notice, samples.paid)


def rules(letter: Letter, rendered: Rendered, **options: Any) -> set[str]:
    return {finding.rule for finding in refusals(letter, rendered, **options)}


def with_words(words: str, letter: Letter | None = None) -> set[str]:
    """What is refused when somebody adds these words to a good letter."""
    letter = letter or samples.letter()
    rendered = render(letter)
    return rules(letter, replace(rendered, text=f"{rendered.text}\n\n{words}\n"))


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("make", SAMPLES)
def test_shipped_letters_pass_without_a_hint(make: Any, language: str) -> None:
    letter = make(language=language)
    assert check(letter, render(letter), by_post=True) == []


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("is_consumer", [True, False])
@pytest.mark.parametrize("template", [*DEMANDING, "statement_of_account"])
def test_every_template_passes(template: str, is_consumer: bool, language: str) -> None:
    letter = samples.letter(template, is_consumer=is_consumer, language=language)
    letter = replace(letter, triggers_default=template == "dunning_notice", default_rate_ppm=65_200)
    assert check(letter, render(letter), by_post=True) == []


@pytest.mark.parametrize("make", SAMPLES)
def test_the_pdf_itself_passes(make: Any) -> None:
    letter = make()
    rendered = render(letter)
    layer = "\n".join(p.get_textpage().get_text_range() for p in pypdfium2.PdfDocument(rendered.pdf))
    assert refusals(letter, replace(rendered, text=layer), by_post=True) == []


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("Sonst melden wir Sie der SCHUFA.", "tone.credit_bureau"),
        ("Es droht ein Eintrag bei einer Auskunftei.", "tone.credit_bureau"),
        ("We will inform a credit bureau.", "tone.credit_bureau"),
        ("Der Gerichtsvollzieher kommt.", "tone.enforcement"),
        ("Wir pfänden Ihr Konto.", "tone.enforcement"),
        ("A bailiff will come.", "tone.enforcement"),
        ("Ihnen droht Haft.", "tone.arrest"),
        ("You may be arrested.", "tone.arrest"),
        ("Ein Mitarbeiter macht einen Hausbesuch.", "tone.visit"),
        ("Wir sprechen mit Ihrem Arbeitgeber.", "tone.exposure"),
        ("Zahlen Sie sofort.", "tone.pressure"),
        ("Wir fordern Sie letztmalig auf.", "tone.pressure"),
        ("Zahlen Sie unverzüglich.", "tone.pressure"),
        ("Pay immediately.", "tone.pressure"),
        ("Sie sind ein säumiger Kunde.", "tone.disrespect"),
        ("Das hat Konsequenzen.", "tone.vague_threat"),
        ("Wir leiten weitere Schritte ein.", "tone.vague_threat"),
        ("Sie müssen eine Vermögensauskunft abgeben.", "tone.enforcement"),
        ("Das kann ein Eingehungsbetrug sein.", "tone.arrest"),
        ("Dann geht die Sache ins Inkasso.", "stage.court"),
        ("Wir machen das gerichtlich geltend.", "stage.court"),
        ("Wir beantragen einen Mahnbescheid.", "stage.court"),
        ("ZAHLEN SIE ENDLICH DIESEN BETRAG", "tone.capitals"),
        ("Zahlen Sie! Noch heute!", "tone.exclamation"),
        ("Es kommen 25,00 € hinzu.", "figure.unknown_amount"),
        ("Bearbeitung: 9 Euro", "figure.unknown_amount"),
        ("Fee: EUR 1,250.00", "figure.unknown_amount"),
    ],
)
def test_refused_words(words: str, rule: str) -> None:
    assert rule in with_words(words)


def test_words_that_only_look_alike_pass() -> None:
    assert with_words("Unsere Haftung, Schuldnerberatung, Gesamtbetrag, Rechtschaffenheit, 84,90 €.") == set()


def test_grounds_and_stages_open_what_is_lawful_there() -> None:
    words = "Wir könnten einen Mahnbescheid beantragen."
    assert "stage.court" not in with_words(words, samples.final_notice())
    bureau = "Eine Meldung an eine Auskunftei unterbleibt, wenn Sie die Forderung bestreiten."
    assert with_words(bureau, samples.second_notice(grounds=frozenset({"credit_bureau"}))) == set()
    hidden = "Wir melden das einer Auskunftei. " + "Bitte lesen Sie auch den Rest dieses Schreibens. " * 9
    assert with_words(hidden, samples.second_notice(grounds=frozenset({"credit_bureau"}))) == {
        "required.bureau_objection"
    }
    early = samples.letter("notice_before_due", grounds=frozenset({"credit_bureau"}))
    assert "tone.credit_bureau" in with_words(bureau, early)
    titled = samples.second_notice(grounds=frozenset({"title"}))
    assert with_words("Es droht die Zwangsvollstreckung.", titled) == set()
    assert "stage.default" in with_words("Sie sind in Verzug.", samples.letter("notice_before_due"))


def test_names_are_not_words_of_the_letter() -> None:
    recipient = replace(samples.ANNA, last_name="Haft", street="Am Gefängnis 3", city="SOFORTHAUSEN AM SEE")
    letter = samples.letter(
        recipient=recipient,
        sender=replace(samples.SHOP, name="SCHUFA SOFORT INKASSO GMBH"),
        items=(samples.item("SOFORT-12,50 €"),),
    )
    found = rules(letter, render(letter), by_post=True)
    assert not {rule for rule in found if rule.startswith(("tone", "stage"))}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"demand_cents": 8_491}, "figure.demand"),
        ({"pay_by": date(2026, 11, 21)}, "figure.pay_by"),
        ({"rf_reference": "RF472026000123"}, "figure.reference"),
        ({"sender": replace(samples.SHOP, iban="DE89370400440532013001")}, "figure.iban"),
        ({"sender": replace(samples.SHOP, contact_person="")}, "part.contact_person"),
        ({"sender": replace(samples.SHOP, phone="", email="")}, "part.contact"),
        ({"sender": replace(samples.SHOP, address_lines=())}, "part.sender_address"),
        ({"recipient": replace(samples.ANNA, street="")}, "part.address"),
        ({"recipient": replace(samples.ANNA, postcode="")}, "part.address"),
        ({"recipient": replace(samples.ANNA, last_name="王")}, "part.characters"),
        ({"new_costs_cents": 100}, "figure.new_costs"),
        ({"case_reference": ""}, "part.case_reference"),
    ],
)
def test_refused_letters(changes: dict[str, Any], rule: str) -> None:
    letter = replace(samples.letter(), **changes)
    assert rule in rules(letter, render(letter), by_post=True)


def test_figures_must_agree() -> None:
    good = samples.second_notice()
    rendered = render(good)
    shorter = replace(good, lines=good.lines[:-1])
    assert "figure.derivation" in rules(shorter, rendered)
    assert "figure.interest" in rules(replace(good, interest_rows=good.interest_rows[:1]), rendered)
    wrong = replace(good.payments[0], amount_cents=49_999)
    assert "figure.payments" in rules(replace(good, payments=(wrong,)), rendered)
    items = tuple(replace(item, triggers_default=True) for item in good.items)
    assert "figure.free_first" in rules(replace(good, items=items, triggers_default=True), rendered)
    nothing = replace(good, items=tuple(replace(i, principal_open_cents=-1) for i in good.items))
    assert "figure.negative" in rules(nothing, rendered)


def test_a_plan_must_add_up() -> None:
    offer = PlanOffer(3, 20_000, 19_999, date(2026, 12, 15), date(2027, 2, 15), 60_000)
    letter = samples.final_notice(offer=offer)
    assert "figure.offer" in rules(letter, render(letter))


def test_an_agency_names_no_contract_for_a_debt_without_one() -> None:
    good = samples.agency_letter()
    undated = replace(good, items=tuple(replace(item, contract_on=None) for item in good.items))
    assert rules(undated, render(undated)) == {"rdg.ground"}
    damages = replace(good, items=tuple(replace(item, is_contract=False) for item in undated.items))
    assert rules(damages, render(damages)) == set()
    assert "Vertrag vom" not in render(damages).text


def test_an_agency_owes_the_information_of_the_law() -> None:
    good = samples.agency_letter()
    rendered = render(good)
    assert "rdg.client" in rules(replace(good, creditor=None), rendered)
    itself = replace(good, creditor=replace(good.creditor, name=good.sender.name.upper()))
    assert "rdg.client" in rules(itself, rendered)
    assert "rdg.registration" in rules(replace(good, registration=None), rendered)
    bare = replace(samples.REGISTRATION, authority_contact="")
    assert "rdg.authority" in rules(replace(good, registration=bare), rendered)
    items = tuple(replace(item, contract_on=None) for item in good.items)
    assert "rdg.ground" in rules(replace(good, items=items), rendered)
    assert "required.information" in rules(good, replace(rendered, text=rendered.text.replace("§ 13a", "")))


@pytest.mark.parametrize(
    ("part", "rule"),
    [
        ("Schuldnerberatung", "required.debt_advice"),
        ("widersprechen", "required.dispute"),
        ("DE89 3704 0044 0532 0130 00", "part.iban"),
        ("84,90 €", "part.amount"),
        ("5. Dezember 2026", "part.pay_by"),
        ("20. November 2026", "part.as_of"),
        ("2026-1043", "part.items"),
        ("Miriam Öztürk", "part.contact_person"),
        ("RF46 2026 0001 23", "part.reference"),
    ],
)
def test_what_is_cut_out_is_missed(part: str, rule: str) -> None:
    letter = samples.letter()
    rendered = render(letter)
    text = " ".join(rendered.text.split())
    assert part in text
    assert rule in rules(letter, replace(rendered, text=text.replace(part, "")))


def test_default_must_be_told() -> None:
    letter = samples.letter("dunning_notice")
    assert "required.default" in rules(replace(letter, triggers_default=True), render(letter))
    since = samples.item(default_since=date(2026, 11, 4), default_source="§ 286 Abs. 2 Nr. 1 BGB")
    older = samples.second_notice(items=(*samples.second_notice().items[:1], since))
    assert "§ 286" in render(older).text
    assert "required.default" in rules(replace(older, triggers_default=True), render(older))


def test_long_sentences_are_a_hint_only() -> None:
    letter = samples.letter()
    rendered = render(letter)
    tiring = "Wir schreiben Ihnen, " + "weil es so ist und " * 12 + "nicht anders."
    found = check(letter, replace(rendered, text=f"{rendered.text}\n\n{tiring}\n"))
    assert {finding.rule for finding in found} >= {"reading.long_sentence"}
    assert not any(finding.refuses for finding in found)


def test_amounts_of_the_statement_are_known() -> None:
    assert {84_431, 74_900, 931, 110, 50_000, 217} <= known_amounts(samples.second_notice())


@pytest.mark.parametrize("noise", ["1", "1,", ",", "'1", "1 ", "€-"])
def test_a_letter_full_of_digits_is_read_in_time_by_its_length(noise: str) -> None:
    started = time.perf_counter()
    assert _AMOUNT.findall(noise * 30_000 + " 12,50 €")[-1][1] == "12,50"
    assert time.perf_counter() - started < 3, "by the square of its length it takes a minute"
