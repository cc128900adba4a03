"""The default rate a claim would bear, for letters that announce it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from mahnwerk.frames import ClaimKind
from mahnwerk.kernel.rates import default_rate
from mahnwerk.law import load_laws

LAWS = load_laws()
ON = date(2026, 11, 21)


def claim(**changes: Any) -> dict[str, object]:
    plain: dict[str, object] = {
        "jurisdiction": "de",
        "kind": int(ClaimKind.GOODS_OR_SERVICES),
        "obligation_arose_on": date(2026, 6, 1),
        "issued_on": date(2026, 6, 1),
    }
    return plain | changes


@pytest.mark.parametrize(
    ("changes", "is_consumer", "ppm"),
    [
        ({}, True, 65_200),
        ({}, None, 65_200),
        ({}, False, 105_200),
        ({"obligation_arose_on": None}, False, 105_200),
        ({"kind": int(ClaimKind.DAMAGES)}, False, 65_200),
        ({"kind": int(ClaimKind.REAL_ESTATE_CONSUMER_LOAN)}, True, 40_200),
        ({"obligation_arose_on": date(2014, 6, 1)}, False, 95_200),
    ],
)
def test_rates_of_the_second_half_of_2026(
    changes: dict[str, Any], is_consumer: bool | None, ppm: int
) -> None:
    assert default_rate(claim(**changes), is_consumer, LAWS, ON) == ppm


def test_an_unknown_figure_is_not_announced() -> None:
    assert default_rate(claim(), True, LAWS, date(2027, 1, 1)) is None
    assert default_rate(claim(obligation_arose_on=None, issued_on=None), True, LAWS, ON) is None
