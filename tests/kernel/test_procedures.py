from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.kernel.dunning_books import Spoil, both, drop, laws, put, raw, shipped

from mahnwerk.kernel.procedures import (
    Finding,
    Trigger,
    check_procedure,
    parse_procedure,
    procedure_hash,
)

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "procedures.md"


@pytest.mark.parametrize("key", sorted(shipped()))
def test_the_shipped_procedures_have_no_finding(key: str) -> None:
    assert [str(finding) for finding in check_procedure(shipped()[key], laws())] == []


def test_three_procedures_are_shipped_and_the_gentle_one_is_gentle() -> None:
    assert sorted(shipped()) == ["businesses@2026-11", "consumers@2026-11", "lenders@2026-11"]
    steps = shipped()["consumers@2026-11"].steps
    assert [step.id for step in steps] == [
        "upcoming",
        "payment_reminder",
        "dunning_notice",
        "second_notice",
        "final_notice",
    ]
    assert [step.is_dunning for step in steps] == [False, False, True, True, True]
    assert [step.charges_letter_cost for step in steps] == [False, False, False, True, True]
    assert "instalment_plan" in steps[-1].offers
    assert not any("bureau_report" in step.informs for step in steps)


def test_a_procedure_reads_as_written() -> None:
    procedure = shipped()["consumers@2026-11"]
    step = procedure.steps[1]
    assert (procedure.key, procedure.tolerance_cents, procedure.audience) == (
        "consumers@2026-11",
        300,
        "consumers",
    )
    assert (step.trigger, step.days, step.pay_by_days, step.channels) == (
        Trigger.AFTER_DUE,
        7,
        14,
        ("email", "post"),
    )
    assert step.title == {"de": "Freundliche Zahlungserinnerung", "en": "Friendly reminder"}


def test_a_step_may_name_its_own_letter_cost() -> None:
    mapping = raw("consumers")
    mapping["steps"][3]["letter_cost_cents"] = {"post": 99}
    procedure = parse_procedure(mapping)
    assert procedure.letter_cost(procedure.steps[3], "post") == 99
    assert procedure.letter_cost(procedure.steps[4], "post") == 76
    assert procedure.letter_cost(procedure.steps[4], "email") == 0


def test_the_hash_follows_the_content_not_the_order_of_keys() -> None:
    mapping = raw("lenders")
    turned = dict(reversed(mapping.items()))
    assert parse_procedure(turned).hash == parse_procedure(mapping).hash == shipped()["lenders@2026-11"].hash
    assert procedure_hash(parse_procedure(mapping)) == parse_procedure(mapping).hash
    mapping["tolerance_cents"] += 1
    assert parse_procedure(mapping).hash != shipped()["lenders@2026-11"].hash


CONDITIONS = {"written_reminders": 2, "first_reminder_days_ago": 28, "told_before": True, "undisputed": True}


def _bureau(**changes: Any) -> Spoil:
    given = {**CONDITIONS, **changes}
    ending = {"after_days": 14, "propose": "bureau_report", "bureau_conditions": given}
    return both(put("at_end", value=ending), put("steps", 1, "informs", value=["bureau_report"]))


