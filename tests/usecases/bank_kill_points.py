"""Kill the bank import at every point where it could stop, start it again, and compare the results.

    python -m tests.usecases.bank_kill_points               every point
    python -m tests.usecases.bank_kill_points --points 30   30 points spread evenly

As tests.usecases.kill_points, for two statements that overlap: payments, twins, several invoices, a discount,
a proposal, suspense, and a debit that comes back. Whatever the point, the finished book must be the one an
undisturbed run makes: no entry lost, no fact twice.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.usecases.kill_points import BOOK, CLAIMS, creditor_file, inside, prepare

DAY = dt.date(2026, 3, 31)
IBAN = "DE02120300000000202051"


@dataclass
class BankCounts:
    """What the trials showed."""

    points: int = 0
    killed: int = 0
    lost: int = 0
    doubled: int = 0
    differing: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Nothing lost, nothing twice, nothing different."""
        return not (self.lost or self.doubled or self.differing)

    def line(self) -> str:
        """One line for people."""
        return (
            f"bank import: {self.points} points, {self.killed} killed · lost {self.lost} · doubled "
            f"{self.doubled} · different end state {self.differing}"
        )


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

    os.environ["MAHNWERK_VAR"] = str(folder / "template")
    (folder / "kiosk.yaml").write_text(creditor_file(), encoding="utf-8")
    (folder / "kiosk.csv").write_text(CLAIMS, encoding="utf-8")
    with clock.use_clock(lambda: _now(0)):
        book = opening.open_book(BOOK, actor="test", create=True)
        imports.import_files(book, [folder / "kiosk.yaml", folder / "kiosk.csv"])


def _now(hour: int) -> dt.datetime:
    return dt.datetime.combine(DAY, dt.time(6), dt.UTC) + dt.timedelta(hours=hour)


def work(folder: Path, files: list[Path], hour: int) -> dict[str, Any]:
    """Import all files, and say what is in the book."""
    from mahnwerk.usecases import bank_import, clock, opening

    os.environ["MAHNWERK_VAR"] = str(folder / "var")
    with clock.use_clock(lambda: _now(hour)):
        book = opening.open_book(BOOK, actor="test")
        for file in files:
            bank_import.import_files(book, [file], on=DAY)
    return in_the_book()


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


def run_all(folder: Path, points: int = 0) -> BankCounts:
    """Try `points` of all points (0 = every one)."""
    files = statements(folder)
    out, log = folder / "result.json", folder / "points.log"
    inside(lambda: template(folder), out)
    _reset(folder)
    inside(lambda: work(folder, files, 0), out, log=str(log))
    clean = json.loads(out.read_text())
    names = log.read_text().splitlines()
    counts = BankCounts(points=len(names))
    chosen = range(1, len(names) + 1)
    if 0 < points < len(names):
        chosen = sorted({1 + round(i * (len(names) - 1) / max(points - 1, 1)) for i in range(points)})
    for point in chosen:
        _reset(folder)
        if inside(lambda: work(folder, files, 0), out, kill_at=point):
            counts.faults.append(f"point {point} was not reached")
            counts.differing += 1
            continue
        counts.killed += 1
        inside(lambda: work(folder, files, 1), out)
        _compare(clean, json.loads(out.read_text()), f"point {point} ({names[point - 1]})", counts)
    return counts


def _reset(folder: Path) -> None:
    shutil.rmtree(folder / "var", ignore_errors=True)
    shutil.copytree(folder / "template", folder / "var")


def _compare(clean: dict[str, Any], after: dict[str, Any], where: str, counts: BankCounts) -> None:
    for name in ("facts", "entries"):
        before, now = Counter(map(tuple, clean[name])), Counter(map(tuple, after[name]))
        counts.lost += sum((before - now).values())
        counts.doubled += sum((now - before).values())
    if after != clean:
        counts.differing += 1
        counts.faults.append(f"{where}: {[name for name in clean if clean[name] != after[name]]}")


def main(arguments: list[str] | None = None) -> int:
    """Print the counts; 1 if anything was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--points", type=int, default=0, help="so many; 0 = all")
    options = parser.parse_args(arguments)
    prepare()
    import mahnwerk.usecases.bank_import
    import mahnwerk.usecases.imports  # noqa: F401

    with tempfile.TemporaryDirectory(prefix="mw-bank-kill-") as folder:
        counts = run_all(Path(folder), options.points)
    print(counts.line())
    for fault in counts.faults[:20]:
        print("  ", fault)
    return 0 if counts.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
