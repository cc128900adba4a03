"""The clock: days are local, times are UTC, tests bring their own."""

from __future__ import annotations

import datetime as dt

from mahnwerk.usecases import clock


def test_the_day_turns_at_local_midnight() -> None:
    for time, day in [
        (dt.datetime(2026, 1, 31, 22, 59, tzinfo=dt.UTC), dt.date(2026, 1, 31)),
        (dt.datetime(2026, 1, 31, 23, 0, tzinfo=dt.UTC), dt.date(2026, 2, 1)),
        (dt.datetime(2026, 7, 31, 22, 0, tzinfo=dt.UTC), dt.date(2026, 8, 1)),
    ]:
        with clock.use_clock(lambda time=time: time):
            assert clock.today() == day
            assert clock.now() == time


def test_afterwards_the_clock_is_the_old_one() -> None:
    with clock.use_clock(lambda: dt.datetime(2001, 1, 1, tzinfo=dt.UTC)):
        assert clock.now().year == 2001
    assert clock.now().year > 2001
    assert clock.now().tzinfo is dt.UTC
