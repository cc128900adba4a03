"""Time the journal of a made-up book: everything posted in one run, then a second run that posts nothing.

    python benchmarks/journal.py [CLAIMS]

A fifth of the claims is part-paid. Without MAHNWERK_DATABASE_URL the book is a SQLite file in a temporary
folder; with it the named, empty PostgreSQL database is used.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
ON = date(2026, 3, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("claims", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stages = measure(options.claims, Path(folder), say=(lambda text: None) if options.json else print)
    if options.json:
        print(json.dumps({"stages": stages}))


def measure(count: int, folder: Path, say: Callable[[str], None]) -> dict[str, float]:
    """Seconds of a first and a second run and of the balance; says rows and peak memory as it goes."""
    stages: dict[str, float] = {}
    from mahnwerk.usecases.opening import open_book

    book = open_book(str(folder / "book"), actor="bench", create=True)
    from book_maker import make_book
    from django.db import connection

    from mahnwerk.usecases import journal

    made = make_book(book.tenant_id, count, on=ON)
    say(f"{made.claims:,} claims, {made.cases:,} cases, {made.facts:,} facts on {connection.vendor}")
    for word in ("first run", "second run"):
        begun, cpu = time.perf_counter(), time.process_time()
        report = journal.post(book, ON, confirm_day=True)
        spent, cpu = time.perf_counter() - begun, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        stages[word] = round(spent, 1)
        say(
            f"{word}: {spent:.1f} s ({cpu:.1f} s of processor), {report.posting_count:,} postings; "
            f"peak {peak} MB"
        )
    begun = time.perf_counter()
    state = journal.balance(book, ON)
    spent = time.perf_counter() - begun
    assert all(check["ok"] for check in state["checks"]), state["checks"]
    stages["balance"] = round(spent, 1)
    say(f"balance of {len(state['accounts'])} accounts: {spent:.1f} s, all checks hold")
    return stages


if __name__ == "__main__":
    main()
