"""TARGET days: six closed days a year and weekends."""

from __future__ import annotations

from datetime import date

import pytest

from mahnwerk.kernel.target_days import is_target_day, target_day, target_days_after


@pytest.mark.parametrize(
    "closed", ["2026-01-01", "2026-04-03", "2026-04-06", "2026-05-01", "2026-12-25", "2026-12-26"]
)
def test_the_six_days(closed: str) -> None:
    assert not is_target_day(date.fromisoformat(closed))


def test_german_holidays_are_open_days() -> None:
    assert is_target_day(date(2025, 10, 3))
    assert is_target_day(date(2026, 5, 14))


def test_easter() -> None:
    assert target_day(date(2026, 4, 3)) == date(2026, 4, 7)
    assert target_days_after(date(2026, 4, 2), 2) == date(2026, 4, 8)
    assert target_day(date(2026, 4, 2)) == date(2026, 4, 2)
