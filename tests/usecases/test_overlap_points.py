"""A sample of two processes doing the same at once; `python -m tests.usecases.overlap_points` tries all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("job", ["day", "bank", "journal", "payouts", "debits"])
def test_two_at_once_do_what_one_does(job: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.usecases.overlap_points", "--points", "2", "--job", job],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{job}: " in ended.stdout
    assert "2 overlapped · lost 0 · doubled 0 · different end state 0" in ended.stdout
