"""A sample of the kill points of webhooks; `python -m tests.usecases.provider_kill_points` tries all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_killed_anywhere_no_payment_is_lost_or_booked_twice() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.usecases.provider_kill_points", "--points", "3"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "lost 0 · doubled 0" in ended.stdout and " 0 killed" not in ended.stdout
