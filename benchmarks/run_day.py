"""One step of the bench in a process of its own: make a book, or run its day and say where the time went.

    python -m benchmarks.run_day make FOLDER --claims 100000 --on 2026-03-02
    python -m benchmarks.run_day run FOLDER --on 2026-03-02 [--bare]

Prints one JSON object: seconds in all and per stage, rows, peak memory in MB.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any


def peak_mb() -> int:
    """Largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def make(folder: Path, claims: int, on: date) -> dict[str, Any]:
    """Fill an empty book with `claims` open claims."""
    from mahnwerk.records.book import ensure_tenant, open_book

    open_book(folder, check=False)
    from benchmarks.book_maker import make_book

    from mahnwerk.usecases.procedures import shipped

    known = {name for name in shipped() if name.startswith("consumers@")}
    made = make_book(ensure_tenant(), claims, on=on, procedure=known.pop())
    return made.__dict__


def run(folder: Path, on: date) -> dict[str, Any]:
    """The use case as the command runs it, with a clock around its parts."""
    began = time.perf_counter()
    from mahnwerk.usecases import opening

    opening.start_django()
    from mahnwerk.usecases import day

    opened = opening.open_book(str(folder), actor="bench", create=False)
    stages: dict[str, float] = {"start and open": time.perf_counter() - began}

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            since = time.perf_counter()
            result = function(*args, **kwargs)
            stages[name] = stages.get(name, 0.0) + time.perf_counter() - since
            return result

        return call

    day.load.book = timed("load", day.load.book)
    day.decide = timed("kernel", day.decide)
    day.save.day_plan = timed("save", day.save.day_plan)
    report = day.run_day(opened, on, confirm_day=True)
    total = time.perf_counter() - began
    return {
        "seconds": round(total, 2),
        "stages": {name: round(seconds, 2) for name, seconds in stages.items()},
        "cases": report.case_count,
        "measures": report.measure_count,
        "held": report.held_count,
        "recorded": report.recorded_count,
        "peak_mb": peak_mb(),
    }


def bare(folder: Path) -> dict[str, Any]:
    """The bare cost of the same rows: read every column a run needs, write a row per case. No thought."""
    from mahnwerk.records.book import ensure_tenant, open_book

    open_book(folder, check=False)
    ensure_tenant()  # row-level security shows nothing to a connection without a tenant
    from django.db import connection, transaction

    began = time.perf_counter()
    with connection.cursor() as cursor:
        rows = 0
        for table in ("cases", "claims", "facts", "messages", "message_items"):
            cursor.execute(f"SELECT * FROM {table}")
            while chunk := cursor.fetchmany(50_000):
                rows += len(chunk)
        read = time.perf_counter() - began
        cursor.execute("SELECT id FROM cases")
        ids = cursor.fetchall()
        with transaction.atomic():
            cursor.execute("CREATE TEMP TABLE bare (id bigint, outcome text, reason text, day date)")
            values = [(row[0], "held", "waiting", "2026-03-02") for row in ids]
            if connection.vendor == "postgresql":
                with connection.connection.cursor().copy("COPY bare FROM STDIN") as copy:
                    for value in values:
                        copy.write_row(value)
            else:
                cursor.executemany("INSERT INTO bare VALUES (%s, %s, %s, %s)", values)
    total = time.perf_counter() - began
    return {"seconds": round(total, 2), "stages": {"read": round(read, 2), "write": round(total - read, 2)},
            "rows": rows, "peak_mb": peak_mb()}  # fmt: skip


def main() -> None:
    """Parse, do, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["make", "run", "bare"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--claims", type=int, default=100_000)
    parser.add_argument("--on", type=date.fromisoformat, default=date(2026, 3, 2))
    options = parser.parse_args()
    if options.what == "make":
        result = make(options.folder, options.claims, options.on)
    elif options.what == "run":
        result = run(options.folder, options.on)
    else:
        result = bare(options.folder)
    json.dump(result, sys.stdout)
    print()


if __name__ == "__main__":
    main()
