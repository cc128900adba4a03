"""The shell's side: help, JSON, exit codes, and a start without the database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.usecases import kill_points

from mahnwerk.cli.main import COMMANDS, app


def shell(tmp_path: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as people do, in a `var` of its own."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("MAHNWERK_")}
    inherited.pop("DJANGO_SETTINGS_MODULE", None)
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-m", "mahnwerk.cli.main", *words],
        env={
            **inherited,
            "PYTHONPATH": str(root / "src"),
            "MAHNWERK_VAR": str(tmp_path / "var"),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    texts = {
        "kiosk.yaml": kill_points.creditor_file(),
        "kiosk.csv": kill_points.CLAIMS,
        "kiosk-facts.csv": kill_points.FACTS,
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return [str(tmp_path / name) for name in texts]


def _invocations() -> list[list[str]]:
    """Every command with its group: ["run"], ["fact", "add"], …"""
    import typer

    root = typer.main.get_command(app)
    found = []
    for name in sorted(set(COMMANDS) - {"law"}):
        command = root.get_command(None, name)  # type: ignore[union-attr]
        inner = sorted(getattr(command, "commands", {}) or [])
        found += [[name, one] for one in inner] or [[name]]
    return found


@pytest.mark.parametrize("words", _invocations(), ids=" ".join)
def test_every_command_explains_itself_with_an_example(words: list[str]) -> None:
    from typer.testing import CliRunner

    result = CliRunner().invoke(app, [*words, "--help"])
    assert result.exit_code == 0
    assert f"mahnwerk {' '.join(words)}" in result.stdout
    assert "--json" in result.stdout
    group = CliRunner().invoke(app, [words[0], "--help"])
    assert "completion" not in group.stdout


def test_help_lists_all_commands_and_a_typo_gets_a_hint() -> None:
    from typer.testing import CliRunner

    shown = CliRunner().invoke(app, ["--help"]).stdout
    assert all(name in shown for name in COMMANDS)
    wrong = CliRunner().invoke(app, ["statment"])
    assert wrong.exit_code == 2
    assert "statement" in wrong.output


def test_the_law_commands_start_without_django(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from mahnwerk.cli.main import app\n"
        "try:\n    app(['law', '--help'], prog_name='mahnwerk')\n"
        "except SystemExit:\n    pass\n"
        "assert not [name for name in sys.modules if name.split('.')[0] in ('django', 'typst')]\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_the_main_job_and_what_can_be_asked_afterwards(tmp_path: Path, files: list[str]) -> None:
    day = ["--on", "2026-03-31"]
    done = shell(tmp_path, "run", *files, *day, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["book"] == "kiosk"
    assert told["sending"]["sent"] == 3
    assert len(list((tmp_path / "var" / "outbox" / "kiosk").iterdir())) == 3
    again = json.loads(shell(tmp_path, "run", *files, *day, "--json").stdout)
    assert again["sending"]["sent"] == 0
    listing = json.loads(shell(tmp_path, "cases", "--book", "kiosk", "--json").stdout)
    assert listing["total"] == 4
    reasoned = shell(tmp_path, "why", "M-000004", "--book", "kiosk")
    assert reasoned.returncode == 0
    assert "disputed" in reasoned.stdout
    late = shell(tmp_path, "run-day", "--book", "kiosk", "--on", "2026-03-01", "--json")
    assert late.returncode == 4
    assert json.loads(late.stdout)["exit_code"] == 4


def test_refusals_say_what_and_what_to_do(tmp_path: Path) -> None:
    none = shell(tmp_path, "cases", "--book", "nowhere")
    assert none.returncode == 2
    assert "nowhere" in none.stderr
    assert "→" in none.stderr
    assert not (tmp_path / "var" / "books" / "nowhere" / "book.sqlite3").exists()
    mixed = shell(tmp_path, "run", __file__, "--book", "example")
    assert mixed.returncode == 2
    assert "never mixed" in mixed.stderr


def test_a_procedure_is_checked_without_a_book(tmp_path: Path) -> None:
    from importlib import resources

    shipped = (resources.files("mahnwerk") / "procedures" / "consumers.yaml").read_text(encoding="utf-8")
    good, harsh, broken = tmp_path / "good.yaml", tmp_path / "harsh.yaml", tmp_path / "broken.yaml"
    good.write_text(shipped, encoding="utf-8")
    harsh.write_text(shipped.replace("post: 76", "post: 976"), encoding="utf-8")
    broken.write_text(shipped.replace("min_interval_days", "min_intervall_days"), encoding="utf-8")
    assert shell(tmp_path, "procedure", "check", str(good)).returncode == 0
    assert shell(tmp_path, "procedure", "check", str(harsh), "--json").returncode == 1
    wrong = shell(tmp_path, "procedure", "check", str(broken))
    assert wrong.returncode == 2
    assert "min_interval_days" in wrong.stderr


def test_a_defect_tells_its_place_and_nobodys_data(monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from mahnwerk.cli import options

    def broken() -> None:
        raise RuntimeError("Anna Abel, Weg 1")

    monkeypatch.setattr(options, "default_actor", broken)
    result = CliRunner().invoke(app, ["run-day", "--book", "nowhere"])
    assert result.exit_code == 5
    assert "RuntimeError at " in result.output
    assert "Abel" not in result.output
