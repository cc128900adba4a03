"""The tutorials are run, line by line, as a newcomer would."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RUN = "from mahnwerk.cli.main import main; main()"


def _flat(text: str) -> str:
    return " ".join(text.split())


def _commands(body: str) -> Iterator[tuple[str, list[str]]]:
    """Each command with the lines its output must hold."""
    command, expected = "", []
    for line in body.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, expected
            command, expected = line[2:], []
        elif line.strip():
            expected.append(_flat(line))
    if command:
        yield command, expected


@pytest.mark.parametrize(
    ("page", "made"), [("tutorial.md", "statement.pdf"), ("tutorial-money.md", "refunds.xml")]
)
def test_the_tutorial_does_what_it_says(page: str, made: str, tmp_path: Path) -> None:
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("MAHNWERK_", "DJANGO_"))},
        "MAHNWERK_VAR": str(tmp_path / "var"),
        "PYTHONPATH": str(PROJECT / "src"),
        "COLUMNS": "200",
    }
    count = 0
    for language, options, body in BLOCK.findall((PROJECT / "docs" / page).read_text(encoding="utf-8")):
        named = re.search(r"file=(\S+)", options)
        if named:
            (tmp_path / named.group(1)).write_text(body, encoding="utf-8")
        if language != "console":
            continue
        wanted = re.search(r"exit=(\d)", options)
        for command, expected in _commands(body):
            words = shlex.split(command)
            assert words[0] == "mahnwerk"
            done = subprocess.run(
                [sys.executable, "-c", RUN, *words[1:]], cwd=tmp_path, env=environment, capture_output=True,
                text=True, check=False,
            )  # fmt: skip
            output = _flat(done.stdout + done.stderr)
            assert done.returncode == (int(wanted.group(1)) if wanted else 0), f"{command}\n{output}"
            for line in expected:
                assert line in output, f"{command}\nmissing: {line}\n{done.stdout}{done.stderr}"
            count += 1
    assert count > 12
    assert (tmp_path / made).read_bytes().startswith((b"%PDF", b"<?xml"))
