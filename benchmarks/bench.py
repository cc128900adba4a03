"""`script/bench`: time the main job's parts on SQLite and PostgreSQL, beside the bare cost of the same rows.

    script/bench                  # everything: about a quarter of an hour
    script/bench --small          # 100,000 claims only
    script/bench --write          # also put the table into docs/performance.md

Each figure is a whole process, started fresh, and the median of its runs; books are made anew per run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ON = date(2026, 3, 2)
MAHNWERK = "from mahnwerk.cli.main import main; main()"
MARK = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.DOTALL)


def call(*command: str, environment: dict[str, str]) -> tuple[float, int, dict[str, Any]]:
    """Run a Python module of ours: seconds, peak MB of the process, its JSON."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *(("-c", MAHNWERK, *command[1:]) if command[0] == "mahnwerk" else ("-m", *command))],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status not in (0, 256):  # 1 = something needs a person
        raise SystemExit(f"{' '.join(command)} failed")
    return seconds, usage.ru_maxrss // 1024, json.loads(text)


class Database:
    """A place for books: a folder, and for PostgreSQL a fresh database in it."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.folder, self.count = kind, folder, 0

    def new_book(self) -> tuple[Path, dict[str, str]]:
        """An empty book and the environment that opens it."""
        self.count += 1
        book = self.folder / f"book{self.count}"
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "MAHNWERK_BOOK": str(book)}
        if self.kind == "postgres":
            from tests.records import postgres_server

            name = f"bench{self.count}"
            postgres_server._run(
                self.folder / "pg",
                str(postgres_server.find_binaries() / "createdb"),  # type: ignore[operator]
                "-h", str(self.folder / "pg"), "-U", postgres_server.ROLE, name,
            )  # fmt: skip
            environment["MAHNWERK_DATABASE_URL"] = (
                f"postgresql://{postgres_server.ROLE}@/{name}?host={self.folder / 'pg'}"
            )
        return book, environment


def measure_import(database: Database, rows: int) -> dict[str, Any]:
    """Import a claims CSV through the command."""
    file = database.folder / f"claims-{rows}.csv"
    if not file.exists():
        from benchmarks.claims_csv import write

        write(file, rows)
    book, environment = database.new_book()
    creditor = ROOT / "examples" / "creditor-1-lindenhof.yaml"
    call(
        "mahnwerk",
        "creditor",
        "add",
        str(creditor),
        "--book",
        str(book),
        "--json",
        environment=environment,
    )
    seconds, peak, _ = call(
        "mahnwerk", "import", str(file), "--creditor", "lindenhof", "--book", str(book), "--json",
        environment=environment,
    )  # fmt: skip
    return {"seconds": seconds, "peak_mb": peak}


def measure_bank(database: Database, entries: int) -> dict[str, Any]:
    """Import a bank statement through the command, into a book with twice as many claims."""
    book, environment = database.new_book()
    sizes = ["--entries", str(entries), "--claims", str(2 * entries)]
    _, _, result = call("benchmarks.bank_import", *sizes, environment=environment)
    shutil.rmtree(book, ignore_errors=True)
    return result


def measure_days(database: Database, claims: int) -> list[tuple[str, dict[str, Any]]]:
    """The first day, the next day and the bare cost of one book."""
    book, environment = database.new_book()
    call(
        "benchmarks.run_day",
        "make",
        str(book),
        "--claims",
        str(claims),
        "--on",
        ON.isoformat(),
        environment=environment,
    )
    found = []
    for label, what, on in (
        ("bare rows", "bare", ON),
        ("run-day, first", "run", ON),
        ("run-day, next", "run", ON + timedelta(days=1)),
    ):
        seconds, peak, result = call(
            "benchmarks.run_day", what, str(book), "--on", on.isoformat(), environment=environment
        )
        found.append((label, {**result, "seconds": seconds, "peak_mb": max(peak, result["peak_mb"])}))
    shutil.rmtree(book, ignore_errors=True)
    return found


def medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The run with the median time."""
    ordered = sorted(runs, key=lambda run: run["seconds"])
    return {**ordered[len(ordered) // 2], "seconds": statistics.median(run["seconds"] for run in runs)}


def table(rows: list[tuple[str, str, dict[str, Any], str]]) -> str:
    """Markdown, one row per figure."""
    lines = [
        "| what | database | seconds | peak MB | aim | where the time goes |",
        "|---|---|---|---|---|---|",
    ]
    for what, kind, run, aim in rows:
        stages = ", ".join(f"{name} {seconds}" for name, seconds in run.get("stages", {}).items())
        lines.append(f"| {what} | {kind} | {run['seconds']:.1f} | {run['peak_mb']} | {aim} | {stages} |")
    return "\n".join(lines)


def all_figures(
    kinds: list[str], sizes: list[int], repeats: int, folder: Path
) -> list[tuple[str, str, dict[str, Any], str]]:
    """Every row of the table."""
    aims = {100_000: "4 s, 1 GB", 1_000_000: "40 s, 4 GB"}
    rows = []
    for kind in kinds:
        place = folder / kind
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o755)
        database = Database(kind, place)
        if kind == "postgres":
            from tests.records import postgres_server

            postgres_server.start(place / "pg")
        try:
            imports = [measure_import(database, 100_000) for _ in range(repeats)]
            rows.append(("import of 100,000 claims (CSV)", kind, medians(imports), "8 s"))
            banked = [measure_bank(database, 100_000)]
            rows.append(("bank file of 100,000 entries, 200,000 claims", kind, medians(banked), ""))
            for size in sizes:
                runs = [measure_days(database, size) for _ in range(repeats if size <= 100_000 else 1)]
                for index, (label, _) in enumerate(runs[0]):
                    aim = aims[size] if label.startswith("run") else ""
                    rows.append(
                        (f"{label}, {size:,} claims", kind, medians([run[index][1] for run in runs]), aim)
                    )
        finally:
            if kind == "postgres":
                postgres_server.stop(place / "pg")
    return rows


def plain(what: str, aim: str, *command: str) -> tuple[str, str, dict[str, Any], str]:
    """A benchmark that needs no database of ours: it prints its own stages."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    seconds, peak, result = call(*command, "--json", environment=environment)
    stages = result.get("stages") or {k: v for k, v in result.items() if isinstance(v, int | float)}
    return what, "–", {"seconds": seconds, "peak_mb": peak, "stages": stages}, aim


def others(small: bool) -> list[tuple[str, str, dict[str, Any], str]]:
    """Letters, bank files, matching, the journal."""
    size, entries = (100_000, 10_000) if small else (1_000_000, 100_000)
    return [
        plain("1,000 letters to PDF", "100 letters/s", "benchmarks.letters", "1000"),
        plain("60,000 bank entries read", "", "benchmarks.bank_files"),
        plain(
            f"{entries:,} payments against {size:,} claims", "30 s, 4 GB", "benchmarks.matching",
            "--entries", str(entries), "--claims", str(size),
        ),
        plain(f"journal of {size:,} claims (SQLite)", "20 s", "benchmarks.journal", str(size)),
    ]  # fmt: skip


def main() -> None:
    """Measure, print, and on request write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--database", choices=["sqlite", "postgres", "both"], default="both")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    kinds = ["sqlite", "postgres"] if options.database == "both" else [options.database]
    sizes = [100_000] if options.small else [100_000, 1_000_000]
    folder = Path(tempfile.mkdtemp(prefix="mahnwerk-bench-"))
    folder.chmod(0o755)
    try:
        rows = all_figures(kinds, sizes, options.repeats, folder)
        rows += others(options.small)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    head = f"Measured by `script/bench` ({machine}; medians of {options.repeats}, at a million one run)."
    text = f"{head}\n\n{table(rows)}\n"
    print(text)
    if options.write:
        page = ROOT / "docs" / "performance.md"
        page.write_text(MARK.sub(lambda m: f"{m[1]}{text}{m[2]}", page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
