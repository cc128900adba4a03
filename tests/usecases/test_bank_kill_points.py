"""A sample of the kill points of the bank import; `python -m tests.usecases.bank_kill_points` tries all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_killed_anywhere_no_entry_is_lost_or_booked_twice() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.usecases.bank_kill_points", "--points", "4"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "4 killed · lost 0 · doubled 0" in ended.stdout
