"""No wording can make these demands lawful, so the letter stays in."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from tests.letters import samples

from mahnwerk.letters.check_claims import claim_findings
from mahnwerk.letters.model import Letter, Line


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
