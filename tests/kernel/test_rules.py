"""The closed catalogue of grounds for asking money."""

from __future__ import annotations

import pytest

from mahnwerk.frames import Component
from mahnwerk.kernel.rules import RULES, UnknownRule, check_rule
from mahnwerk.law import load_laws

LAW = load_laws()["de"]


def test_each_rule_names_existing_parameters() -> None:
    for rule in RULES.values():
        for name in rule.parameters:
            assert name in LAW, f"{rule.rule_id} names {name}"
        assert rule.title("de") != rule.title("en")
        assert rule.rule_id.split(".")[0] == rule.component.name.lower()


def test_unknown_rules_cannot_be_booked() -> None:
    with pytest.raises(UnknownRule, match=r"'costs\.processing_fee' is not a rule"):
        check_rule("costs.processing_fee")
    with pytest.raises(UnknownRule, match="is not a rule for costs"):
        check_rule("interest.default", Component.COSTS)
    assert check_rule("costs.collection", Component.COSTS).is_recovery_cost


def test_the_lump_sum_is_credited_on_recovery_costs_only() -> None:
    credited = {rule.rule_id for rule in RULES.values() if rule.is_recovery_cost}
    assert {"costs.dunning_letter", "costs.collection"} <= credited
    assert not credited & {"interest.default", "costs.bank_return_charge", "costs.late_payment_lump_sum"}
