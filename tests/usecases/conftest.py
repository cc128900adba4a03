"""A small book for use cases: one kiosk, four debtors."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.usecases import kill_points

FIRST = kill_points.DAYS[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Creditor, claims and facts files."""
    place = tmp_path / "files"
    place.mkdir()
    (place / "kiosk.yaml").write_text(kill_points.creditor_file(), encoding="utf-8")
    (place / "kiosk.csv").write_text(kill_points.CLAIMS, encoding="utf-8")
    (place / "kiosk-facts.csv").write_text(kill_points.FACTS, encoding="utf-8")
    return place


@pytest.fixture
def opened(tenant_id: int, tmp_path: Path) -> object:
    """An empty book."""
    from mahnwerk.usecases.books import BookPlace
    from mahnwerk.usecases.opening import OpenBook

    return OpenBook(BookPlace("test", tmp_path, tmp_path / "outbox"), tenant_id, "test")


@pytest.fixture
def kiosk(opened: object, folder: Path) -> object:
    """The book with the kiosk's files in it."""
    from mahnwerk.usecases import imports

    files = [folder / name for name in ("kiosk.yaml", "kiosk.csv", "kiosk-facts.csv")]
    summaries = imports.import_files(opened, files)  # type: ignore[arg-type]
    assert not any(summary.rejected for summary in summaries)
    return opened


@pytest.fixture(autouse=True)
def at() -> Iterator[Callable[[int], None]]:
    """The clock stands at 8:00 of the first day; `at(n)` moves it to n hours later."""
    from mahnwerk.usecases import clock

    hours = [0]

    def read() -> dt.datetime:
        return dt.datetime.combine(FIRST, dt.time(6), dt.UTC) + dt.timedelta(hours=hours[0])

    def move(hour: int) -> None:
        hours[0] = hour

    with clock.use_clock(read):
        yield move
