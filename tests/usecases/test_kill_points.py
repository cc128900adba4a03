"""A sample of the kill points; `python -m tests.usecases.kill_points` tries every one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_killed_anywhere_nothing_is_lost_or_done_twice() -> None:
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.usecases.kill_points", "--points", "3"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = [line for line in ended.stdout.splitlines() if "points," in line]
    assert [line.split(":")[0] for line in lines] == ["files", "fees", "links", "mail"]
    assert all("3 killed" in line for line in lines)