HARSH: list[tuple[str, Spoil, str, str]] = [
    ("consumers", put("steps", 1, "charges_letter_cost", value=True), "steps[1].charges_letter_cost", "286"),
    ("consumers", put("steps", 2, "charges_letter_cost", value=True), "steps[2].charges_letter_cost", "286"),
    ("lenders", put("steps", 1, "charges_letter_cost", value=True), "steps[1].charges_letter_cost", "286"),
    (
        "consumers",
        put("letter_cost_cents", "post", value=251),
        "steps[3].letter_cost_cents",
        "VIII ZR 95/18",
    ),
    (
        "consumers",
        put("letter_cost_cents", "email", value=50),
        "steps[3].letter_cost_cents.email",
        "VIII ZR 95/18",
    ),
    (
        "consumers",
        put("steps", 3, "charges_lump_sum", value=True),
        "steps[3].charges_lump_sum",
        "288 Abs. 5",
    ),
    ("businesses", put("audience", value="everyone"), "steps[1].charges_lump_sum", "288 Abs. 5"),
    (
        "businesses",
        put("steps", 0, "charges_lump_sum", value=True),
        "steps[0].charges_lump_sum",
        "288 Abs. 5",
    ),
    ("businesses", put("steps", 2, "charges_letter_cost", value=True), "steps", "288 Abs. 5 Satz 3"),
    ("consumers", put("steps", 1, "pay_by_days", value=12), "steps[1].pay_by_days", "adequate"),
    ("consumers", drop("steps", 1, "pay_by_days"), "steps[1].pay_by_days", "adequate"),
    ("consumers", put("steps", 0, "pay_by_days", value=20), "steps[0].pay_by_days", "policy"),
    ("consumers", put("min_interval_days", value=6), "min_interval_days", "4a UWG"),
    (
        "consumers",
        put("presumed_delivery_working_days", "post", value=2),
        "presumed_delivery_working_days.post",
        "130",
    ),
    (
        "consumers",
        put("presumed_delivery_working_days", "email", value=0),
        "presumed_delivery_working_days.email",
        "130",
    ),
    ("consumers", put("steps", 1, "when", value={"days_after_due": 0}), "steps[1].when", "286"),
    ("consumers", put("steps", 2, "when", value={"days_after_due": 9}), "steps[2].when", "policy"),
    ("consumers", put("steps", 0, "is_dunning", value=True), "steps[0]", "286"),
    ("consumers", put("steps", 2, "level", value=3), "steps", "level follows level"),
    ("consumers", lambda mapping: mapping["steps"].pop(1), "steps", "level follows level"),
    ("consumers", lambda mapping: mapping["steps"].reverse(), "steps", "level follows level"),
    ("consumers", put("steps", 0, "informs", value=["bureau_report"]), "steps[0].informs", "31 Abs. 2"),
    (
        "consumers",
        put("at_end", value={"after_days": 14, "propose": "bureau_report"}),
        "at_end.bureau_conditions",
        "31 Abs. 2",
    ),
    ("consumers", _bureau(written_reminders=1), "at_end.bureau_conditions.written_reminders", "31 Abs. 2"),
    (
        "consumers",
        _bureau(first_reminder_days_ago=27),
        "at_end.bureau_conditions.first_reminder_days_ago",
        "31 Abs. 2",
    ),
    ("consumers", _bureau(told_before=False), "at_end.bureau_conditions.told_before", "31 Abs. 2"),
    (
        "consumers",
        both(_bureau(), put("steps", 1, "informs", value=[])),
        "at_end.bureau_conditions.told_before",
        "31 Abs. 2",
    ),
    ("consumers", _bureau(undisputed=False), "at_end.bureau_conditions.undisputed", "31 Abs. 2"),
]


def _errors(name: str, spoil: Spoil) -> list[Finding]:
    mapping = copy.deepcopy(raw(name))
    spoil(mapping)
    return [f for f in check_procedure(parse_procedure(mapping), laws()) if f.severity == "error"]


@pytest.mark.parametrize(
    ("name", "spoil", "path", "statute"), HARSH, ids=[f"{row[0]} {row[2]} {n}" for n, row in enumerate(HARSH)]
)
def test_a_procedure_harsher_than_the_law_is_refused(
    name: str, spoil: Spoil, path: str, statute: str
) -> None:
    found = {finding.path: finding for finding in _errors(name, spoil)}
    assert path in found
    finding = found[path]
    assert statute in finding.statute
    assert finding.reason
    assert finding.remedy
    assert str(finding).startswith(f"error: {path}: ")


def test_a_bureau_report_under_all_its_conditions_is_allowed() -> None:
    assert _errors("consumers", _bureau()) == []


def test_a_procedure_older_than_the_law_in_the_data_is_refused_by_name() -> None:
    (finding,) = [
        f for f in _errors("consumers", put("valid_from", value="1999-01-01")) if f.path == "valid_from"
    ]
    assert "costs.dunning_letter_cap" in finding.reason


def test_warnings_are_for_a_person() -> None:
    mapping = raw("consumers")
    mapping["steps"][-1]["offers"] = []
    for step in mapping["steps"]:
        step["is_dunning"] = False
        step["charges_letter_cost"] = False
    findings = check_procedure(parse_procedure(mapping), laws())
    assert [(f.severity, f.path) for f in findings] == [("warning", "steps"), ("warning", "steps[4].offers")]


def test_the_example_of_the_reference_page_is_a_lawful_procedure() -> None:
    text = DOCS.read_text(encoding="utf-8")
    example = text.split("```yaml\n", 1)[1].split("```", 1)[0]
    procedure = parse_procedure(yaml.safe_load(example), "docs")
    assert check_procedure(procedure, laws()) == []


def test_the_reference_page_names_every_key() -> None:
    text = DOCS.read_text(encoding="utf-8")
    every = raw("consumers") | raw("lenders")
    words = {*every, *every["at_end"], *(key for step in every["steps"] for key in step)}
    words |= {"bureau_conditions", "charges_lump_sum", *CONDITIONS, *(trigger.value for trigger in Trigger)}
    assert [word for word in sorted(words) if f"`{word}`" not in text] == []
