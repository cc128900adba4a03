"""A sample of the kill points of journal, payouts and debits; `…money_kill_points` tries every one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_killed_anywhere_no_cent_is_lost_or_paid_twice() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.usecases.money_kill_points", "--points", "3"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = [line for line in ended.stdout.splitlines() if "points," in line]
    assert [line.split(":")[0] for line in lines] == ["journal", "payouts", "debits", "statuses"]
    assert all("3 killed · lost 0 · doubled 0 · different end state 0" in line for line in lines)
