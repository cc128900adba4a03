"""No wording can make these demands lawful, so the letter stays in."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from tests.letters import samples

from mahnwerk.letters.check import refusals
from mahnwerk.letters.check_claims import claim_findings, debit_findings, plan_findings
from mahnwerk.letters.model import DebitPart, Letter, LetterError, Line, MissedInstalment
from mahnwerk.letters.render import render


def rules(letter: Letter) -> set[str]:
    return {finding.rule for finding in claim_findings(letter) if finding.refuses}


@pytest.mark.parametrize("make", [samples.letter, samples.second_notice, samples.agency_letter])
def test_lawful_letters_pass(make: Any) -> None:
    assert rules(make()) == set()


def test_nothing_is_demanded_before_it_is_overdue() -> None:
    for due_on, refused in ((samples.ON, True), (samples.ON - timedelta(days=1), False)):
        letter = samples.letter("dunning_notice", items=(samples.item(due_on=due_on),))
        assert ("figure.not_due" in rules(letter)) == refused
    early = samples.item(due_on=samples.ON + timedelta(days=9))
    assert rules(samples.letter("notice_before_due", items=(early,))) == set()
    told = samples.letter("dunning_notice", items=(samples.item(), replace(early, is_demanded=False)))
    assert rules(told) == set()


def test_only_claims_already_in_default_bear_the_cost_of_a_letter() -> None:
    good = samples.second_notice()
    first, second = good.items
    lines = tuple(replace(line, invoice_number="2026-0877") if line.is_new else line for line in good.lines)
    other = replace(good, lines=lines, items=(first, replace(second, triggers_default=True)))
    assert rules(replace(other, triggers_default=True)) == set()
    own = replace(other, items=(replace(first, triggers_default=True), second), triggers_default=True)
    assert rules(own) == {"figure.free_first"}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"first_day": date(2026, 6, 23)}, "figure.interest_start"),
        ({"first_day": date(2026, 6, 24)}, ""),
        ({"last_day": samples.ON}, ""),
        ({"last_day": samples.ON + timedelta(days=1)}, "figure.interest_end"),
    ],
)
def test_interest_runs_from_default_to_the_letter(changes: dict[str, Any], rule: str) -> None:
    good = samples.second_notice()
    lines = tuple(
        replace(line, **changes) if line.rule_id == "interest.default" else line for line in good.lines
    )
    assert rules(replace(good, lines=lines)) == ({rule} if rule else set())


def test_a_consumer_never_owes_the_lump_sum() -> None:
    line = Line("costs", 4_000, "costs.late_payment_lump_sum", invoice_number="2026-1043")
    letter = samples.letter(lines=(line,))
    assert rules(letter) == {"figure.lump_sum"}
    assert rules(replace(letter, is_consumer=False)) == set()


def test_an_agency_shows_how_interest_and_costs_come_about() -> None:
    good = samples.agency_letter()
    assert rules(replace(good, interest_rows=())) == {"rdg.interest"}
    bare = tuple(line for line in good.lines if line.component != "costs")
    assert rules(replace(good, lines=bare)) == {"rdg.costs"}
    assert rules(samples.second_notice(interest_rows=())) == set()


def missed(**changes: Any) -> MissedInstalment:
    return replace(MissedInstalment(2, date(2026, 11, 2), 2_500, 2_000), **changes)


def test_a_reminder_of_a_plan_costs_nothing_and_asks_for_what_is_missing_only() -> None:
    letter = samples.plan_reminder()
    assert letter.plan is not None
    assert list(plan_findings(letter)) == []

    def rules(**changes: Any) -> set[str]:
        return {finding.rule for finding in plan_findings(replace(letter, **changes)) if finding.refuses}

    plan = letter.plan
    early = replace(plan, missed=(missed(due_on=letter.dated_on),))
    more = replace(plan, missed=(missed(open_cents=2_501),))
    assert rules(plan=early) == rules(plan=more) == {"figure.instalment"}
    assert rules(new_costs_cents=110) == {"figure.plan_costs"}
    assert rules(lines=samples.letter().lines) == {"figure.plan_costs"}
    assert rules(triggers_default=True) == {"figure.plan_demand"}
    assert rules(items=(samples.item(),)) == {"figure.plan_demand"}


@pytest.mark.parametrize("words", ["Sie sind im Verzug.", "You are in default.", "Wir gehen vor Gericht."])
def test_a_reminder_of_a_plan_threatens_with_nothing(words: str) -> None:
    letter = samples.plan_reminder()
    rendered = render(letter)
    found = refusals(letter, replace(rendered, text=f"{rendered.text}\n\n{words}\n"))
    assert {finding.rule for finding in found} & {"stage.default", "stage.court"}


def test_a_reminder_asks_for_the_sum_of_its_instalments() -> None:
    letter = samples.plan_reminder(demand_cents=2_500)
    assert "figure.demand" in {finding.rule for finding in refusals(letter, render(letter))}


def test_an_announcement_of_a_direct_debit_is_nothing_else() -> None:
    letter = samples.debit_notice()
    assert letter.debit is not None
    for language in ("de", "en"):
        for parts in (letter.debit.parts, (*letter.debit.parts, DebitPart("", 2, letter.dated_on, 2_500))):
            told = replace(letter.debit, parts=parts)
            total = sum(part.open_cents for part in parts)
            made = replace(letter, language=language, debit=told, demand_cents=total)
            assert refusals(made, render(made), by_post=True) == []

    def rules(**changes: Any) -> set[str]:
        return {finding.rule for finding in debit_findings(replace(letter, **changes)) if finding.refuses}

    early = replace(letter.debit, collect_on=letter.dated_on)
    undue = replace(letter.debit, collect_on=date(2026, 11, 2))
    assert rules(debit=early) == rules(debit=undue, dated_on=date(2026, 11, 1)) == {"figure.debit_day"}
    assert rules(currency="CHF") == {"figure.debit_currency"}
    assert rules(new_costs_cents=110) == {"figure.debit_costs"}
    assert rules(pay_url="https://pay.example.org/x") == {"figure.debit_costs"}
    assert rules(triggers_default=True) == rules(items=(samples.item(),)) == {"figure.debit_demand"}


@pytest.mark.parametrize("part", ["M-1042", "DE98ZZZ09999999999", "2051", "2026-1043", "84,90"])
def test_an_announcement_of_a_direct_debit_says_everything_a_debtor_must_know(part: str) -> None:
    letter = samples.debit_notice()
    rendered = render(letter)
    bare = replace(rendered, text=rendered.text.replace(part, "…"))
    assert any(finding.rule.startswith("part.") for finding in refusals(letter, bare))


def test_an_announcement_of_a_direct_debit_asks_for_no_transfer() -> None:
    rendered = render(samples.debit_notice())
    assert "genug Geld auf dem Konto" in " ".join(rendered.text.split())
    for words in ("überweisen", "GiroCode", "Verzug", "Bitte zahlen", "Mahnung nach"):
        assert words not in rendered.text
    assert "…" in rendered.text and "DE02" not in rendered.text
    with pytest.raises(LetterError, match="names what is collected"):
        render(samples.debit_notice(debit=None))


def test_no_letter_of_another_kind_names_instalments_missed_and_none_of_this_kind_does_without() -> None:
    for letter in (
        samples.plan_reminder(plan=None),
        replace(samples.letter(), plan=samples.plan_reminder().plan),
    ):
        with pytest.raises(LetterError, match="names missed instalments"):
            render(letter)
