"""The code itself keeps the rules that an import graph cannot see."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "mahnwerk"
FILES = sorted(p for p in SRC.rglob("*.py") if "migrations" not in p.parts)
CLOCKS = {SRC / "usecases" / "clock.py", SRC / "records" / "ids.py"}
"""Days and times come from the first alone; the second draws unique keys, which decide nothing."""
WRITES = {
    "save", "create", "bulk_create", "bulk_update", "update", "delete", "get_or_create",
    "update_or_create", "aupdate", "acreate", "adelete", "asave",
}  # fmt: skip
MAY_WRITE = ("records", "usecases", "site")
MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 500


def name_of(path: Path) -> str:
    return str(path.relative_to(SRC))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def code_lines(path: Path, node: ast.AST) -> int:
    """Lines of a function without its docstring, comments and blank lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    first, last = node.lineno - 1, node.end_lineno or node.lineno  # type: ignore[attr-defined]
    body = node.body  # type: ignore[attr-defined]
    skip: set[int] = set()
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        skip = set(range(body[0].lineno - 1, body[0].end_lineno or 0))
    return sum(
        1
        for number in range(first, last)
        if number not in skip and lines[number].strip() and not lines[number].strip().startswith("#")
    )


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_functions_and_files_stay_short(path: Path) -> None:
    length = len(path.read_text(encoding="utf-8").splitlines())
    assert length <= MAX_FILE_LINES, f"{name_of(path)} has {length} lines: split it by noun"
    for node in functions(path):
        count = code_lines(path, node)
        assert count <= MAX_FUNCTION_LINES, f"{name_of(path)}:{node.name} has {count} code lines"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    if path.read_text(encoding="utf-8").strip():
        assert ast.get_docstring(tree_of(path)), f"{name_of(path)} lacks a docstring"


@pytest.mark.parametrize("path", [p for p in FILES if p not in CLOCKS], ids=name_of)
def test_the_clock_is_read_in_one_file(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = ast.unparse(node.func.value).split(".")[-1]
        reads = (
            node.func.attr in {"today", "now", "utcnow"} and owner in {"date", "datetime", "timezone"}
        ) or (node.func.attr in {"time", "time_ns"} and owner == "time")
        assert not reads, f"{name_of(path)}:{node.lineno} reads the clock: take the day as an argument"


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.relative_to(SRC).parts[0] not in MAY_WRITE], ids=name_of
)
def test_only_records_and_use_cases_write(path: Path) -> None:
    """Managers, query sets and model instances: `x.objects.….create()` and `model.save()`."""
    text = path.read_text(encoding="utf-8")
    if "mahnwerk.records" not in text and "django" not in text:
        return
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES:
            owner = ast.unparse(node.func.value)
            assert "objects" not in owner and not owner.endswith("connection"), (
                f"{name_of(path)}:{node.lineno} writes records: call a use case"
            )


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_dangerous(path: Path) -> None:
    """No pickles, no evaluation of text, no unsafe YAML, no shell."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name.split(".")[0] for alias in node.names} | {(getattr(node, "module", "") or "")}
            assert not names & {"pickle", "marshal", "shelve"}, f"{name_of(path)} imports a pickler"
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {
                "eval",
                "exec",
                "yaml.load",
                "yaml.unsafe_load",
                "os.system",
                "mark_safe",
            }, f"{name_of(path)}:{node.lineno} calls {called}"
            assert not any(k.arg == "shell" for k in node.keywords), (
                f"{name_of(path)}:{node.lineno} uses a shell"
            )


def test_procedures_hold_data_only() -> None:
    assert not list((SRC / "procedures").rglob("*.py"))
