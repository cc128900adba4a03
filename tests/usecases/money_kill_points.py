"""Kill the journal run, payouts and direct debits at every point where they could stop, and go on.

    python -m tests.usecases.money_kill_points                        every point of all four jobs
    python -m tests.usecases.money_kill_points --points 6             six spread evenly over each
    MAHNWERK_TEST_DATABASE=postgres python -m tests.usecases.money_kill_points --job payouts

As tests.usecases.kill_points: whatever the point, the finished world is the one an undisturbed run makes,
in the book, in the audit trail and in the outbox, down to the bytes of the statements.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.usecases import money_jobs, trials


def main() -> int:
    """Print the counts; 1 if anything was lost, doubled or different."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--points", type=int, default=0, help="so many per job; 0 = all")
    parser.add_argument("--job", choices=[*money_jobs.JOBS, "all"], default="all")
    options = parser.parse_args()
    modules = [f"mahnwerk.usecases.{name}" for name in ("journal", "payouts", "debit_files", "imports")]
    chosen = money_jobs.JOBS if options.job == "all" else [options.job]
    with trials.databases(*modules), tempfile.TemporaryDirectory(prefix="mw-money-kill-") as folder:
        results = [
            trials.kill_everywhere(money_jobs.JOBS[name](Path(folder)), options.points) for name in chosen
        ]
    return trials.report(results)


if __name__ == "__main__":
    sys.exit(main())
