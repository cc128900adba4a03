"""The layout: same noun, same name in each layer; the project speaks of itself alone."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "mahnwerk"


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = listed.stdout.split("\n") if listed.returncode == 0 else []
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


PARTS = {
    "allocation": {
        "charges",
        "details",
        "disputes",
        "events",
        "facts",
        "offers",
        "rates",
        "replay",
        "waterfall",
    }
}
"""Kernel modules that are parts of one noun and are tested with it."""


def test_each_kernel_noun_has_its_test_file() -> None:
    def tested(stem: str) -> bool:
        whole = next((noun for noun, parts in PARTS.items() if stem in parts), stem.split("_")[0])
        tests = ROOT / "tests" / "kernel"
        return bool(list(tests.glob(f"test_{stem}*.py")) or list(tests.glob(f"test_{whole}.py")))

    stems = {path.stem for path in (SRC / "kernel").glob("*.py")} - {"__init__"}
    missing = sorted(stem for stem in stems if not tested(stem))
    assert not missing, f"kernel modules without a test file of the same name: {missing}"


def test_no_path_of_a_machine_in_the_project() -> None:
    pattern = re.compile(r"(?<![\w.])/(?:work|root|home/[a-z]+)/")
    guilty = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.suffix in {".py", ".md", ".yaml", ".toml", ".typ", ".sh"}
        and pattern.search(path.read_text("utf-8"))
        and path != Path(__file__)
    ]
    assert not guilty


def test_every_decision_fits_on_a_page() -> None:
    long = [
        p.name for p in (ROOT / "docs" / "decisions").glob("[0-9]*.md") if len(p.read_text("utf-8")) > 6500
    ]
    assert not long, f"split these decisions: {long}"


def test_every_decision_is_listed_and_every_mention_leads_to_one() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text("utf-8")
    pages = {path.name for path in folder.glob("*.md")} - {"README.md"}
    assert set(re.findall(r"\]\(([^)]+\.md)\)", index)) == pages
    numbers = {name[:4] for name in pages}
    told = [
        f"{path.relative_to(ROOT)}: {number}"
        for path in SRC.rglob("*.py")
        for number in re.findall(r"\b[Dd]ecisions? (\d+)", path.read_text("utf-8"))
        if number not in numbers
    ]
    assert not told, f"decisions that docs/decisions does not have: {told}"
