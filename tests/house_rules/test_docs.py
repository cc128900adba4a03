"""What an operator can set and type stands in the documents, and nothing else does."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "mahnwerk"
VARIABLE = re.compile(r"MAHNWERK_[A-Z_]*[A-Z]")


def read_variables() -> set[str]:
    """Every string of the programme that is the name of a variable; not those of the tests' settings."""
    paths = [path for path in SRC.rglob("*.py") if path.name != "settings_test.py"]
    nodes = [node for path in paths for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    words = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {word for word in words if VARIABLE.fullmatch(word)}


def test_every_environment_variable_is_explained() -> None:
    page = (ROOT / "docs" / "operate.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `MAHNWERK_")]
    explained = [name for row in rows for name in VARIABLE.findall(row)]
    assert len(explained) == len(set(explained))
    assert set(explained) == read_variables()
