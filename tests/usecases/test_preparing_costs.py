"""Who bears the cost of a letter: only claims whose default it is about."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.django_db


def item(
    claim_id: int, level: int, *, climbs: bool = True, open_cents: int = 100, lump: int = 0
) -> dict[str, Any]:
    return {
        "claim_id": claim_id,
        "level": level,
        "climbs": climbs,
        "open_cents": open_cents,
        "lump_sum_cents": lump,
    }


def test_a_newer_invoice_in_the_same_letter_bears_nothing() -> None:
    from mahnwerk.usecases.preparing import costs_of

    measure = {"level": 3, "fee_cents": 76, "fee_rule_id": "costs.dunning_letter"}
    items = [item(1, 3, open_cents=349), item(2, 1, open_cents=318), item(3, 3, climbs=False)]
    assert costs_of(measure, items) == [(1, "costs.dunning_letter", 76)]


def test_shares_add_up() -> None:
    from mahnwerk.usecases.preparing import costs_of

    measure = {"level": 2, "fee_cents": 100, "fee_rule_id": "costs.dunning_letter"}
    costs = costs_of(measure, [item(n, 2, open_cents=1) for n in range(3)])
    assert sum(cents for _, _, cents in costs) == 100


def test_the_lump_sum_belongs_to_its_claim() -> None:
    from mahnwerk.usecases.preparing import costs_of

    measure = {"level": 2, "fee_cents": 0, "fee_rule_id": None}
    assert costs_of(measure, [item(1, 2, lump=4000), item(2, 2)]) == [
        (1, "costs.late_payment_lump_sum", 4000)
    ]
