"""Days on which banks settle in euro: TARGET, the calendar of the European Central Bank."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Final

import holidays

SATURDAY: Final = 5


@cache
def _closed(year: int) -> frozenset[date]:
    return frozenset(holidays.financial_holidays("ECB", years=year))


def is_target_day(day: date) -> bool:
    """Whether TARGET is open: closed on weekends, New Year, Easter Friday and Monday, 1 May, 25/26 Dec."""
    return day.weekday() < SATURDAY and day not in _closed(day.year)


def target_day(day: date) -> date:
    """The day itself if TARGET is open, else the next on which it is."""
    while not is_target_day(day):
        day += timedelta(days=1)
    return day


def target_days_after(day: date, count: int) -> date:
    """The `count`-th TARGET day after a day."""
    for _ in range(count):
        day = target_day(day + timedelta(days=1))
    return day
