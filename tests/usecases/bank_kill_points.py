"""Kill the bank import at every point where it could stop, start it again, and compare the results.

    python -m tests.usecases.bank_kill_points               every point
    python -m tests.usecases.bank_kill_points --points 30   30 points spread evenly

As tests.usecases.kill_points, for two statements that overlap: payments, twins, several invoices, a discount,
a proposal, suspense, and a debit that comes back. Whatever the point, the finished book must be the one an
undisturbed run makes: no entry lost, no fact twice.

MAHNWERK_TEST_DATABASE=postgres does it on a PostgreSQL of its own.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.usecases.kill_points import BOOK, CLAIMS, creditor_file
from tests.usecases.trials import Job, TrialBook, databases, kill_everywhere, report

DAY = dt.date(2026, 3, 31)
IBAN = "DE02120300000000202051"


def statements(folder: Path) -> list[Path]:
    """Two statements that join on, and a third file that tells the second again with one entry more."""
    from tests.usecases.bank_worlds import Bank, Line

    bank = Bank(folder, iban=IBAN)
    first = bank.statement(
        Line(8490, "Rechnung R-1", "Anna Abel", end_to_end="E-1", code="171", day="2026-03-20"),
        Line(1000, "Spende", "Fremd", "DE75512108001245126199", day="2026-03-20"),
        Line(1000, "Spende", "Fremd", "DE75512108001245126199", day="2026-03-20"),
        Line(-700, "Gebühren", "Bank", "", day="2026-03-20"),
        day="2026-03-20",
    )
    start = bank.balance
    second = [
        Line(12000, "R-3", "Brandt, Bert", "DE25200400000000000001", day="2026-03-27"),
        Line(4500, "danke", "Dora Dietz", "DE25200400000000000002", day="2026-03-27"),
        Line(-8810, "RETOURE", "Anna Abel", end_to_end="E-1", reason="AM04", charges=320, day="2026-03-27"),
    ]
    files = [first, bank.statement(*second, day="2026-03-27")]
    longer = [*second, Line(50000, "R-4 Teil", "Cramer GmbH", "DE25200400000000000003", day="2026-03-27")]
    files.append(bank.statement(*longer, day="2026-03-27", opening=start))
    return files


def template(folder: Path) -> None:
    """A book with claims and no bank file."""
    from mahnwerk.usecases import clock, imports, opening

    (folder / "kiosk.yaml").write_text(creditor_file(), encoding="utf-8")
    (folder / "kiosk.csv").write_text(CLAIMS, encoding="utf-8")
    with clock.use_clock(lambda: _now(0)):
        book = opening.open_book(BOOK, actor="test", create=True)
        imports.import_files(book, [folder / "kiosk.yaml", folder / "kiosk.csv"])


def _now(hour: int) -> dt.datetime:
    return dt.datetime.combine(DAY, dt.time(6), dt.UTC) + dt.timedelta(hours=hour)


def work(files: list[Path], hour: int) -> None:
    """Import all files."""
    from mahnwerk.usecases import bank_import, clock, opening

    with clock.use_clock(lambda: _now(hour)):
        book = opening.open_book(BOOK, actor="test")
        for file in files:
            bank_import.import_files(book, [file], on=DAY)


def in_the_book() -> dict[str, Any]:
    """What must be the same however often the import was interrupted."""
    from mahnwerk.frames import FactKind
    from mahnwerk.records.models import BankEntry, BankStatement, Fact, KnownPayer, MatchProposal

    undone = set(Fact.objects.filter(kind=FactKind.VOIDED).values_list("case_id", "voids_fact_no"))
    live = [
        (FactKind(fact.kind).name, fact.amount_cents or 0, str(fact.effective_on))
        for fact in Fact.objects.exclude(kind=FactKind.VOIDED)
        if (fact.case_id, fact.fact_no) not in undone
    ]
    entries = BankEntry.objects.values_list("amount_cents", "booked_on", "state", "reason")
    return {
        "facts": sorted(map(list, live)),
        "entries": sorted([cents, str(day), state, reason] for cents, day, state, reason in entries),
        "statements": BankStatement.objects.count(),
        "payers": KnownPayer.objects.count(),
        "proposals": MatchProposal.objects.count(),
    }


def job(folder: Path) -> Job:
    """The import of three files that overlap, with its matcher."""
    folder.mkdir(parents=True, exist_ok=True)
    files = statements(folder)
    return Job(
        TrialBook(folder, "bank"),
        lambda: template(folder),
        lambda hour: work(files, hour),
        in_the_book,
    )


def main(arguments: list[str] | None = None) -> int:
    """Print the counts; 1 if anything was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--points", type=int, default=0, help="so many; 0 = all")
    options = parser.parse_args(arguments)
    modules = ("mahnwerk.usecases.bank_import", "mahnwerk.usecases.imports")
    with databases(*modules), tempfile.TemporaryDirectory(prefix="mw-bank-kill-") as folder:
        return report([kill_everywhere(job(Path(folder)), options.points)])


if __name__ == "__main__":
    sys.exit(main())
