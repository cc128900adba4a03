"""Stop a job at a point, let a second process do the same meanwhile, go on: the result is as of one.

    python -m tests.usecases.overlap_points                      every point of every job
    python -m tests.usecases.overlap_points --points 4 --job day
    MAHNWERK_TEST_DATABASE=postgres python -m tests.usecases.overlap_points

Two daily runs with their letters, two imports of the same bank files, two journal runs, two payouts, two
files of direct debits. Points are those of tests.usecases.kill_points, with `SIGSTOP` in place of `SIGKILL`.
The second process works until it ends or must wait for the first; a process that ends with the message that
another was at work is called again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.usecases import bank_kill_points, kill_points, money_jobs, trials
from tests.usecases.money_jobs import at, opened
from tests.usecases.trials import Job, TrialBook

DAY = kill_points.DAYS[0]


def make_day(folder: Path) -> None:
    """The kiosk's book before its first day."""
    from mahnwerk.usecases import imports

    texts = {
        "kiosk.yaml": kill_points.creditor_file(),
        "kiosk.csv": kill_points.CLAIMS,
        "kiosk-facts.csv": kill_points.FACTS,
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    at(DAY, 0, lambda: imports.import_files(opened(create=True), [folder / name for name in texts]))


def run_and_send(hour: int) -> None:
    """Plan the day, send what it says; decisions follow what was sent, so the day is planned once more."""
    from mahnwerk.usecases import day, sending

    def work() -> None:
        book = opened()
        day.run_day(book, DAY)
        sending.send(book, DAY)
        day.run_day(book, DAY)

    at(DAY, hour, work)


def the_day() -> dict[str, Any]:
    """What the kill points of the main job look at."""
    found = kill_points.in_the_book()
    return {**found, "states": [str(row) for row in found["states"]]}


def day_job(folder: Path) -> Job:
    """The daily run and its letters."""
    place = folder / "day"
    return Job(
        TrialBook(place, "day"),
        lambda: make_day(place),
        run_and_send,
        the_day,
        lambda: money_jobs.written(place),
        again=money_jobs.AGAIN,
    )


JOBS = {
    "day": day_job,
    "bank": lambda folder: bank_kill_points.job(folder / "bank"),
    **{name: money_jobs.JOBS[name] for name in ("journal", "payouts", "debits")},
}


def main() -> int:
    """Print the counts; 1 if anything was lost, doubled or different."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--points", type=int, default=0, help="so many per job; 0 = all")
    parser.add_argument("--job", choices=[*JOBS, "all"], default="all")
    options = parser.parse_args()
    names = ("journal", "payouts", "debit_files", "imports", "bank_import")
    chosen = JOBS if options.job == "all" else [options.job]
    modules = [f"mahnwerk.usecases.{name}" for name in names]
    with trials.databases(*modules), tempfile.TemporaryDirectory(prefix="mw-two-") as folder:
        results = [trials.overlap_everywhere(JOBS[name](Path(folder)), options.points) for name in chosen]
    return trials.report(results)


if __name__ == "__main__":
    sys.exit(main())
