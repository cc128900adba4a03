"""The main job: files in, the day planned, letters and messages out, a summary.

Without files it works on the example book: the files of `examples/`. `examples/days.txt` names its
days, one a line; the book lives through all of them, and the summary is about the last.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mahnwerk.usecases import books, cases, clock, day, imports, sending
from mahnwerk.usecases.day import DayReport
from mahnwerk.usecases.errors import BadInput, NotFound
from mahnwerk.usecases.imports import ImportSummary
from mahnwerk.usecases.opening import open_book
from mahnwerk.usecases.sending import SendReport

Progress = Callable[[int, int], None]
DAY_FILES = ("days.txt", "day.txt")
READABLE = (".yaml", ".yml", ".csv", ".xml", ".pdf")


@dataclass(frozen=True)
class MainJob:
    """What was imported, planned and sent, and where it lies."""

    book: str
    outbox: str
    imports: Sequence[ImportSummary]
    day: DayReport
    sending: SendReport
    totals: list[dict[str, Any]]

    @property
    def needs_person(self) -> bool:
        """Something was rejected, failed or is uncertain."""
        return (
            self.day.needs_person
            or self.sending.needs_person
            or any(summary.needs_person for summary in self.imports)
        )


def run(
    files: Sequence[Path],
    *,
    on: dt.date | None,
    book: str,
    creditor: str = "",
    mapping: str = "",
    confirm_day: bool = False,
    actor: str,
    progress: Progress,
) -> MainJob:
    """Import, plan, send. Stopped anywhere and started again, it goes on where it was.

    Raises
    ------
    NotFound
        A file is not there, or there are no examples.
    DayRefused
        The day lies before the book's last run, or too far ahead.
    """
    examples, earlier = examples_folder(), []
    if not files and not book:
        book = books.EXAMPLE
    if books.place(book).name == books.EXAMPLE and not files:
        days = example_days(examples)
        files, on, earlier = example_files(examples), on or days[-1], days[:-1]
    elif books.place(book).name == books.EXAMPLE and book:
        raise BadInput(
            "the book 'example' holds the examples only; samples and real claims are never mixed.",
            "Name another book with --book, or leave --book out.",
        )
    elif not book:
        book = books.name_from_file(files[0])
    missing = [str(path) for path in files if not path.is_file()]
    if missing:
        raise NotFound(f"there is no file {', '.join(missing)}.", "Check the name.")
    opened = open_book(book, actor=actor, create=True)
    chosen = on or clock.today()
    day.guard(opened, chosen, confirm_day=confirm_day or bool(earlier))
    taken = imports.import_files(opened, files, creditor=creditor, mapping=mapping, progress=progress)
    for past in earlier:
        if past < chosen and past > (day.last_run_on(opened) or dt.date.min):
            day.run_day(opened, past, confirm_day=True)
            sending.send(opened, past, confirm_day=True)
    planned = day.run_day(opened, chosen, confirm_day=confirm_day or bool(earlier), progress=progress)
    sent = sending.send(opened, chosen, confirm_day=True, progress=progress)
    return MainJob(
        book=opened.place.name,
        outbox=str(opened.place.outbox),
        imports=taken,
        day=planned,
        sending=sent,
        totals=cases.totals(opened, chosen),
    )


def examples_folder() -> Path:
    """Where the examples lie in the source tree."""
    return Path(__file__).resolve().parents[3] / "examples"


def example_files(folder: Path) -> list[Path]:
    """The files of the examples, in an order in which each finds what it needs."""
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in READABLE and path.is_file())
    if not found:
        raise NotFound(f"there are no examples in {folder}.", "Give files: mahnwerk run claims.csv")
    return found


def example_days(folder: Path) -> list[dt.date]:
    """The days of the examples, always the same, so that everybody sees the same letters."""
    path = next((folder / name for name in DAY_FILES if (folder / name).is_file()), folder / DAY_FILES[0])
    try:
        days = [dt.date.fromisoformat(word) for word in path.read_text(encoding="utf-8").split()]
    except (OSError, ValueError) as error:
        raise NotFound(f"{path} does not name the days of the examples.", "Give one with --on.") from error
    if not days or days != sorted(days):
        raise NotFound(f"{path} must name days in their order.", "Give one with --on.")
    return days
