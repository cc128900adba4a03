"""The only place that reads the clock. Everything else is told the day or the time.

`today()` is the local day of the book's time zone, `now()` the time in UTC. A test or a simulator
puts its own clock in with `use_clock`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

TIME_ZONE = ZoneInfo("Europe/Berlin")
"""Days begin and end here (decision 0002)."""


def _system_clock() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


_read: Callable[[], dt.datetime] = _system_clock


def now() -> dt.datetime:
    """The time now, in UTC."""
    return _read().astimezone(dt.UTC)


def today() -> dt.date:
    """The local day now, in `TIME_ZONE`."""
    return now().astimezone(TIME_ZONE).date()


@contextmanager
def use_clock(read: Callable[[], dt.datetime]) -> Iterator[None]:
    """Within the block, `now` and `today` answer what `read` (an aware time) says."""
    global _read
    before, _read = _read, read
    try:
        yield
    finally:
        _read = before
