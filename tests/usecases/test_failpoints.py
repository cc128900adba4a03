"""Fail points: silent when off, deadly at the chosen number when on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from mahnwerk.usecases import failpoints

PROGRAM = """
from mahnwerk.usecases import failpoints
for name in ("one", "two", "three"):
    failpoints.reached(name)
print("alive")
"""


def run(tmp_path: Path, **switches: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MAHNWERK_KILL_LOG": str(tmp_path / "log"), **switches}
    return subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)


def test_off_in_ordinary_life() -> None:
    assert not failpoints._armed
    failpoints.reached("anything")
    assert failpoints._reached == 0


def test_counting_kills_nobody(tmp_path: Path) -> None:
    assert run(tmp_path).stdout == "alive\n"
    assert (tmp_path / "log").read_text().split() == ["one", "two", "three"]


def test_the_chosen_point_is_the_last(tmp_path: Path) -> None:
    ended = run(tmp_path, MAHNWERK_KILL_AT="2")
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout == ""
    assert (tmp_path / "log").read_text().split() == ["one", "two"]
